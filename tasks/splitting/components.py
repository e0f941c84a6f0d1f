"""Number things and join what is linked: the small graph work that grouping needs."""

from collections.abc import Hashable, Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def number_distinct(values: Iterable[Hashable]) -> np.ndarray:
    """One int64 number a value, equal values alike, in order of first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def connected(count: int, items: np.ndarray, hubs: np.ndarray) -> np.ndarray:
    """Components of `count` items of which those that share a hub belong together.

    Args:
        count: number of items.
        items: item numbers, (links,), in 0 … count-1.
        hubs: what each of them is linked to, (links,): any numbers from 0.

    Returns:
        int64 array (count,): component numbers from 0 without gaps, by first item.
    """
    size = count + (int(hubs.max()) + 1 if len(hubs) else 0)
    links = coo_array((np.ones(len(items), dtype=bool), (items, hubs + count)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    return number_distinct(component[:count].tolist())


def connected_pairs(count: int, pairs: np.ndarray) -> np.ndarray:
    """Components of `count` items that `pairs` (pairs, 2) of item numbers link; as `connected`."""
    each = np.arange(len(pairs), dtype=np.int64)
    return connected(count, pairs.ravel(), np.repeat(each, 2))
