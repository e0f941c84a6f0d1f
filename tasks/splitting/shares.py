"""A share of the training rows, for what a model learns from a quarter, a half and all of them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tasks.storage import TableRef


def share_of(
    part: TableRef, share: float, strata: Sequence[Sequence[str]] | None, seed: int
) -> TableRef:
    """Some rows of a stored part, in their order there; all of them where the share is 1.

    Args:
        part: the training part.
        share: of its rows, above 0; one row at least.
        strata: the labels of each row, of which a share keeps its own; None without labels.
        seed: of the draw.
    """
    if share == 1:
        return part
    order = nested_order(part.rows, strata, seed)
    chosen = np.sort(order[: max(1, round(share * part.rows))])
    return part.take(chosen, f"{share:g} of {part.origin}")


def nested_order(rows: int, strata: Sequence[Sequence[str]] | None, seed: int) -> np.ndarray:
    """All rows in an order whose every beginning has each label about as often as the whole.

    A beginning lies within every longer one, which draws of several sizes do not. A row counts for
    its rarest label, whose k-th of n rows stands at k / n: the first of each label comes first.

    Args:
        rows: how many there are.
        strata: the labels of each; None where rows differ in nothing.
        seed: decides between rows that are equal in all else.
    """
    drawn = np.random.default_rng(seed).permutation(rows)
    if strata is None:
        return drawn
    frequency = Counter(label for labels in strata for label in set(labels))
    rarest = [
        min(set(labels), key=lambda each: (frequency[each], each), default="") for labels in strata
    ]
    total, met = Counter(rarest), Counter[str]()
    place = np.empty(rows)
    for row in drawn.tolist():
        place[row] = met[rarest[row]] / total[rarest[row]]
        met[rarest[row]] += 1
    return drawn[np.argsort(place[drawn], kind="stable")]
