"""The check that does not trust the assignment: is anything on both sides of the split?

It reads the finished parts, compares normalised texts themselves (not their fingerprints), looks
for near duplicates with MinHash permutations of another seed, and finds the groups anew.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tasks.config import SplitConfig
from tasks.errors import ThawError
from tasks.splitting.components import number_distinct
from tasks.splitting.duplicates import find_near_duplicates
from tasks.splitting.groups import find_groups
from tasks.splitting.shingles import normalise

_OTHER_SEED = 7_919  # added to the assignment's


def check_leakage(parts: Mapping[str, pd.DataFrame], config: SplitConfig) -> None:
    """Fail if two parts share a row, a text, a near duplicate or a group.

    Args:
        parts: part -> its rows, with `row`, `text` and, where groups are asked for,
            `config.group_role`.
        config: what counts as the same.

    Raises:
        ThawError: they do; it names two rows as an example.
    """
    rows = pd.concat([frame.assign(part=part) for part, frame in parts.items()], ignore_index=True)
    part = rows["part"].to_numpy()
    texts = rows["text"].tolist()
    _refuse_split(rows, rows["row"].to_numpy(), "are the same row")
    text = number_distinct(normalise(each) for each in texts)
    _refuse_split(rows, text, "have the same text")
    if config.near_duplicates is not None:
        pairs = find_near_duplicates(texts, config.near_duplicates, config.seed + _OTHER_SEED)
        across = pairs[part[pairs[:, 0]] != part[pairs[:, 1]]]
        if len(across):
            one, other = across[0]
            raise _leak(rows, one, other, "have nearly the same text", "; try another split.seed")
    if config.group_by != "none":
        group = find_groups(config.group_by, rows[config.group_role].tolist(), texts)
        what = "franchise" if config.group_by == "franchise" else config.group_role
        _refuse_split(rows, group, f"belong to one {what}")


def _refuse_split(rows: pd.DataFrame, key: np.ndarray, finding: str) -> None:
    """Raise if rows with the same `key` lie in different parts."""
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    part = rows["part"].to_numpy()
    strays = np.flatnonzero(part != part[first[inverse]])
    if len(strays):
        raise _leak(rows, first[inverse[strays[0]]], strays[0], finding)


def _leak(rows: pd.DataFrame, one: int, other: int, finding: str, remedy: str = "") -> ThawError:
    places = [f"{rows['part'].iloc[at]} (row {rows['row'].iloc[at]})" for at in (one, other)]
    return ThawError(
        f"The split leaks: {places[0]} and {places[1]} {finding}, which must not happen, so the "
        f"run stops before any training{remedy}."
    )
