"""Which classes are taken for which, and whether probabilities mean what they say."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from tasks.evaluation.metrics import decide

_RESAMPLES = 2000


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix; every field is (classes, classes), true class by answered class.

    Attributes:
        counts: rows of the test part.
        shares: of the true class's rows; NaN in a class without any.
        low, high: limits of the shares' bootstrap intervals; NaN where none were asked for.
    """

    counts: np.ndarray
    shares: np.ndarray
    low: np.ndarray
    high: np.ndarray


def confusion(
    truth: np.ndarray, probabilities: np.ndarray, confidence: float | None, seed: int = 0
) -> Confusion:
    """The confusion matrix of the most probable class.

    Resampling rows with replacement makes the cells a multinomial draw with the measured shares,
    so the cells are drawn as such. A draw without a row of a class is passed over for that class.

    Args:
        truth: (n, classes), one 1 in each row.
        probabilities: (n, classes).
        confidence: coverage of the intervals; None draws none. The draws hold every cell two
            thousand times, 8 GB for 500 classes: ask for them where somebody reads the cells.
        seed: of the draws.
    """
    counts = truth.T.astype(np.int64) @ decide("single_label", probabilities)
    rows = counts.sum()
    with np.errstate(invalid="ignore"):
        shares = counts / counts.sum(-1, keepdims=True)
    if confidence is None:
        unknown = np.full(counts.shape, np.nan)
        return Confusion(counts, shares, unknown, unknown)
    drawn = np.random.default_rng(seed).multinomial(rows, counts.ravel() / rows, _RESAMPLES)
    drawn = drawn.reshape(_RESAMPLES, *counts.shape)
    with np.errstate(invalid="ignore"):
        resampled = drawn / drawn.sum(-1, keepdims=True)
    absent = counts.sum(1, keepdims=True) == 0
    tail = (1 - confidence) / 2
    # nanquantile warns of a class without a value in any draw: give it one and take it away
    limits = np.nanquantile(np.where(absent, 0.0, resampled), [tail, 1 - tail], axis=0)
    low, high = np.where(absent, np.nan, limits)
    return Confusion(counts, shares, low, high)


def reliability_bins(
    given: np.ndarray, came_true: np.ndarray, confidence: float, groups: int = 10
) -> pd.DataFrame:
    """Rows in groups of about equal size by their probability.

    Args:
        given: (n,) probabilities.
        came_true: (n,) of 0 and 1.
        confidence: coverage of the intervals.
        groups: at most so many; equal probabilities are never parted.

    Returns:
        Columns `rows`, `given` (mean probability), `share` (that came true), and its Wilson
        interval `low` to `high` (Wilson 1927, "Probable inference, the law of succession, and
        statistical inference").
    """
    rank = pd.Series(given).rank(method="max", pct=True).to_numpy()
    group = np.ceil(rank * groups - 1e-9)
    bins = (
        pd.DataFrame({"given": given, "true": came_true})
        .groupby(group)
        .agg(rows=("true", "size"), given=("given", "mean"), share=("true", "mean"))
        .reset_index(drop=True)
    )
    n, p, z = bins["rows"], bins["share"], NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return bins.assign(low=(centre - half).clip(lower=0), high=(centre + half).clip(upper=1))
