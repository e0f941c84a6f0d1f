"""At most so many rows of a part (`split.rows`): equal data for what is to be compared."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.config import Part
from tasks.splitting.stratify import count_labels, divide


def rows_over_limit(
    part: np.ndarray, labels: Sequence[Sequence[str]], limits: Mapping[Part, int], seed: int
) -> np.ndarray:
    """bool (rows,): rows to leave out so that each part has at most its number of rows.

    What stays has the labels in the shares that the whole part has them.

    Args:
        part: the part of each row.
        labels: the labels of each row.
        limits: part -> rows.
        seed: of the sample.
    """
    over = np.zeros(len(part), dtype=bool)
    for name, limit in limits.items():
        rows = np.flatnonzero(part == name)
        if limit < len(rows):
            stay = _sample([labels[row] for row in rows.tolist()], limit, seed)
            over[rows] = True
            over[rows[stay]] = False
    return over


def _sample(labels: Sequence[Sequence[str]], size: int, seed: int) -> np.ndarray:
    """`size` positions, stratified by label."""
    each = np.arange(len(labels))
    counts, _ = count_labels(labels, each)
    share = size / len(labels)
    chosen = divide(counts, np.ones(len(labels), dtype=np.int64), (share, 1 - share), seed) == 0
    # Stratified counts come in whole rows, so their sum may be a few off the size asked for.
    shuffled = np.random.default_rng(seed).permutation(each)
    missing = size - int(chosen.sum())
    spare = shuffled[chosen[shuffled] == (missing < 0)][: abs(missing)]
    chosen[spare] = missing > 0
    return np.flatnonzero(chosen)
