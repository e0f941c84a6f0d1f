"""The limits of an interval, from a figure, its variance, and what it rests on.

A figure that is a share cannot pass 0 or 1, and its spread shrinks towards them; plain limits
(figure and two standard errors) have no width at all where every row is right. So the limits are
the values t that the figure does not refute, (figure - t)^2 <= q^2 variance(t), where the variance
at t is that of the figure scaled as the spread of its kind is:

    share     t (1 - t)     accuracy, F1, rankings: between 0 and 1
    amount    t             losses, errors, counts: 0 or more
    below 1   1 - t         explained variance, which is 1 less an amount
    signed    constant      rewards and margins

A correlation has the limits that Fisher's transformation gives it, between -1 and 1 (Fisher 1921,
"On the probable error of a coefficient of correlation").

For a share of n independent rows that is Wilson's interval (Wilson 1927, "Probable inference, the
law of succession, and statistical inference"); for other shares it is Wilson's with the number of
rows that the variance is worth (Korn and Graubard 1998, "Confidence intervals for proportions with
small expected number of positive counts estimated from survey data"). q is Student's for as many
units as the figure rests on, and the normal one for shares of independent rows.
"""

import math
from collections.abc import Sequence
from enum import Enum

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from tasks.evaluation.completions import NO_SHARES
from tasks.evaluation.nearness import SIMILARITY
from tasks.evaluation.numeric import AT_MOST_ONE, CORRELATIONS, IN_UNITS
from tasks.evaluation.ordinal import UNBOUNDED
from tasks.evaluation.scored import UNBOUNDED as SCORED_UNBOUNDED
from tasks.evaluation.scored import is_signed

Limits = tuple[float, float]


class Kind(Enum):
    """What values a figure can take."""

    SHARE = (0.0, 1.0)
    AMOUNT = (0.0, math.inf)
    SIGNED = (-math.inf, math.inf)
    BELOW_ONE = (-math.inf, 1.0)
    CORRELATION = (-1.0, 1.0)

    def clip(self, value: float) -> float:
        """The nearest value that the figure can take."""
        return float(np.clip(value, *self.value))


def kind_of(metric: str) -> Kind:
    """The kind of a metric, by its short name."""
    if is_signed(metric):
        return Kind.SIGNED
    if metric in AT_MOST_ONE:
        return Kind.BELOW_ONE
    if metric in (*CORRELATIONS, SIMILARITY):
        return Kind.CORRELATION
    amounts = {*NO_SHARES, *UNBOUNDED, *SCORED_UNBOUNDED, *IN_UNITS}
    return Kind.AMOUNT if metric in amounts else Kind.SHARE


def interval(
    figure: float, variance: float, rows: float, confidence: float, kind: Kind, exact: bool = False
) -> Limits:
    """The limits of one figure.

    Args:
        figure: the estimate.
        variance: of the estimate.
        rows: how many independent units it rests on; they stand in for the variance where that is
            0 (all right, or all wrong).
        confidence: the coverage.
        kind: what values it can take.
        exact: the figure is a share of independent rows: the normal quantile, not Student's.
    """
    if kind is Kind.BELOW_ONE:
        low, high = interval(1 - figure, variance, rows, confidence, Kind.AMOUNT)
        return 1 - high, 1 - low
    q = _quantile(math.inf if exact else rows - 1, confidence)
    figure = kind.clip(figure)
    if kind is Kind.CORRELATION:
        inside = min(max(figure, -1 + 1e-9), 1 - 1e-9)
        half = q * math.sqrt(variance) / (1 - inside**2)
        return math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half)
    if kind is Kind.SIGNED:
        return figure - q * math.sqrt(variance), figure + q * math.sqrt(variance)
    spread = figure * (1 - figure) if kind is Kind.SHARE else figure
    size = spread / variance if spread > 0 and variance > 0 else rows
    if kind is Kind.SHARE:
        centre = (figure + q**2 / (2 * size)) / (1 + q**2 / size)
        half = q / (1 + q**2 / size) * math.sqrt(spread / size + q**2 / (4 * size**2))
    else:
        centre = figure + q**2 / (2 * size)
        half = q * math.sqrt(spread / size + q**2 / (4 * size**2))
    return centre - half, centre + half


def difference_interval(
    gap: float, variance: float, rows: float, confidence: float, kind: Kind
) -> Limits:
    """The limits of a difference of two figures of the same rows.

    A difference of shares is given two units more, one for each side: where no row tells two arms
    apart their difference is small, not 0 (Bonett and Price 2012, "Adjusted Wald confidence
    interval for a difference of binomial proportions based on paired data").

    Args:
        gap: the difference.
        variance: of the difference.
        rows: how many independent units it rests on.
        confidence: the coverage.
        kind: of the two figures.
    """
    q, centre = _quantile(rows - 1, confidence), gap
    if kind is Kind.SHARE:
        squares = rows * (rows * variance + gap**2) + 2
        centre = gap * rows / (rows + 2)
        variance = (squares / (rows + 2) - centre**2) / (rows + 2)
    half = q * math.sqrt(max(variance, 0.0))
    low, high = min(centre - half, gap), max(centre + half, gap)
    return (max(low, -1.0), min(high, 1.0)) if kind is Kind.SHARE else (low, high)


def over_seeds(figures: Sequence[float] | np.ndarray, confidence: float) -> float:
    """Half the width of Student's interval of the mean over seeds; 0 for one seed."""
    if len(figures) < 2:
        return 0.0
    error = float(np.std(figures, ddof=1)) / math.sqrt(len(figures))
    return _quantile(len(figures) - 1, confidence) * error


def beside(figure: float, limits: Limits, half: float) -> Limits:
    """Limits over rows, and half a width over seeds, put together by their squares.

    As for a sum of independent parts (Zou and Donner 2008, "Construction of confidence limits about
    effect measures: a general approach").
    """
    low, high = limits
    return figure - math.hypot(figure - low, half), figure + math.hypot(high - figure, half)


def _quantile(degrees: float, confidence: float) -> float:
    """Two-sided quantile of Student's distribution; the normal one for infinite degrees."""
    tail = (1 + confidence) / 2
    return float(norm.ppf(tail) if math.isinf(degrees) else student.ppf(tail, max(degrees, 1.0)))
