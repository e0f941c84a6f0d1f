"""From the cells of a column to the numbers that a case learns, and what is odd about them."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from tasks.config import NumbersConfig
from tasks.ingestion.amounts import NumberError, number_of
from tasks.wording import shown

FEWEST = 3
"""Numbers that all look as if their point stood between thousands, from which on that is said."""
BINS, ROWS_A_BIN = 10, 10
UNREAD = "unread_number"
"""The column that says of a row why its cell is no number."""


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
