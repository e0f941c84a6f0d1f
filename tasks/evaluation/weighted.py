"""The multi-label metrics of one prediction table under many row weightings at once.

The bootstrap needs each metric a thousand times on the same predictions, with other rows counted
more or less often. scikit-learn would sort and count anew each time; here everything that does
not depend on the weights is prepared once, and a block of weightings is then a few matrix
products. Under weights of one the figures are those of `metrics.multi_label_metrics`.

Labels that a resample lacks. A rare label may have no positive row in a resample. scikit-learn
would then count its F1 as 0 in the macro mean, which would push the whole interval below the
figure itself; instead such a label is left out of that resample's macro F1. (A label without
positives in the test part itself counts 0 everywhere, as in scikit-learn.) Ranking metrics need
both classes, so a label that lacks one is left out of macro ROC-AUC and average precision, and
the micro ones are NaN where no pair of one class is left.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

DECISIONS = (
    "f1_micro",
    "f1_macro",
    "f1_samples",
    "jaccard_micro",
    "jaccard_samples",
    "subset_accuracy",
    "hamming_loss",
)
RANKINGS = ("roc_auc_micro", "roc_auc_macro", "average_precision_micro", "average_precision_macro")
METRICS = (
    *DECISIONS,
    *(f"{name}_tuned" for name in DECISIONS),
    "roc_auc_hard_labels",
    "loss",
    *RANKINGS,
)


class WeightedMetrics:
    """Metrics of one prediction table as functions of row weights.

    Args:
        truth: (n, labels) of 0 and 1.
        probabilities: (n, labels) in [0, 1].
        thresholds: tuned threshold of each label; without them the `_tuned` figures are NaN.
        names: the metrics wanted, from `METRICS`.
    """

    def __init__(
        self,
        truth: np.ndarray,
        probabilities: np.ndarray,
        thresholds: Sequence[float],
        names: Sequence[str],
    ) -> None:
        self.names = tuple(names)
        self._size = truth.size
        self._rows = len(truth)
        self._parts: list[_Decisions | _Ranking | _Loss] = []
        plain = {name for name in names if name in DECISIONS or name == "roc_auc_hard_labels"}
        if plain:
            self._parts.append(_Decisions(truth, probabilities >= 0.5, ""))
        if len(thresholds) and any(name.endswith("_tuned") for name in names):
            predicted = probabilities >= np.asarray(thresholds)
            self._parts.append(_Decisions(truth, predicted, "_tuned"))
        if "loss" in names:
            self._parts.append(_Loss(truth, probabilities))
        for average in ("micro", "macro"):
            if {f"roc_auc_{average}", f"average_precision_{average}"} & set(names):
                self._parts.append(_Ranking(truth, probabilities, average))

    def at(self, weights: np.ndarray) -> np.ndarray:
        """The metrics under each weighting.

        Args:
            weights: (n, draws), each column the weights of the rows in one draw.

        Returns:
            (metrics, draws) in the order of `names`.
        """
        figures: dict[str, np.ndarray] = {}
        for part in self._parts:
            figures |= part.at(weights)
        missing = np.full(weights.shape[1], np.nan)
        return np.stack([figures.get(name, missing) for name in self.names])


class _Decisions:
    """Metrics of yes-or-no predictions."""

    def __init__(self, truth: np.ndarray, predicted: np.ndarray, suffix: str) -> None:
        hits = (truth == 1) & predicted
        either = (truth == 1) | predicted
        self.suffix = suffix
        self.labels = truth.shape[1]
        self.hits, self.predicted, self.truth = (
            part.T.astype(np.float64) for part in (hits, predicted, truth)
        )
        self.known = np.any(truth, axis=0, keepdims=True).T
        # A row's own figures do not depend on the weights; a row with nothing to find and
        # nothing found scores 0, which is scikit-learn's zero_division=0.
        found, of = hits.sum(1), either.sum(1)
        self.by_row = {
            "f1_samples": 2 * found / np.maximum(found + of, 1),
            "jaccard_samples": found / np.maximum(of, 1),
            "subset_accuracy": (found == of).astype(np.float64),
            "hamming_loss": (of - found) / self.labels,
        }

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        hits, predicted, support = (
            part @ weights for part in (self.hits, self.predicted, self.truth)
        )
        total = weights.sum(0)
        of_label = np.divide(2 * hits, np.maximum(predicted + support, 1))
        of_label[self.known & (support == 0)] = np.nan
        hits, predicted, support = hits.sum(0), predicted.sum(0), support.sum(0)
        figures = {
            "f1_micro": 2 * hits / np.maximum(predicted + support, 1),
            "f1_macro": _mean_of_known(of_label),
            "jaccard_micro": hits / np.maximum(predicted + support - hits, 1),
            **{name: values @ weights / total for name, values in self.by_row.items()},
        }
        negatives = total * self.labels - support
        with np.errstate(invalid="ignore", divide="ignore"):
            # One threshold makes the ROC curve two straight lines: its area is this mean.
            hard = (1 + hits / support - (predicted - hits) / negatives) / 2
        named = {f"{name}{self.suffix}": values for name, values in figures.items()}
        return named if self.suffix else {**named, "roc_auc_hard_labels": hard}


class _Loss:
    """Mean binary cross-entropy over all pairs of row and label."""

    def __init__(self, truth: np.ndarray, probabilities: np.ndarray) -> None:
        likelihood = np.where(truth == 1, probabilities, 1 - probabilities.astype(np.float64))
        self.by_row = -np.log(np.clip(likelihood, 1e-7, 1 - 1e-7)).mean(1)

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"loss": self.by_row @ weights / weights.sum(0)}


class _Ranking:
    """ROC-AUC and average precision over all pairs (`micro`) or as the labels' mean (`macro`)."""

    def __init__(self, truth: np.ndarray, probabilities: np.ndarray, average: str) -> None:
        self.average = average
        rows, labels = truth.shape
        positive = truth == 1
        if average == "micro":
            owner = np.repeat(np.arange(rows), labels)
            self.curves = [_Curve(owner, positive.ravel(), probabilities.ravel(), rows)]
        else:
            owner = np.arange(rows)
            self.curves = [
                _Curve(owner, positive[:, label], probabilities[:, label], rows)
                for label in range(labels)
                if 0 < positive[:, label].sum() < rows
            ]

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        areas = np.full((2, 1, weights.shape[1]), np.nan)
        if self.curves:
            areas = np.stack([curve.at(weights) for curve in self.curves], axis=1)
        roc_auc, average_precision = map(_mean_of_known, areas)
        return {
            f"roc_auc_{self.average}": roc_auc,
            f"average_precision_{self.average}": average_precision,
        }


