"""The check that does not trust the assignment: is anything on both sides of the split?

It reads the finished parts, compares texts themselves (not their fingerprints), holds test rows
against training rows by edit similarity alone (`nearest.py`), and finds the groups anew.
"""

import numpy as np

from tasks.config import SplitConfig
from tasks.errors import ThawError
from tasks.splitting.components import number_distinct
from tasks.splitting.nearest import Nearest, nearest
from tasks.splitting.ties import find_groups
from tasks.splitting.units import Units
from tasks.texts import identity

SURE = 0.9
"""Edit similarity at which no test row may have a training row, whatever the threshold."""


def check_leakage(
    units: Units, part: np.ndarray, config: SplitConfig, near: Nearest | None = None
) -> None:
    """Fail if two parts share a row, a text or a group, or train a near duplicate of a test row.

    Args:
        units: of the rows of all parts, one after the other.
        part: str (rows,): the part of each.
        config: what counts as the same.
        near: how like test and train are; measured here without.

    Raises:
        ThawError: they do; it names two rows as an example.
    """
    _refuse_split(units, part, units.rows, "are the same row")
    text = number_distinct(map(identity, units.texts))
    _refuse_split(units, part, text, f"have the same {units.noun}")
    if units.alike and config.near_duplicates is not None:
        near = near or nearest(units.texts, part, config.near_duplicates, config.seed)
        sure = near.similarity >= max(SURE, config.near_duplicates) - 1e-6
        if sure.any():
            one, other = near.pairs[sure][0]
            raise _leak(units, part, other, one, f"have nearly the same {units.noun}")
    if units.names is not None and config.group_by != "none":
        group = find_groups(config.group_by, units.names, units.texts)
        what = "franchise" if config.group_by == "franchise" else config.group_role
        _refuse_split(units, part, group, f"belong to one {what}")


def _refuse_split(units: Units, part: np.ndarray, key: np.ndarray, finding: str) -> None:
    """Raise if rows with the same `key` lie in different parts."""
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    strays = np.flatnonzero(part != part[first[inverse]])
    if len(strays):
        raise _leak(units, part, first[inverse[strays[0]]], strays[0], finding)


def _leak(units: Units, part: np.ndarray, one: int, other: int, finding: str) -> ThawError:
    places = [f"{part[at]} (row {units.rows[at]})" for at in (one, other)]
    return ThawError(
        f"The split leaks: {places[0]} and {places[1]} {finding}, which must not happen, so the "
        "run stops before any training."
    )
