"""The figures of cases in which each row has exactly one label; `metrics.py` wraps them."""

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)


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
    right, answer = truth.argmax(1), probabilities.argmax(1)
    classes, present = range(truth.shape[1]), np.flatnonzero(truth.any(0))
    figures = {
        "accuracy": accuracy_score(right, answer),
        # scikit-learn's balanced_accuracy_score, less its warning about classes without a row
        "balanced_accuracy": recall_score(right, answer, labels=present, average="macro"),
        "f1_macro": f1_score(right, answer, labels=classes, average="macro", zero_division=0),
        "f1_weighted": f1_score(right, answer, labels=classes, average="weighted", zero_division=0),
        "loss": cross_entropy(truth, probabilities).mean(),
    }
    if positive is not None:
        yes, found = truth[:, positive], (answer == positive).astype(np.int8)
        figures |= {
            name: score(yes, found, zero_division=0) if yes.any() else np.nan
            for name, score in (
                ("precision", precision_score),
                ("recall", recall_score),
                ("f1", f1_score),
            )
        }
        figures["specificity"] = recall_score(1 - yes, 1 - found, zero_division=np.nan)
        both = 0 < yes.sum() < len(yes)
        for name, rank in (
            ("roc_auc", roc_auc_score),
            ("average_precision", average_precision_score),
        ):
            figures[name] = rank(yes, probabilities[:, positive]) if both else np.nan
    return {name: float(value) for name, value in figures.items()}


def cross_entropy(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Each row's -log of the probability of its class, (n,); probabilities clipped at 1e-7."""
    likelihood = (truth * probabilities.astype(np.float64)).sum(1)
    return -np.log(np.clip(likelihood, 1e-7, 1))
