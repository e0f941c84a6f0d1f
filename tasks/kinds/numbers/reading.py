"""From the cells of a column to numbers, or to a sentence: never to another number.

How numbers are written is said for the column (`numbers.decimal`, `.thousands`, `.unit`), not
guessed for a cell: 1,234 is a thousand here and a little more than 1 there.
"""

import math
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from tasks.config import NumbersConfig
from tasks.ingestion.labels import NO_VALUE
from tasks.wording import shown

PLAIN = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
WRITTEN = re.compile(r"(?P<before>[^0-9.,+-]*)(?P<number>[-+]?[0-9][0-9.,' ]*)(?P<behind>[^0-9]*)")
"""A number in some way of writing, and what stands around it."""
MARKS = {",": "a comma", ".": "several points", "'": "an apostrophe", " ": "a space"}
ENDLESS = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
FEWEST = 3
"""Numbers that all look as if their point stood between thousands, from which on that is said."""
BINS, ROWS_A_BIN = 10, 10
UNREAD = "unread_number"
"""The column that says of a row why its cell is no number."""


class NumberError(ValueError):
    """Why a cell holds no number, as the end of a sentence."""


def number_of(cell: str | None, config: NumbersConfig) -> float | None:
    """The number that a cell holds; None where it is empty or names a missing value.

    Raises:
        NumberError: it holds something else, or a number that is written in another way.
    """
    text = (cell or "").replace("\u2212", "-").replace("\u00a0", " ").replace("\u202f", " ").strip()
    if not text or text.lower() in NO_VALUE:
        return None
    if ENDLESS.fullmatch(text):
        raise NumberError("is not finite: give a number, or leave the cell empty")
    text = _without_unit(text, config.unit)
    plain = _without_thousands(text, config)
    if config.decimal != ".":
        if "." in plain:
            raise NumberError("has a point, and numbers.decimal is ','")
        plain = plain.replace(config.decimal, ".")
    if not PLAIN.fullmatch(plain):
        raise NumberError(_why(text, config))
    number = float(plain)
    if not math.isfinite(number):
        raise NumberError("is too large for a number")
    return number


def _without_unit(text: str, unit: str) -> str:
    """The text less the unit, on whichever side it stands."""
    if unit and text.lower().endswith(unit.lower()):
        return text[: -len(unit)].rstrip()
    if unit and text.lower().startswith(unit.lower()):
        return text[len(unit) :].lstrip()
    return text


def _without_thousands(text: str, config: NumbersConfig) -> str:
    mark = config.thousands
    if not mark or mark not in text:
        return text
    whole, point, decimals = text.partition(config.decimal)
    grouped = rf"[-+]?[0-9]{{1,3}}({re.escape(mark)}[0-9]{{3}})+"
    if mark in decimals or not re.fullmatch(grouped, whole):
        raise NumberError(f"has {mark!r} elsewhere than between thousands")
    return whole.replace(mark, "") + point + decimals


def _why(text: str, config: NumbersConfig) -> str:
    """What is wrong with a cell, and what to set where all are written so."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        return "is no number"
    before, number, behind = (found[name].strip() for name in ("before", "number", "behind"))
    if before and behind:
        return "is no number"
    if unit := before or behind:
        instead = f"if all numbers are in it, set numbers.unit={unit!r}"
        if config.unit:
            instead = f"convert it to {config.unit}"
        return f"has {shown(unit)} beside its number: {instead}"
    mark = next((mark for mark in MARKS if mark in number), None)
    if mark is None or (mark != "." and mark in (config.decimal, config.thousands)):
        return "is no number"
    between = f"between thousands, set numbers.thousands={mark!r}"
    if mark == ",":
        return f"has a comma: if it stands before decimals, set numbers.decimal=',', if {between}"
    also = " and numbers.decimal=','" if mark == "." else ""
    return f"has {MARKS[mark]}: if it stands {between}{also}"


def numbers_of(
    cells: Sequence[str | None], rows: Sequence[int], config: NumbersConfig
) -> tuple[list[float | None], list[str | None], list[str]]:
    """The number of each cell, what is wrong with the cell, and what is odd about the column.

    Args:
        cells: of the column.
        rows: the number of each in the source, for messages.
        config: how numbers are written.

    Returns:
        Numbers, None where there is none; sentences about cells that cannot be read, None for the
        others; and notes.
    """
    found: list[float | None] = []
    unread: list[str | None] = []
    for cell in cells:
        try:
            found.append(number_of(cell, config))
            unread.append(None)
        except NumberError as error:
            found.append(None)
            unread.append(f"{shown(cell or '')} {error}")
    wrong = [(row, why) for row, why in zip(rows, unread, strict=True) if why]
    notes = []
    if wrong:
        (row, why), more = wrong[0], len(wrong) - 1
        others = f"; {more:,} more rows like it" if more else ""
        notes.append(f"no number can be read in row {row}, whose cell {why}{others}")
    return found, unread, [*notes, *_perhaps_thousands(cells, config)]


def _perhaps_thousands(cells: Sequence[str | None], config: NumbersConfig) -> list[str]:
    """What to set where every decimal mark might stand between thousands."""
    mark = config.decimal
    marked = [cell.strip() for cell in cells if cell and mark in cell]
    grouped = re.compile(rf"\D*[1-9][0-9]{{0,2}}{re.escape(mark)}[0-9]{{3}}\D*")
    if len(marked) < FEWEST or not all(map(grouped.fullmatch, marked)):
        return []
    instead = "," if mark == "." else "."
    return [
        f"numbers such as {shown(marked[0])} were read with decimals behind {mark!r}: if it stands "
        f"between thousands, set numbers.thousands={mark!r} and numbers.decimal={instead!r}"
    ]


def numbers_in(examples: pd.DataFrame) -> np.ndarray:
    """(rows,) from the column `labels` of prepared or stored rows; NaN where it is empty."""
    return np.array([float(row[0]) if len(row) else np.nan for row in examples["labels"]])


def in_ranges(numbers: np.ndarray) -> list[list[str]]:
    """Each number's tenth of the range, named by its ends; nothing for NaN."""
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return [[] for _ in numbers]
    return _named(numbers, np.linspace(known.min(), known.max(), BINS + 1))


def in_quantiles(numbers: np.ndarray) -> list[list[str]]:
    """Each number's quantile, named by its ends: ten of about equal size, fewer for few rows."""
    count = int(np.clip(len(numbers) // ROWS_A_BIN, 1, BINS))
    return _named(numbers, np.quantile(numbers, np.linspace(0, 1, count + 1)))


def _named(numbers: np.ndarray, edges: np.ndarray) -> list[list[str]]:
    edges = np.unique(edges)
    names = [f"{low:.6g} to {high:.6g}" for low, high in pairwise(edges)] or [f"{edges[0]:.6g}"]
    if len(set(names)) < len(names):  # ends that differ too late to be written apart
        names = [f"{number}. {name}" for number, name in enumerate(names, 1)]
    place = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(names) - 1)
    known = zip(place, ~np.isnan(numbers), strict=True)
    return [[names[at]] if is_number else [] for at, is_number in known]
