"""The figures of cases in which each row has exactly one label; `metrics.py` wraps them."""

import numpy as np

from tasks.evaluation.weighted_decisions import ClassDecisions
from tasks.evaluation.weighted_part import Part, once
from tasks.evaluation.weighted_rankings import PositiveRanking


def single_label_metrics(
    truth: np.ndarray, probabilities: np.ndarray, positive: int | None = None
) -> dict[str, float]:
    """Single-label metrics of the most probable class, and of the probabilities (`loss`).

    `balanced_accuracy` is the accuracy averaged over the classes that have rows: what `accuracy`
    would be, on average, had the part been cut at random to equally many rows of each class. It
    is therefore the figure to hold against a chapter that balances its test set.

    `precision`, `recall`, `f1`, `average_precision` and `specificity` (the share of negative rows
    that are told so) are those of the positive class, at the natural share of the classes. Where
    a class that a figure is about has no row, the figure is NaN; the precision of a model that
    never answers "positive" counts as 0.

    Args:
        truth: (n, classes), one 1 in each row.
        probabilities: (n, classes), summing to 1 in each row.
        positive: column of the positive class, of two.
    """
    answered = np.arange(truth.shape[1]) == probabilities.argmax(1)[:, None]
    parts: list[Part] = [ClassDecisions(truth, answered, positive)]
    if positive is not None:
        parts.append(PositiveRanking(truth, probabilities, positive))
    loss = float(cross_entropy(truth, probabilities).mean())
    return {**once(parts, len(truth)), "loss": loss}


def cross_entropy(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Each row's -log of the probability of its class, (n,); probabilities clipped at 1e-7."""
    likelihood = (truth * probabilities.astype(np.float64)).sum(1)
    return -np.log(np.clip(likelihood, 1e-7, 1))
