"""Which row goes into which part: duplicates, then groups, then stratification.

    assignment = assign_parts(examples, config.split)
    frames = assignment.frames(examples)  # {"train": …, "validation": …, "test": …}

The parts depend on what the rows hold and on `split.seed`, not on the order of the rows: all work
is done in the order of the texts' fingerprints. One thing depends on a row's number: of an
exactly repeated text the row that comes first in the source is kept, with its labels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.config import SplitConfig
from tasks.errors import RequestError
from tasks.splitting.report import SplitReport, notes_on, spread_labels
from tasks.splitting.stratify import count_labels, divide, divide_by_size
from tasks.splitting.units import Units, find_units, largest_unit

PARTS = ("train", "validation", "test")
DROPPED = "dropped"

_LEAST_OF_REQUEST = 0.5  # a part with less than this of the rows asked for is no such part


@dataclass(frozen=True)
class Assignment:
    """The part of every row, and what it came to."""

    part: pd.Series
    """`train`, `validation`, `test` or `dropped`, indexed as the examples."""
    group: pd.Series
    """Number of the group that stays together, from 0; a dropped row has its text's group."""
    report: SplitReport

    def frames(self, examples: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """The rows of each part in source order, with a column `group`, without dropped rows."""
        grouped = examples.assign(group=self.group)
        return {
            name: grouped[self.part == name].sort_values("row", ignore_index=True) for name in PARTS
        }


def assign_parts(examples: pd.DataFrame, config: SplitConfig) -> Assignment:
    """Divide usable examples into three parts.

    Rows end up in one part if their texts are equal or nearly so (`config.near_duplicates`), if
    they belong to one group (`config.group_by`), or if a chain of such ties connects them.

    Args:
        examples: one usable example a row: `row` (number in the source), `text` (not empty),
            `labels` (a list of one or more), and `config.group_role` where groups are asked for.
        config: the shares, the seed and what counts as the same.

    Raises:
        RequestError: too few rows, a missing group column, or a group so large that no three
            parts come about.
    """
    shares = (1 - config.validation - config.test, config.validation, config.test)
    _require_rows(len(examples), 0, shares, config)
    units = find_units(examples, config)
    _require_rows(len(units.used), len(examples) - len(units.used), shares, config)

    unit = units.of_used
    labels = examples["labels"].tolist()
    counts, names = count_labels([labels[position] for position in units.used], unit)
    sizes = np.bincount(unit)
    division = divide(counts, sizes, shares, config.seed)
    if _short_part(division, sizes, shares) is not None:
        division = divide_by_size(sizes, shares)
    short = _short_part(division, sizes, shares)
    name, largest = largest_unit(examples, config, units)
    if short is not None:
        raise RequestError(
            f"The group {name!r} holds {largest} of the {len(unit)} usable rows and stays whole, "
            f"so {PARTS[short]} would get {sizes[division == short].sum()} rows where "
            f"{shares[short] * len(unit):.0f} were asked for: add rows of other groups, set "
            "split.group_by=none, or raise split.near_duplicates."
        )

    part = np.full(len(examples), DROPPED, dtype=object)
    part[units.used] = np.array(PARTS, dtype=object)[division[unit]]
    rows = {name: int((part == name).sum()) for name in PARTS}
    spread = spread_labels(counts, names, division, PARTS)
    requested = dict(zip(PARTS, shares, strict=True))
    dropped = len(examples) - len(unit)
    conflicting = _count_conflicts(labels, units)
    report = SplitReport(
        rows=len(examples),
        parts=rows,
        requested=requested,
        repeated=len(examples) - len(units.of_text),
        dropped=dropped,
        conflicting=conflicting,
        near_clusters=units.near_clusters,
        near_texts=units.near_texts,
        groups=len(sizes),
        largest_group=name,
        largest_group_rows=largest,
        labels=spread,
        notes=notes_on(rows, requested, spread, dropped, conflicting),
    )
    return Assignment(
        part=pd.Series(part, index=examples.index, dtype="str", name="part"),
        group=pd.Series(units.of_text[units.text], index=examples.index, name="group"),
        report=report,
    )


def _require_rows(usable: int, repeated: int, shares: Sequence[float], config: SplitConfig) -> None:
    """Refuse data in which some part would not even be owed a row."""
    least = math.ceil(1 / min(shares) - 1e-9)
    if usable < least:
        repeats = f" ({repeated} more repeat a text)" if repeated else ""
        raise RequestError(
            f"{usable} usable rows{repeats} are too few for three parts: with "
            f"split.validation={config.validation:g} and split.test={config.test:g} at least "
            f"{least} are needed, so that each part comes to a row."
        )


def _short_part(division: np.ndarray, sizes: np.ndarray, shares: Sequence[float]) -> int | None:
    """The part that has least of the rows asked for, if that is too little of them."""
    rows = np.bincount(division, weights=sizes, minlength=len(shares))
    reached = rows / (np.array(shares) * sizes.sum())
    return int(reached.argmin()) if reached.min() < _LEAST_OF_REQUEST else None


def _count_conflicts(labels: Sequence[Sequence[str]], units: Units) -> int:
    """Texts that stand in several rows with different labels."""
    repeated = np.flatnonzero(np.bincount(units.text)[units.text] > 1)
    seen: dict[int, set[frozenset[str]]] = {}
    for position in repeated.tolist():
        seen.setdefault(int(units.text[position]), set()).add(frozenset(labels[position]))
    return sum(len(different) > 1 for different in seen.values())
