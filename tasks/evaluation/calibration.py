"""Probabilities that mean what they say: temperature scaling, and how far off they are.

Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural Networks": a trained
classifier's logits are divided by one number T, fitted on validation rows. The answers stay the
same, since all logits of a row are divided alike; only how sure they are changes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

BINS = 15
"""As in Guo et al."""
_LIMITS = (0.05, 20.0)  # a temperature at a limit says that the logits carry no information


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The T that minimises the mean negative log-likelihood of softmax(logits / T).

    It is sought over log T, in which halving and doubling are the same step, and is 1 where
    nothing better is found.

    Args:
        logits: (n, classes).
        truth: (n, classes), one 1 in each row.
    """

    def loss(log_temperature: float) -> float:
        return mean_log_loss(logits / np.exp(log_temperature), truth)

    found = minimize_scalar(loss, bounds=np.log(_LIMITS), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def mean_log_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log-likelihood of the true classes, arguments as `fit_temperature`."""
    likelihood = log_softmax(logits.astype(np.float64), axis=1)
    return float(-(likelihood * truth).sum(1).mean())


def uncalibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """What the probabilities were before their logits were divided by the temperature.

    softmax(z / T) to the power of T is softmax(z) up to a factor a row.
    """
    tiny = np.finfo(np.float32).tiny  # what a stored probability is at least, unless it is 0
    logs = temperature * np.log(np.maximum(probabilities.astype(np.float64), tiny))
    return np.asarray(np.exp(log_softmax(logs, axis=1)))


@dataclass(frozen=True)
class ConfidenceBins:
    """Rows by the probability of their answer, in bins of equal width; empty bins are left out.

    Attributes:
        rows: (bins,) how many.
        confidence: (bins,) mean probability of the answer.
        accuracy: (bins,) share of right answers.
    """

    rows: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the bins' mean |accuracy - confidence|, by their rows."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float((self.rows * gaps).sum() / self.rows.sum())


def confidence_bins(
    truth: np.ndarray, probabilities: np.ndarray, bins: int = BINS
) -> ConfidenceBins:
    """Sort rows into bins ((m - 1) / bins, m / bins] by the probability of their answer.

    Args:
        truth: (n, classes), one 1 in each row; n is at least 1.
        probabilities: (n, classes), summing to 1 in each row.
        bins: how many.
    """
    answer = probabilities.argmax(1)
    each = np.arange(len(truth))
    return bins_of(probabilities[each, answer], truth[each, answer], bins)


def bins_of(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> ConfidenceBins:
    """The same from how sure each answer was and how right it is, 0 to 1; both (n,)."""
    given = confidence.astype(np.float64)
    number = np.clip(np.ceil(given * bins - 1e-9).astype(int) - 1, 0, bins - 1)
    rows = np.bincount(number, minlength=bins)
    some = rows > 0
    return ConfidenceBins(
        rows=rows[some],
        confidence=np.bincount(number, weights=given, minlength=bins)[some] / rows[some],
        accuracy=np.bincount(number, weights=right, minlength=bins)[some] / rows[some],
    )


def calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error over `BINS` bins; arguments as `confidence_bins`."""
    return confidence_bins(truth, probabilities).error
