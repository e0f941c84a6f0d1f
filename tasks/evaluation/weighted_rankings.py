"""The areas under rankings (ROC-AUC, average precision) under many row weightings at once."""

import numpy as np
from scipy.sparse import csr_array


class LabelRankings:
    """ROC-AUC and average precision over all pairs (`micro`) or as the labels' mean (`macro`)."""

    def __init__(self, truth: np.ndarray, probabilities: np.ndarray, average: str) -> None:
        self.average = average
        rows, labels = truth.shape
        positive = truth == 1
        if average == "micro":
            owner = np.repeat(np.arange(rows), labels)
            self.curves = [Curve(owner, positive.ravel(), probabilities.ravel(), rows)]
        else:
            owner = np.arange(rows)
            self.curves = [
                Curve(owner, positive[:, label], probabilities[:, label], rows)
                for label in range(labels)
                if 0 < positive[:, label].sum() < rows
            ]

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,)."""
        areas = np.full((2, 1, weights.shape[1]), np.nan)
        if self.curves:
            areas = np.stack([curve.at(weights) for curve in self.curves], axis=1)
        roc_auc, average_precision = map(mean_of_known, areas)
        return {
            f"roc_auc_{self.average}": roc_auc,
            f"average_precision_{self.average}": average_precision,
        }


class PositiveRanking:
    """ROC-AUC and average precision of one class."""

    def __init__(self, truth: np.ndarray, probabilities: np.ndarray, positive: int) -> None:
        rows = len(truth)
        scores = probabilities[:, positive]
        self.curve = Curve(np.arange(rows), truth[:, positive] == 1, scores, rows)

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The two areas, (draws,) each; NaN where a class has no weight."""
        roc_auc, average_precision = self.curve.at(weights)
        return {"roc_auc": roc_auc, "average_precision": average_precision}


class Curve:
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


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(0) / known.sum(0)
