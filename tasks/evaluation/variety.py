"""How varied answers are, taken together: distinct-n under many row weightings at once."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from tasks.evaluation.weighted_part import Linear, Part
from tasks.texts import ngrams

ORDERS = (1, 2)


class DistinctGrams(Part):
    """`distinct_1` and `distinct_2` (`tasks.texts.distinct`) of the drawn answers.

    An answer that is drawn twice adds its n-grams twice and no new one, so that resamples lie
    below the figure itself: their interval makes room for that (`bootstrap.py`).

    Args:
        texts: the answers, empty where there is none.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.tables = {f"distinct_{n}": _occurrences(texts, n) for n in ORDERS}

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,); NaN where the weights hold no n-gram."""
        figures = {}
        for name, (has, counts) in self.tables.items():
            different = ((has @ weights) > 0).sum(0)
            with np.errstate(invalid="ignore"):
                figures[name] = different / (counts @ weights)
        return figures

    def linear(self) -> Linear:
        """Each answer's share in the n-grams: of one that k answers have, a k-th in each."""
        sums = []
        for has, counts in self.tables.values():
            sums += [has.T @ (1 / np.asarray(has.sum(1)).ravel()), counts]
        return _Shares(np.stack(sums))


class _Shares(Linear):
    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore"):
            return {f"distinct_{n}": sums[2 * at] / sums[2 * at + 1] for at, n in enumerate(ORDERS)}


def _occurrences(texts: Sequence[str], n: int) -> tuple[csr_matrix, np.ndarray]:
    """Which text has which n-gram, (n-grams, texts) of 0 and 1, and how many each has in all."""
    numbers: dict[tuple[str, ...], int] = {}
    rows: list[int] = []
    columns: list[int] = []
    counts = np.zeros(len(texts))
    for place, text in enumerate(texts):
        grams = list(ngrams(text, n))
        counts[place] = len(grams)
        for gram in set(grams):
            rows.append(numbers.setdefault(gram, len(numbers)))
            columns.append(place)
    shape = (len(numbers), len(texts))
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape), counts
