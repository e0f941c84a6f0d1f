"""The parts of paired data: one split in three, or k folds that are each the test part once.

What must not be divided is found as in every case (`tasks/splitting/units.py`): prompts that are
equal or nearly so, and chains of them, stay together. There are no labels to stratify by.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tasks.config import Frozen, Part, SplitConfig
from tasks.errors import RequestError
from tasks.language.folds import fold_numbers
from tasks.splitting.duplicates import fingerprints
from tasks.splitting.leakage import check_leakage
from tasks.splitting.parts import unique_ids
from tasks.splitting.units import find_units
from tasks.storage import TableRef, put_table

Parts = Mapping[str, TableRef]


class PairSplitReport(Frozen):
    """The split in numbers."""

    rows: int
    """Usable rows; each is in one part (with folds: once in a test part), less `split.rows`."""
    folds: int | None
    """How many folds there are (none: one split)."""
    parts: tuple[dict[str, int], ...]
    """Part -> rows, for the split or for each fold."""
    repeated: int
    """Rows whose prompt another row has, less one a prompt."""
    groups: int
    """Groups that stay together; a row that is like no other is one."""
    notes: tuple[str, ...] = ()
    """What a reader should know of it, a sentence each."""


def split_pairs(examples: TableRef, config: SplitConfig) -> tuple[list[Parts], PairSplitReport]:
    """Cut the pairs into parts, prove that nothing leaks, and store them.

    Args:
        examples: `id`, `row`, `text` (the prompt's source) and `labels` (the completion, a list
            of one).
        config: shares, folds and seed.

    Returns:
        `train`, `validation` and `test` of the one split, or of each fold; and the report.

    Raises:
        RequestError: fewer groups of prompts than parts or folds, or a part that stays empty.
        ThawError: the leakage check found something on both sides.
    """
    rows = examples.read()
    rows["id"] = unique_ids(rows)
    group = group_numbers(rows, config)
    if config.folds is not None:
        number = fold_numbers([str(each) for each in group], config.folds, config.seed)
        tests = [number == fold for fold in range(config.folds)]
    else:
        tests = [cut_off(group, np.ones(len(rows), dtype=bool), config.test, config.seed)]
    # Without folds both shares are of all rows; with them the test part is not cut by a share.
    share = config.validation if config.folds else config.validation / (1 - config.test)
    stored: list[Parts] = []
    for fold, test in enumerate(tests):
        validation = cut_off(group, ~test, share, config.seed + 1)
        masks: dict[Part, np.ndarray] = {
            "train": ~test & ~validation,
            "validation": validation,
            "test": test,
        }
        frames: dict[str, pd.DataFrame] = {
            name: at_most(rows[mask], config.rows.get(name), config.seed)
            for name, mask in masks.items()
        }
        _require_rows(frames, config)
        check_leakage(frames, config)
        where = f"fold {fold} of " if config.folds else ""
        stored.append(
            {
                name: put_table(frame, f"{name} part of {where}{examples.origin}")
                for name, frame in frames.items()
            }
        )
    return stored, _report(rows, group, stored, config)


def at_most(part: pd.DataFrame, limit: int | None, seed: int) -> pd.DataFrame:
    """A seeded sample of a part's rows, in their order; all of them where there is no limit."""
    if limit is not None and limit < len(part):
        chosen = np.random.default_rng(seed).choice(len(part), limit, replace=False)
        part = part.iloc[np.sort(chosen)]
    return part.reset_index(drop=True)


def group_numbers(rows: pd.DataFrame, config: SplitConfig) -> np.ndarray:
    """int (rows,): the group of each row, from 0; rows of one group stay in one part."""
    apart = config.model_copy(update={"drop_duplicates": False})
    units = find_units(rows, apart, fingerprints(rows["text"].tolist()))
    group = np.empty(len(rows), dtype=np.int64)
    group[units.used] = units.of_used
    return group


def cut_off(group: np.ndarray, among: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A seeded choice of whole groups that come to a share of the rows.

    Args:
        group: int (rows,), from `group_numbers`.
        among: bool (rows,): the rows to choose from; a group lies in them whole or not at all.
        share: of these rows; at least one row.
        seed: of the order in which groups are taken.

    Returns:
        bool (rows,). A group that would overshoot is passed over.
    """
    wanted = max(1, round(share * int(among.sum())))
    numbers, sizes = np.unique(group[among], return_counts=True)
    chosen: list[int] = []
    taken = 0
    for place in np.random.default_rng(seed).permutation(len(numbers)):
        if taken + sizes[place] <= wanted:
            chosen.append(int(numbers[place]))
            taken += int(sizes[place])
    return np.isin(group, chosen) & among


def _require_rows(frames: Mapping[str, pd.DataFrame], config: SplitConfig) -> None:
    for name, frame in frames.items():
        if frame.empty:
            cut = f"split.folds={config.folds}" if config.folds else f"split.test={config.test:g}"
            raise RequestError(
                f"The {name} part would be empty with {cut} and "
                f"split.validation={config.validation:g}: give more different prompts, or other "
                "shares."
            )


def _report(
    rows: pd.DataFrame, group: np.ndarray, stored: list[Parts], config: SplitConfig
) -> PairSplitReport:
    repeated = len(rows) - int(np.unique(fingerprints(rows["text"].tolist())).size)
    groups = int(np.unique(group).size)
    notes = []
    if config.rows:
        limits = ", ".join(f"{name} {limit:,}" for name, limit in config.rows.items())
        notes.append(f"Rows of a part beyond split.rows are in none: at most {limits}.")
    if repeated:
        notes.append(f"Rows that repeat another's prompt, kept with it in one part: {repeated}.")
    if near := len(rows) - repeated - groups:
        notes.append(f"Prompts that are nearly another's, kept with it in one part: {near}.")
    return PairSplitReport(
        rows=len(rows),
        folds=config.folds,
        parts=tuple({name: table.rows for name, table in parts.items()} for parts in stored),
        repeated=repeated,
        groups=groups,
        notes=tuple(notes),
    )
