"""`thaw export`: the champion as a plain model, or the data for hosted fine-tuning."""

import json
import shlex
import shutil
from pathlib import Path

import click

from flows.options import OVERRIDE, PROFILE
from tasks.config.chains import answering_case
from tasks.config.loading import load_case
from tasks.errors import RequestError


@click.command()
@click.argument("case")
@click.option(
    "--format",
    "form",
    type=click.Choice(["completion", "chat"]),
    help="completion (the chapter's) or chat (default: hosted.format).",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the files (default: CASE-hosted)."
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    help="Instead: write the champion into this folder, as a model that needs nothing of Thaw.",
)
@click.option(
    "--onnx",
    is_flag=True,
    help="With --to: a model of labels or of a number as an ONNX file, too, which needs no torch.",
)
@click.option(
    "--int8",
    is_flag=True,
    help="With --onnx: a smaller file beside it, and what its answers lose on the test part.",
)
@click.option("--alias", default="champion", show_default=True, help="With --to: which version.")
@click.option("--with-test", is_flag=True, help="Write the test part too; it is kept back else.")
@PROFILE
@OVERRIDE
def export(
    case: str,
    form: str | None,
    out: Path | None,
    folder: Path | None,
    onnx: bool,
    int8: bool,
    alias: str,
    with_test: bool,
    profile: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Write the champion of CASE as a plain model, or its data for hosted fine-tuning.

    With --to, the folder holds what transformers loads, the labels, and a `predict.py` that answers
    as the champion does. Without, JSONL files as OpenAI's fine-tuning takes them.

    \b
    Examples:
      thaw export tickets.yaml --to tickets-model
      thaw export tickets.yaml --to tickets-model --onnx --int8
      thaw export reviews --format completion
      thaw export reviews --format chat --out files -o hosted.epochs=3
    """
    if int8 and not onnx:
        raise RequestError("--int8 goes with --onnx, whose file it makes smaller.")
    if folder is not None:
        take_away(case, folder, alias, onnx, int8, profile)
        return
    if onnx:
        raise RequestError("--onnx goes with --to FOLDER, into which the model is written.")
    from tasks.hosted.checking import single_label
    from tasks.hosted.export import export_case

    config = single_label(load_case(case, profile, overrides))
    if form:
        hosted = config.hosted.model_copy(update={"format": form})
        config = config.model_copy(update={"hosted": hosted})
    from flows.quiet import install

    install()
    exported = export_case(config, out or Path(f"{config.case}-hosted"), with_test)
    for file, report in exported.files.items():
        click.echo(
            f"{file}: {report.rows:,} rows, {report.tokens:,} tokens by "
            f"{config.hosted.tokenizer}, the longest {report.longest:,} (row {report.longest_row})"
        )
    click.echo(exported.estimate)


def take_away(
    case: str,
    folder: Path,
    alias: str,
    onnx: bool = False,
    int8: bool = False,
    profile: str | None = None,
) -> None:
    """Write a registered version into a folder of its own.

    Raises:
        RequestError: there is none, the folder is not empty, or it is no such model.
    """
    config = answering_case(case, profile)
    from flows.quiet import install
    from tasks.kinds.kind import kind_of
    from tasks.registry.arm_prediction import texts_of_test
    from tasks.registry.onnx_file import require_onnx, write_int8, write_onnx
    from tasks.registry.prediction import registered
    from tasks.registry.taking_away import name_base, require_empty
    from tasks.tracking import Tracker

    require_empty(folder)
    if onnx:
        require_onnx()
    install()
    name, made = config.registry.name or config.case, not folder.exists()
    package = registered(name, config.tracking.uri, alias).package
    try:
        kind_of(config.task).take_away(package, folder)
        tracker = Tracker(config.tracking.uri)
        version = tracker.alias(name, alias)
        trained = tracker.params(str(version.run_id)) if version is not None else {}
        if base := trained.get("model.base"):  # none where the run is gone
            name_base(folder, base, trained.get("base_digest", ""))
        if onnx:
            write_onnx(package, folder)
        if int8:
            arm = tracker.tags(str(version.run_id)).get("thaw.arm") if version else None
            click.echo(write_int8(folder, texts_of_test(arm)))
    except BaseException:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    about = json.loads((folder / "about.json").read_text("utf-8"))
    asked = '"a text" "a second one"' if about.get("pair") else '"a text"'
    click.echo(
        f"{folder} holds {name}@{alias}: python {shlex.quote(str(folder / 'predict.py'))} {asked}"
    )
