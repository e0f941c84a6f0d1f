"""The figures of `metrics.py` as scikit-learn has them, each by the function it has for it."""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    hamming_loss,
    jaccard_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

RANKINGS = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}


def multi_label(
    truth: np.ndarray, chances: np.ndarray, thresholds: Sequence[float] | np.ndarray | None = None
) -> dict[str, float]:
    """Those of two labels or more."""
    hard = (chances >= 0.5).astype(int)
    figures = _answered(truth, hard, "")
    figures["roc_auc_hard_labels"] = _or_nan(roc_auc_score, truth.ravel(), hard.ravel())
    clipped = np.clip(chances.ravel().astype(float), 1e-7, 1 - 1e-7)
    figures["loss"] = log_loss(truth.ravel(), clipped, labels=[0, 1])
    both = np.flatnonzero((truth.min(0) == 0) & (truth.max(0) == 1))
    for name, score in RANKINGS.items():
        figures[f"{name}_micro"] = _or_nan(score, truth.ravel(), chances.ravel())
        of_labels = [score(truth[:, label], chances[:, label]) for label in both]
        figures[f"{name}_macro"] = np.mean(of_labels) if of_labels else np.nan
    if thresholds is not None:
        figures |= _answered(truth, (chances >= np.asarray(thresholds)).astype(int), "_tuned")
    return figures


def single_label(
    truth: np.ndarray, chances: np.ndarray, positive: int | None = None
) -> dict[str, float]:
    """Those of classes, without the loss."""
    right, answer = truth.argmax(1), chances.argmax(1)
    classes, present = range(truth.shape[1]), np.flatnonzero(truth.any(0))
    figures = {
        "accuracy": accuracy_score(right, answer),
        "balanced_accuracy": recall_score(right, answer, labels=present, average="macro"),
        "f1_macro": f1_score(right, answer, labels=present, average="macro", zero_division=0),
        "f1_weighted": f1_score(right, answer, labels=classes, average="weighted", zero_division=0),
    }
    if positive is None:
        return figures
    yes, found = truth[:, positive], (answer == positive).astype(int)
    scores = {"precision": precision_score, "recall": recall_score, "f1": f1_score}
    for name, score in scores.items():
        figures[name] = score(yes, found, zero_division=0) if yes.any() else np.nan
    figures["specificity"] = recall_score(1 - yes, 1 - found, zero_division=np.nan)
    for name, score in RANKINGS.items():
        figures[name] = _or_nan(score, yes, chances[:, positive])
    return figures


def _answered(truth: np.ndarray, answers: np.ndarray, suffix: str) -> dict[str, float]:
    figures = {
        f"f1_{average}": f1_score(truth, answers, average=average, zero_division=0)
        for average in ("micro", "samples")
    }
    present = np.flatnonzero(truth.any(0))  # what has no row says nothing of an arm
    by_label = f1_score(truth, answers, average=None, zero_division=0)[present]
    figures["f1_macro"] = by_label.mean() if len(present) else np.nan
    for average in ("micro", "samples"):
        figures[f"jaccard_{average}"] = jaccard_score(
            truth, answers, average=average, zero_division=0
        )
    figures["subset_accuracy"] = accuracy_score(truth, answers)
    figures["hamming_loss"] = hamming_loss(truth, answers)
    return {f"{name}{suffix}": value for name, value in figures.items()}


def _or_nan(score: Callable[..., float], truth: np.ndarray, values: np.ndarray) -> float:
    return score(truth, values) if 0 < truth.mean() < 1 else np.nan
