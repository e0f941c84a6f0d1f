"""Files of invented rows, as tests of what is read from a file write them."""

import csv
import random
from pathlib import Path
from typing import Any

from tasks.drafting.form import form_of
from tasks.drafting.telling import tell
from tasks.drafting.told import Told, Wishes

WORDS = (
    *("river", "lamp", "quiet", "market", "stone", "paper"),
    *("garden", "winter", "bridge", "copper", "story", "morning"),
)


def said(n: int) -> str:
    """A sentence that no other row has."""
    chosen = random.Random(n).choices(WORDS, k=9)  # noqa: S311 - a text
    return f"{' '.join(chosen).capitalize()}, number {n}."


def rows(count: int = 60, **columns: Any) -> list[dict[str, Any]]:
    """Rows of a text and, for each column, a function of the row's number."""
    return [{name: make(n) for name, make in columns.items()} for n in range(count)]


def csv_file(
    path: Path, found: list[dict[str, Any]], separator: str = ",", header: bool = True
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        if header:
            writer.writerow(found[0])
        writer.writerows(row.values() for row in found)
    return path


def told(path: Path, **wishes: Any) -> Told:
    return tell(form_of(path), Wishes(**wishes))
