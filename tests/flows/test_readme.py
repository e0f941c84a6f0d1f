"""Every command that a page or a help text shows can be given as it stands."""

import re
import shlex
from pathlib import Path

import click
import pytest
from genre_runs import ROOT

from flows.cli import cli
from tasks.config.chains import load_any

README = ROOT / "README.md"
PAGES = [README, *sorted(p for p in (ROOT / "docs").glob("*.md") if p.stem != "index")]
BLOCK = re.compile(r"^```(?:bash|console|sh|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def own_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The case that pages and help call their own: in the current folder and in THAW_CONF."""
    case = "task: single_label\ntitle: Teams\nstrategies: [head]\nmodel: {base: minilm}\n"
    (tmp_path / "tickets.yaml").write_text(f"{case}data: {{path: tickets.csv}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THAW_CONF", str(tmp_path))


def commands_of(page: Path) -> list[str]:
    """The `thaw …` commands of a page's shell blocks; a backslash joins two lines."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    bare = [re.sub(r"^\s*(\$ )?(\w+=\S+ )*(\.venv/bin/)?", "", line) for line in lines]
    return [line for line in bare if line.startswith("thaw ")]


def parse(line: str) -> None:
    """Resolve a command down to its last option, and its overrides to a configuration.

    Raises:
        UsageError, ThawError: it could not be run as it stands.
    """
    words = shlex.split(re.split(r"\s[|>]\s", line)[0], comments=True)[1:]
    with cli.make_context("thaw", words) as context:
        name, command, rest = cli.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        if command is None:
            raise click.UsageError(f"{line}: no such command")
        with command.make_context(name, rest, parent=context) as inner:
            fields = {"profile": None, "overrides": ()} | inner.params
            cases = fields.get("cases") or filter(None, [fields.get("case")])
            for case in cases:
                load_any(case, fields["profile"], fields["overrides"])


def test_the_readme_shows_the_main_commands() -> None:
    commands = commands_of(README)
    for start in ("thaw run genre", "thaw predict genre", "thaw compare genre"):
        assert any(line.startswith(start) for line in commands), start


@pytest.mark.parametrize(
    "line",
    [pytest.param(line, id=f"{page.stem}: {line}") for page in PAGES for line in commands_of(page)],
)
def test_a_command_of_a_page(line: str) -> None:
    parse(line)


LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        if target.startswith("http"):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{page.name}: {target}"
        titles = HEADING.findall(there.read_text("utf-8")) if anchor else []
        known = {re.sub(r"[^\w\s-]", "", each.lower()).replace(" ", "-") for each in titles}
        assert not anchor or anchor in known, f"{page.name}: {target}#{anchor}"


def test_every_page_is_reached_from_the_readme() -> None:
    links = {target for target, _ in LINK.findall(README.read_text("utf-8"))}
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= links


HELP = [
    line.strip()
    for command in (cli, *cli.commands.values())
    for line in (command.help or "").splitlines()
    if line.strip().startswith("thaw ")
]


@pytest.mark.parametrize("line", HELP)
def test_a_command_of_the_help(line: str) -> None:
    parse(line)


def test_a_wrong_command_does_not_pass() -> None:
    for line in ("thaw run genre --epochs 3", "thaw train genre", "thaw predict"):
        with pytest.raises(click.UsageError):
            parse(line)
    with pytest.raises(Exception, match=r"training\.epochs"):
        parse("thaw run genre -o training.epoch=3  # a comment")


def test_commands_are_found_in_a_page(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(
        "```bash\nmake demo\nthaw run genre \\\n  -o seeds=[1]\n```\nthaw in a sentence\n"
        "```console\n$ thaw list\ngenre  Multi-label\n```\n```python\nthaw = 1\n```\n"
    )
    assert [line.split() for line in commands_of(page)] == [
        ["thaw", "run", "genre", "-o", "seeds=[1]"],
        ["thaw", "list"],
    ]
