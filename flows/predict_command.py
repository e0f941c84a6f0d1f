"""`thaw predict`: answers of the champion, or of any arm of the latest sweep."""

import json
from pathlib import Path

import click

from flows.importing import importing
from flows.options import PROFILE
from tasks.config.chains import answering_case
from tasks.errors import RequestError


@click.command()
@click.argument("case")
@click.argument("texts", nargs=-1)
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    help="Texts, one a line; or CSV, TSV, JSON, JSON lines or Parquet with the case's columns.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the answers, each beside its row, to a .csv, .tsv, .jsonl or .parquet file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--alias", default="champion", show_default=True, help="Which registered version.")
@click.option(
    "--strategy", metavar="NAME", help="The arm of this strategy in the latest sweep instead."
)
@click.option(
    "--beams",
    type=click.IntRange(1, 64),
    help="Search with so many beams (cases that write; 1: greedy).",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The picture that is asked about: one for all questions, or one for each.",
)
@PROFILE
def predict(
    case: str,
    texts: tuple[str, ...],
    file: Path | None,
    out: Path | None,
    as_json: bool,
    alias: str,
    strategy: str | None,
    beams: int | None,
    images: tuple[Path, ...],
    profile: str | None,
) -> None:
    """Predict with the champion of CASE, or with any arm of its latest finished sweep.

    \b
    Examples:
      thaw predict genre "A retired swordsman opens a noodle bar for ghosts."
      thaw predict genre --file synopses.txt --json
      thaw predict tickets.yaml --file new.csv --out answers.csv
      thaw predict genre --strategy head "A retired swordsman opens a noodle bar for ghosts."
      thaw predict latex "g of x equals integral from 0 to 1 of x squared" --beams 4
      thaw predict vqa --image photo.jpg "what colour is the wall?" "how many people are there?"
      thaw predict urgency "The lift is stuck, and my aunt is in it."
      thaw predict vqa --file questions.jsonl --json
      thaw predict sawyer_reward "Is tea a drink?" "Yes, it is." "No, tea is a stone."
    """
    config = answering_case(case, profile)
    case = config.case
    with importing():
        from flows.quiet import install
        from tasks.kinds.kind import kind_of
        from tasks.registry import prediction
        from tasks.registry.answers_file import check_out, write_answers
        from tasks.registry.prediction import UNANSWERED

    if out is not None:
        check_out(out, file)
    kind = kind_of(config.task)
    rows, sent, params = kind.asked(config, texts, file, images)
    if strategy is not None and alias != "champion":
        raise RequestError(
            "--alias names a registered version and --strategy an arm of a sweep: give one of them."
        )
    if beams is not None and not kind.beams:
        raise RequestError(f"--beams is for cases that write, and {case} is none: leave it.")
    install()
    with importing():
        if strategy is None:
            model = prediction.load_champion(
                config.registry.name or case, config.tracking.uri, alias
            )
        else:
            from tasks.registry.arm_prediction import load_arm

            model = load_arm(kind, case, strategy, config.tracking.uri)
    params |= {"beams": beams} if beams else {}
    answers = kind.in_order(rows, prediction.predict(model, sent, params or None))
    unanswered = [answer[UNANSWERED] for answer in answers if UNANSWERED in answer]
    if unanswered:
        click.echo(
            f"{len(unanswered):,} of {len(answers):,} rows have no answer ({unanswered[0]}).",
            err=True,
        )
    if out is not None:
        write_answers(answers, out)
        click.echo(f"{out} written: {len(answers):,} answers.")
        return
    for answer in answers:
        line = f"({answer[UNANSWERED]})" if UNANSWERED in answer else kind.line(answer)
        click.echo(json.dumps(answer, ensure_ascii=False) if as_json else line)
