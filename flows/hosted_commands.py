"""`thaw export` and `thaw cancel`: files for OpenAI's fine-tuning, and its jobs."""

from pathlib import Path

import click

from flows.options import OVERRIDE, PROFILE
from tasks.config.case_files import read_case_file
from tasks.config.loading import load_case


@click.command()
@click.argument("case")
@click.option(
    "--format",
    "form",
    type=click.Choice(["completion", "chat"]),
    help="completion (the chapter's) or chat (default: hosted.format).",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the files (default: CASE-openai)."
)
@click.option("--with-test", is_flag=True, help="Write the test part too; it is kept back else.")
@PROFILE
@OVERRIDE
def export(
    case: str,
    form: str | None,
    out: Path | None,
    with_test: bool,
    profile: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Write CASE as the JSONL files that OpenAI's fine-tuning takes.

    \b
    Examples:
      thaw export reviews --format completion
      thaw export reviews --format chat --out files -o hosted.epochs=3
    """
    from tasks.hosted.export import export_case, single_label

    config = single_label(load_case(case, profile, overrides))
    if form:
        hosted = config.hosted.model_copy(update={"format": form})
        config = config.model_copy(update={"hosted": hosted})
    from flows.quiet import install

    install()
    exported = export_case(config, out or Path(f"{case}-openai"), with_test)
    for file, report in exported.files.items():
        click.echo(
            f"{file}: {report.rows:,} rows, {report.tokens:,} tokens by "
            f"{config.hosted.tokenizer}, the longest {report.longest:,} (row {report.longest_row})"
        )
    click.echo(exported.estimate)


@click.command()
@click.argument("case")
def cancel(case: str) -> None:
    """Cancel the hosted fine-tuning jobs of CASE that are under way.

    \b
    Example:
      thaw cancel reviews
    """
    read_case_file(case)
    from tasks.hosted.job import cancel_jobs

    for job in cancel_jobs(case):
        click.echo(f"{job.id}: {job.status}")
