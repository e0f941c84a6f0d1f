"""Which row goes into which part: repeated texts, then groups, then stratification.

    assignment = assign_parts(examples, config.split)
    frames = assignment.frames(examples)  # {"train": …, "validation": …, "test": …}

The parts depend on what the rows hold and on `split.seed`, not on the order of the rows: all work
is done in the order of the texts' fingerprints. One thing depends on a row's number: of the rows
that may stand for an exactly repeated text (`repeats.py`) the first in the source is kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from tasks.config import SplitConfig
from tasks.errors import RequestError
from tasks.splitting.duplicates import fingerprints
from tasks.splitting.given_test import rows_of_test, train_beside_test
from tasks.splitting.limits import rows_over_limit
from tasks.splitting.repeats import settle
from tasks.splitting.report import LeftOut, SplitReport, notes_on, spread_labels
from tasks.splitting.stratify import (
    count_labels,
    divide,
    divide_by_size,
    place_rare_labels,
)
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
    """Number of the group that stays together, from 0; a dropped row has its text's group, or -1
    where no row stands for the text."""
    report: SplitReport

    def frames(self, examples: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """The rows of each part in the order they came in, with `group`, without dropped rows."""
        grouped = examples.assign(group=self.group)
        return {name: grouped[self.part == name].reset_index(drop=True) for name in PARTS}


def assign_parts(examples: pd.DataFrame, config: SplitConfig) -> Assignment:
    """Divide usable examples into three parts.

    Rows end up in one part if their texts are equal or nearly so (`config.near_duplicates`), if
    they belong to one group (`config.group_by`), or if a chain of such ties connects them. Where
    the data says which rows are the test part (`config.test_role`), the other rows that are tied
    to one of them are left out.

    Args:
        examples: one usable example a row: `row` (number in the source), `text` (not empty),
            `labels` (a list of one or more), and the roles that the configuration reads.
        config: the shares, the seed and what counts as the same.

    Raises:
        RequestError: too few rows, a missing column, or a group so large that no three parts
            come about.
    """
    _require_rows(len(examples), 0, config)
    labels = examples["labels"].tolist()
    in_test = rows_of_test(examples, config)
    marks = fingerprints(examples["text"].tolist())
    text = np.unique(marks, return_inverse=True)[1]
    repeats = settle(text, labels, config.conflicts, in_test)
    standing = np.flatnonzero(repeats.stands)
    _require_rows(len(standing), len(examples) - len(standing), config)

    chosen = examples.iloc[standing]
    units = find_units(chosen, config, marks[standing])
    repeated = int(len(standing) - len(units.used))
    near_test = 0
    if in_test is not None:
        beside = train_beside_test(units.of_used, in_test[standing[units.used]])
        near_test = int(beside.sum())
        units = replace(units, used=units.used[~beside])
    used, unit = standing[units.used], units.of_used
    counts, _ = count_labels([labels[position] for position in used], unit)
    given = np.zeros(len(used), dtype=bool) if in_test is None else in_test[used]
    _require_rows(int((~given).sum()), len(examples) - len(used), config)
    division, requested = _divide_units(chosen, units, counts, given, config)

    part = np.full(len(examples), DROPPED, dtype=object)
    part[used] = np.array(PARTS, dtype=object)[division[unit]]
    cut = {name: int((part == name).sum()) for name in PARTS}
    over = rows_over_limit(
        part[used], [labels[position] for position in used], config.rows, config.seed
    )
    part[used[over]] = DROPPED
    kept = used[~over]
    counts_of_kept, names = count_labels(
        [labels[position] for position in kept], np.arange(len(kept))
    )
    spread = spread_labels(counts_of_kept, names, division[unit[~over]], PARTS)
    name, largest = largest_unit(chosen, config, units)
    left_out = LeftOut(
        repeated=repeated,
        of_test=repeats.of_test,
        near_test=near_test,
        conflicting=int((~repeats.stands).sum()) - repeats.of_test,
        over_limit=int(over.sum()),
    )
    group_of_text = np.full(text.max() + 1, -1, dtype=np.int64)
    group_of_text[text[standing]] = units.of_text[units.text]
    report = SplitReport(
        rows=len(examples),
        parts={name: int((part == name).sum()) for name in PARTS},
        requested=dict(zip(PARTS, requested, strict=True)),
        repeated=len(examples) - len(group_of_text),
        dropped=len(examples) - len(kept),
        left_out=left_out,
        conflicting=repeats.conflicting,
        conflicts=config.conflicts,
        unsettled=repeats.unsettled,
        near_clusters=units.near_clusters,
        near_texts=units.near_texts,
        groups=int(unit.max()) + 1,
        largest_group=name,
        largest_group_rows=largest,
        labels=spread,
    )
    return Assignment(
        part=pd.Series(part, index=examples.index, dtype="str", name="part"),
        group=pd.Series(group_of_text[text], index=examples.index, name="group"),
        report=report.model_copy(update={"notes": notes_on(report, cut)}),
    )


def _divide_units(
    examples: pd.DataFrame,
    units: Units,
    counts: csr_array,
    given: np.ndarray,
    config: SplitConfig,
) -> tuple[np.ndarray, tuple[float, float, float]]:
    """The part of each unit, a position in `PARTS`, and the share of the rows each should have.

    Args:
        examples: the rows that `units` are of.
        units: what stays together.
        counts: int (units, labels) of `count_labels`.
        given: bool (used rows,): rows that the data puts into the test part, in units of their
            own.
        config: the shares and the seed.
    """
    unit = units.of_used
    sizes = np.bincount(unit)
    free = np.bincount(unit, weights=given) == 0
    shares = _shares(config)
    division = np.full(len(sizes), PARTS.index("test"))
    division[free] = divide(counts[free], sizes[free], shares, config.seed)
    if _short_part(division[free], sizes[free], shares) is not None:
        division[free] = divide_by_size(sizes[free], shares)
    else:
        dealt = division[free]
        place_rare_labels(dealt, counts[free])
        if _short_part(dealt, sizes[free], shares) is None:
            division[free] = dealt
    short = _short_part(division[free], sizes[free], shares)
    if short is not None:
        name, largest = largest_unit(examples, config, units)
        rows = int(sizes[free].sum())
        raise RequestError(
            f"The group {name!r} holds {largest} of the {len(unit)} usable rows and stays whole, "
            f"so {PARTS[short]} would get {sizes[division == short].sum()} rows where "
            f"{shares[short] * rows:.0f} were asked for: add rows of other groups, set "
            "split.group_by=none, or raise split.near_duplicates."
        )
    tested = float(given.mean())
    train, validation, *test = (share * (1 - tested) for share in shares)
    return division, (train, validation, test[0] if test else tested)


def _shares(config: SplitConfig) -> tuple[float, ...]:
    """What each part that has to be cut should have of the rows; test last, where it is cut."""
    if config.test_role is not None:
        return (1 - config.validation, config.validation)
    return (1 - config.validation - config.test, config.validation, config.test)


def _require_rows(usable: int, left_out: int, config: SplitConfig) -> None:
    """Refuse data in which some part would not even be owed a row."""
    least = math.ceil(1 / min(_shares(config)) - 1e-9)
    if usable < least:
        repeats = f" ({left_out} more repeat a text)" if left_out else ""
        cut = config.test_role is None
        raise RequestError(
            f"{usable} usable rows{repeats}{'' if cut else ' outside the test part'} are too few "
            f"for {'three' if cut else 'two'} parts: with split.validation={config.validation:g}"
            f"{f' and split.test={config.test:g}' if cut else ''} at least {least} are needed, "
            "so that each part comes to a row."
        )


def _short_part(division: np.ndarray, sizes: np.ndarray, shares: Sequence[float]) -> int | None:
    """The part that has least of the rows asked for, if that is too little of them."""
    rows = np.bincount(division, weights=sizes, minlength=len(shares))
    reached = rows / (np.array(shares) * sizes.sum())
    return int(reached.argmin()) if reached.min() < _LEAST_OF_REQUEST else None
