"""Parts as stored tables, checked for leakage before anything is trained on them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.config import PARTS, Part, SplitConfig
from tasks.errors import RequestError
from tasks.splitting.assignment import assign
from tasks.splitting.leakage import check_leakage
from tasks.splitting.nearest import EXACT_UP_TO, nearest, too_near
from tasks.splitting.recorded import recorded_split
from tasks.splitting.report import Alike, SplitReport, with_nearest
from tasks.splitting.units import Units
from tasks.storage import TableRef, put_table

UnitsOf = Callable[[pd.DataFrame], Units]


@dataclass(frozen=True)
class Cut:
    """Rows divided, proved to be apart.

    Attributes:
        folds: for the split or each fold, part -> positions of its rows.
        group: int (rows,): the unit of each row.
        report: the numbers.
    """

    folds: list[dict[Part, np.ndarray]]
    group: np.ndarray
    report: SplitReport


def cut(
    rows: pd.DataFrame, units_of: UnitsOf, config: SplitConfig, lineage: Path | None = None
) -> Cut:
    """Divide rows and prove that nothing leaks.

    Args:
        rows: all of them.
        units_of: a kind's units of any rows: of all, and of those in the finished parts.
        config: shares, folds and seed.
        lineage: where the split is recorded (`recorded.lineage_of`); None for one that is not.

    Raises:
        RequestError: too few rows, or a group that is too large.
        ThawError: the leakage check found something on both sides.
    """
    with recorded_split(lineage) as record:
        assignment = assign(units_of(rows), config, record)
        proved = [_apart(rows, parts, units_of, config) for parts in assignment.positions()]
        record.add(assignment.texts, assignment.dealt)
    report = assignment.report
    if proved[0].near is not None:
        report = with_nearest(report, [each.parts for each in proved], proved[0].near)
    return Cut([each.parts for each in proved], assignment.group, report)


@dataclass(frozen=True)
class _Proved:
    """Parts that are apart, and how like test and train are in them."""

    parts: dict[Part, np.ndarray]
    near: Alike | None


def _apart(
    rows: pd.DataFrame, parts: dict[Part, np.ndarray], units_of: UnitsOf, config: SplitConfig
) -> _Proved:
    """Leave training rows out that are nearly a test row, and check what is left."""
    taken = np.concatenate([parts[name] for name in PARTS])
    part = np.repeat(PARTS, [len(parts[name]) for name in PARTS])
    units = units_of(rows.iloc[taken])
    if not units.alike or config.near_duplicates is None:
        check_leakage(units, part, config)
        return _Proved(parts, None)
    near = nearest(units.texts, part, config.near_duplicates, config.seed)
    out = too_near(units.texts, near, config.near_duplicates)
    stays = ~np.isin(np.arange(len(taken)), out)
    kept = {name: taken[stays & (part == name)] for name in PARTS}
    if empty := [name for name in PARTS if not len(kept[name])]:
        raise RequestError(
            f"Every row of {empty[0]} is nearly the same as one of test: the rows are variants of "
            f"too few {units.noun}s to be divided. Set split.near_duplicates=null to let only "
            f"equal {units.noun}s count as one, or give more different ones."
        )
    left = near.without(out)
    check_leakage(units_of(rows.iloc[taken[stays]]), part[stays], config, left)
    alike = Alike(rows=near.rows, at=left.counts(), exact=len(taken) <= EXACT_UP_TO, left=len(out))
    return _Proved(kept, alike)


def split_texts(
    examples: TableRef, units_of: UnitsOf, config: SplitConfig, lineage: Path | None = None
) -> tuple[tuple[dict[str, TableRef], ...], SplitReport]:
    """Divide usable rows of texts and store the parts, with the `group` of each row.

    Predictions are kept by id, so an id that several rows share gets the row's number behind it.

    Args:
        examples: one usable example a row: `id`, `row` (number in the source), `text` (not
            empty), `labels` (a list of one or more), and the roles that the configuration reads.
        units_of, config, lineage: as in `cut`.

    Returns:
        `train`, `validation` and `test` of the one split or of each fold, and the report.

    Raises:
        RequestError: too few rows, or a group that is too large.
        ThawError: the leakage check found something on both sides.
    """
    rows = examples.read()
    rows["id"] = unique_ids(rows)
    made = cut(rows, units_of, config, lineage)
    grouped = rows.assign(group=made.group)
    return tuple(
        {
            name: put_table(grouped.iloc[at].reset_index(drop=True), f"{name} part of {where}")
            for name, at in parts.items()
        }
        for where, parts in zip(_origins(examples, config), made.folds, strict=True)
    ), made.report


def _origins(examples: TableRef, config: SplitConfig) -> Iterable[str]:
    if config.folds is None:
        return [examples.origin]
    return [f"fold {fold} of {examples.origin}" for fold in range(config.folds)]


def unique_ids(rows: pd.DataFrame) -> pd.Series:
    """The ids, those that stand more than once made unique by the row's number."""
    repeated = rows["id"].duplicated(keep=False)
    return rows["id"].where(~repeated, rows["id"] + "#" + rows["row"].astype(str))
