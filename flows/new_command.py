"""`thaw new`: a case of a user's own from one file."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tasks.errors import RequestError
from tasks.wording import nearest

ROOM = 76
"""Characters of an example that the terminal shows."""


@click.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="The case's name (default: the file's).")
@click.option("--text", "texts", metavar="COLUMN,…", help="The columns that are read.")
@click.option(
    "--label",
    "labels",
    metavar="COLUMN",
    help="The column with what is to be learned; several (of 0 and 1) where each is a label.",
)
@click.option(
    "--task",
    help="What is learned, where the file does not say it (single_label, regression, …).",
)
@click.option("--group", metavar="COLUMN", help="Rows with one value of it stay in one part.")
@click.option("--pair", is_flag=True, help="Two columns of texts are given as a pair.")
@click.option(
    "--member", metavar="NAME", help="The file that is meant in a zip archive of several."
)
@click.option("--encoding", help="Of a text file that is not UTF-8 (cp1252, utf-16, gb18030 …).")
@click.option("--base", help="The base model: a name, a folder or a hub id.")
@click.option("--force", is_flag=True, help="Write over a case of that name.")
@click.option("--run", "run_it", is_flag=True, help="Run the case at once.")
@click.pass_context
def new(
    context: click.Context,
    file: Path,
    name: str | None,
    texts: str | None,
    labels: str | None,
    task: str | None,
    group: str | None,
    pair: bool,
    member: str | None,
    encoding: str | None,
    base: str | None,
    force: bool,
    run_it: bool,
) -> None:
    """Make a case of your own from FILE: says what it understood, and writes NAME.yaml here.

    FILE is CSV, TSV, JSON, JSON lines or Parquet: texts with a label (or several, or a number),
    questions with answers, chats, answers of which one is better, or questions about pictures
    (a column of their paths); or a folder of such questions in the layout of VQA v2.

    \b
    Examples:
      thaw new tickets.csv
      thaw new tickets.csv --text subject,message --label team --run
      thaw new claims.csv --text premise,claim --label verdict --pair
      thaw new pairs.csv --text English --label LaTeX --name formulas
    """
    from tasks.drafting.form import form_of
    from tasks.drafting.recipes import RECIPES
    from tasks.drafting.told import Wishes
    from tasks.drafting.understanding import draft

    case = _place(name or _free_name(file), force)
    if task is not None and task not in RECIPES:
        raise RequestError(
            f"--task {task}{nearest(task, RECIPES)}: use one of {', '.join(RECIPES)}."
        )
    wishes = Wishes(_listed(texts), _listed(labels), task, group, pair)
    click.echo(f"Reading {file} …", err=True)
    if file.is_dir():
        if wishes != Wishes():
            raise RequestError(
                f"{file} is a folder of questions about pictures, which says itself what is asked: "
                "leave out --text, --label, --task, --group and --pair."
            )
        from tasks.kinds.pictures.drafting import draft_folder

        understood = draft_folder(file, case, base)
    else:
        form = form_of(file, member, encoding)
        pictures = None
        if wishes == Wishes():
            from tasks.kinds.pictures.from_table import folder_of_table, picture_column

            pictures = picture_column(form)
        if pictures is not None:
            from tasks.kinds.pictures.drafting import draft_folder

            folder = case.with_name(f"{case.stem}_pictures")
            for line in folder_of_table(form, pictures, folder, force):
                click.echo(line)
            understood = draft_folder(folder, case, base)
        else:
            told = _told(form, wishes)
            click.echo("Reading it as a run would …", err=True)
            understood = draft(form, told, case, base)
    click.echo(f"{file} is understood as")
    for fact in understood.facts:
        click.echo(f"  {fact}")
    if understood.unsure:
        click.echo("\nNot sure:")
    for doubt in understood.unsure:
        click.echo(f"  {doubt}")
    click.echo("\nWhat the model will read, and should answer:")
    for text, answer in understood.examples:
        click.echo(f"  {_cut(text)}\n    -> {_cut(answer)}")
    click.echo(f"\n{case} written. Next:")
    for command in understood.commands:
        click.echo(f"  {command}")
    if run_it:
        commands = context.find_root().command
        assert isinstance(commands, click.Group)  # noqa: S101 - `thaw` itself
        context.invoke(commands.commands["run"], case=str(case), overrides=())


def _free_name(file: Path) -> str:
    """The file's name as a case's; of one that Thaw has already, with `my_` before it."""
    from tasks.config.case_files import case_names

    name = re.sub(r"[^\w-]+", "_", file.stem).strip("_")
    return f"my_{name}" if name in case_names() else name


def _place(name: str, force: bool) -> Path:
    """Where the case is to lie.

    Raises:
        RequestError: a name that is no case's, or is taken.
    """
    from tasks.config.case_files import case_names, is_name

    if not is_name(name):
        raise RequestError(
            f"{name!r} is no name for a case: give one with --name (a letter of a to z or a "
            "digit, then letters, digits, _ and -, 80 at most)."
        )
    case = Path(f"{name}.yaml")
    if case.exists() and not force:
        raise RequestError(f"{case} is there already: give another --name, or --force.")
    if name in case_names():
        raise RequestError(f"There is a case called {name} already: give another --name.")
    return case


def _told(form: Any, wishes: Any) -> Any:
    """What the file is taken for; on a terminal, what could be meant alike is asked."""
    from tasks.drafting.telling import tell
    from tasks.drafting.told import AmbiguousError

    while True:
        try:
            return tell(form, wishes)
        except AmbiguousError as doubt:
            if not sys.stdin.isatty():
                raise
            click.echo(f"{doubt.what}.", err=True)
            chosen = click.prompt("Which", type=click.Choice(doubt.candidates), err=True)
            field = doubt.option.removeprefix("--")
            wishes = replace(wishes, **{field: chosen if field == "task" else (chosen,)})


def _listed(names: str | None) -> tuple[str, ...]:
    found = (name.strip() for name in (names or "").split(","))
    return tuple(dict.fromkeys(name for name in found if name))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= ROOM else f"{line[: ROOM - 1]}…"