class _Curve:
    """The two areas under one ranking of weighted pairs.

    Only the scores of positive pairs matter as thresholds, so the pairs are cut into segments,
    one for each distinct such score from the top; a sparse (segments, rows) matrix says how many
    pairs of a row lie in a segment, and its product with the weights, summed from the top, is
    the weight at or above each threshold. With p the positive weight at a threshold, h and f
    the positive and negative weight at or above it, e the negative weight exactly at it, and
    P, N the totals:

        average precision = sum p h / (h + f) / P        ROC-AUC = sum p (N - f + e / 2) / (P N)

    which are scikit-learn's average_precision_score and roc_auc_score with sample_weight.
    """

    def __init__(
        self, rows: np.ndarray, positive: np.ndarray, scores: np.ndarray, size: int
    ) -> None:
        thresholds = np.unique(scores[positive])[::-1]
        segment = np.searchsorted(-thresholds, -scores, side="left")
        ranked = segment < len(thresholds)  # the rest lies below every positive
        tied = ranked & ~positive
        tied[tied] = scores[tied] == thresholds[segment[tied]]

        def count(chosen: np.ndarray) -> csr_array:
            ones = np.ones(int(chosen.sum()))
            return csr_array((ones, (segment[chosen], rows[chosen])), shape=(len(thresholds), size))

        self.at_or_above = count(ranked)
        self.positive = count(positive)
        self.tied = count(tied)
        self.negatives = np.bincount(rows[~positive], minlength=size).astype(np.float64)

    def at(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ROC-AUC and average precision, (draws,) each; NaN where a class has no weight."""
        negatives = self.negatives @ weights
        positive = self.positive @ weights
        hits = np.cumsum(positive, axis=0)
        above = np.cumsum(self.at_or_above @ weights, axis=0)
        total = hits[-1] if len(hits) else np.zeros_like(negatives)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = hits / np.maximum(above, 1)
            average_precision = np.einsum("kd,kd->d", positive, precision) / total
            above -= hits
            above -= (self.tied @ weights) / 2
            below = negatives - np.einsum("kd,kd->d", positive, above) / total
            roc_auc = below / negatives
        undefined = (total == 0) | (negatives == 0)
        return (
            np.where(undefined, np.nan, roc_auc),
            np.where(undefined, np.nan, average_precision),
        )


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(0) / known.sum(0)
