"""`docs/chapters.md` says of every book profile what `thaw show` says, and leaves nothing out."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.config.case_files import read_case_file
from tasks.config.loading import load_case

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "chapters.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^thaw show (\w+) --profile (\w+)$", re.MULTILINE)
ROW = re.compile(r"^\| `([\w.]+)` \| (.+?) \| `(.*)` \| (.*) ?\|$", re.MULTILINE)
WHOLE = {"data.columns", "data.rename_values", "data.rename_labels", "split.rows"}
"""Fields that are mappings themselves."""
SECTIONS = {
    COMMAND.search(text).groups(): text  # type: ignore[union-attr]
    for text in PAGE.split("\n## ")[1:]
    if COMMAND.search(text)
}
NO_CHAPTER = {"acceptability", "urgency"}


def leaves(fields: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in fields.items():
        inner = isinstance(value, Mapping) and f"{prefix}{name}" not in WHOLE
        yield from leaves(value, f"{prefix}{name}.") if inner else [f"{prefix}{name}"]


def test_every_chapters_profile_has_a_table() -> None:
    cases = [path.stem for path in (ROOT / "conf").glob("*.yaml")]
    wanted = {
        (case, profile)
        for case in cases
        for profile in read_case_file(case).get("profiles") or {}
        if profile != "sample" and case not in NO_CHAPTER
    }
    assert set(SECTIONS) == wanted


@pytest.mark.parametrize("section", SECTIONS, ids=" ".join)
def test_a_table_agrees_with_the_profile(section: tuple[str, str]) -> None:
    case, profile = section
    resolved = load_case(case, profile).model_dump(mode="json")
    rows = {field: (chapter, told) for field, chapter, told, _ in ROW.findall(SECTIONS[section])}
    assert set(rows) == set(leaves(read_case_file(case)["profiles"][profile]))
    for field, (chapter, shown) in rows.items():
        found: Any = resolved
        for name in field.split("."):
            found = found[name]
        said = yaml.safe_load(shown.replace("\\|", "|"))
        if field == "rewards":
            pairs = zip(found, said, strict=True)
            found = [{name: part[name] for name in told} for part, told in pairs]
        if isinstance(found, float) and not isinstance(said, list):
            said = float(said)
        assert said == found, f"{field}: the page says {shown}"
        assert chapter.strip(), field
