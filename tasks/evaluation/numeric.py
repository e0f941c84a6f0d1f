"""Figures of predicted numbers, from the number of each row and what was predicted for it.

    mae        mean absolute error, in the numbers' own unit
    rmse       root of the mean squared error, in the same unit
    r2         share of the numbers' variance that is explained: 1 less the squared error over that
               of the rows' own mean; 0 is no better than that mean, and worse is below 0
    spearman   Spearman's rank correlation, equal numbers sharing their mean rank; none where all
               numbers, or all predictions, are equal

`mae` is a mean over rows, as every score is (`scored.py`); the others are of all rows together.
"""

import numpy as np

from tasks.evaluation.weighted_part import Linear, Part

NUMBER, PREDICTED = "number", "predicted"
"""The columns of scored rows that hold a number and its prediction, where rows have these."""
IN_UNITS = ("mae", "rmse")
"""Figures in the unit of what is predicted, any amount large."""
CORRELATIONS = ("spearman",)
"""Figures from -1 to 1."""
AT_MOST_ONE = ("r2",)
"""Figures that may be any amount below 1."""


def numeric_parts(numbers: np.ndarray, predicted: np.ndarray) -> list[Part]:
    """The figures that are no means over rows, as functions of row weights.

    Args:
        numbers, predicted: (n,).
    """
    return [SquaredErrors(numbers, predicted), RankCorrelation(numbers, predicted)]


class SquaredErrors(Linear):
    """`rmse` and `r2`."""

    def __init__(self, numbers: np.ndarray, predicted: np.ndarray) -> None:
        # About their mean: sums of squares of far numbers would drown the variance in rounding.
        about = numbers - numbers.mean()
        errors = (predicted - numbers) ** 2
        super().__init__(np.stack([np.ones_like(about), errors, about, about**2]))

    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,); no `r2` where all drawn numbers are equal."""
        rows, errors, total, squares = sums
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = squares / rows - (total / rows) ** 2
            spread = variance > 1e-12 * np.maximum(squares / rows, 1e-300)
            r2 = np.where(spread, 1 - errors / rows / variance, np.nan)
            return {"rmse": np.sqrt(errors / rows), "r2": r2}


class RankCorrelation(Part):
    """`spearman`: Pearson's correlation of the drawn rows' mean ranks."""

    def __init__(self, numbers: np.ndarray, predicted: np.ndarray) -> None:
        self.ranked = [_Ranks(numbers), _Ranks(predicted)]

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,): the rows are ranked anew among those of each draw."""
        one, other = (ranks.under(weights) for ranks in self.ranked)
        rows = weights.sum(0)
        one, other = (each - (rows + 1) / 2 for each in (one, other))  # whose mean is that
        sums = [(weights * product).sum(0) for product in (one * other, one**2, other**2)]
        return {"spearman": _correlation(*sums)}

    def linear(self) -> Linear:
        """A swap exchanges ranks, since two models may give numbers of different scales."""
        rows = len(self.ranked[0].group)
        every = np.ones((rows, 1))
        one, other = (ranks.under(every)[:, 0] - (rows + 1) / 2 for ranks in self.ranked)
        return _SwappedRanks(np.stack([one * other, one**2, other, other**2, np.ones(rows)]))


class _SwappedRanks(Linear):
    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        both, one, shift, other, rows = sums
        # The truth's ranks have mean 0, those of a mixture need not.
        return {"spearman": _correlation(both, one, other - shift**2 / rows)}


class _Ranks:
    """The mean rank of each row among rows that count more or less often.

    Attributes:
        group: int (n,): equal values have one number, in the order of the values.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.group = np.unique(values, return_inverse=True)[1]
        self.order = np.argsort(self.group, kind="stable")
        self.starts = np.flatnonzero(np.diff(self.group[self.order], prepend=-1))

    def under(self, weights: np.ndarray) -> np.ndarray:
        """(n, draws), from 1."""
        counts = np.add.reduceat(weights[self.order], self.starts, axis=0)
        below = np.cumsum(counts, axis=0) - counts
        ranks: np.ndarray = (below + (counts + 1) / 2)[self.group]
        return ranks


def _correlation(both: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """From sums of products and of squares about the means; NaN where one is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (one > 1e-9) & (other > 1e-9)  # ranks differ by a half at least
        return np.where(known, np.clip(both / np.sqrt(one * other), -1, 1), np.nan)
