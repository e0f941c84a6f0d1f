"""The metrics of answers, and mean losses, under many row weightings at once."""

from collections.abc import Mapping

import numpy as np

from tasks.evaluation.weighted_rankings import mean_of_known


class _Counts:
    """Hits, predictions and true rows of each label.

    Args:
        truth: (n, labels) of 0 and 1.
        predicted: (n, labels), True for a label that is answered.
    """

    def __init__(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        hits = (truth == 1) & predicted
        self.counted = [part.T.astype(np.float64) for part in (hits, predicted, truth)]
        self.known = np.any(truth, axis=0, keepdims=True).T

    def at(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Weight of the hits, of the predictions and of the true rows, and F1; (labels, draws).

        F1 is NaN for a label that these weights lack and the test part has.
        """
        hits, predicted, support = (part @ weights for part in self.counted)
        f1 = np.divide(2 * hits, np.maximum(predicted + support, 1))
        f1[self.known & (support == 0)] = np.nan
        return hits, predicted, support, f1


class LabelDecisions:
    """Multi-label metrics of yes-or-no answers; their names end in `suffix`."""

    def __init__(self, truth: np.ndarray, predicted: np.ndarray, suffix: str) -> None:
        hits = (truth == 1) & predicted
        either = (truth == 1) | predicted
        self.suffix = suffix
        self.labels = truth.shape[1]
        self.counts = _Counts(truth, predicted)
        # A row's own figures do not depend on the weights; a row with nothing to find and
        # nothing found scores 0, which is scikit-learn's zero_division=0.
        found, of = hits.sum(1), either.sum(1)
        self.by_row = RowMeans(
            {
                "f1_samples": 2 * found / np.maximum(found + of, 1),
                "jaccard_samples": found / np.maximum(of, 1),
                "subset_accuracy": (found == of).astype(np.float64),
                "hamming_loss": (of - found) / self.labels,
            }
        )

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,)."""
        hits, predicted, support, f1 = self.counts.at(weights)
        hits, predicted, support = hits.sum(0), predicted.sum(0), support.sum(0)
        figures = {
            "f1_micro": 2 * hits / np.maximum(predicted + support, 1),
            "f1_macro": mean_of_known(f1),
            "jaccard_micro": hits / np.maximum(predicted + support - hits, 1),
            **self.by_row.at(weights),
        }
        negatives = weights.sum(0) * self.labels - support
        with np.errstate(invalid="ignore", divide="ignore"):
            # One threshold makes the ROC curve two straight lines: its area is this mean.
            hard = (1 + hits / support - (predicted - hits) / negatives) / 2
        named = {f"{name}{self.suffix}": values for name, values in figures.items()}
        return named if self.suffix else {**named, "roc_auc_hard_labels": hard}


class ClassDecisions:
    """Single-label metrics of the most probable class; with `positive`, those of that class."""

    def __init__(self, truth: np.ndarray, predicted: np.ndarray, positive: int | None) -> None:
        self.counts = _Counts(truth, predicted)
        self.positive = positive

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,)."""
        hits, predicted, support, f1 = self.counts.at(weights)
        total = support.sum(0)
        with np.errstate(invalid="ignore"):
            recall = hits / support
        figures = {
            "accuracy": hits.sum(0) / total,
            "balanced_accuracy": mean_of_known(recall),
            "f1_macro": mean_of_known(f1),
            "f1_weighted": np.nansum(f1 * support, axis=0) / total,
        }
        if self.positive is not None:
            yes = self.positive
            precision = hits[yes] / np.maximum(predicted[yes], 1)
            missing = support[yes] == 0
            figures["precision"] = np.where(missing, np.nan, precision)
            figures["recall"] = recall[yes]
            figures["f1"] = np.where(missing, np.nan, f1[yes])
            figures["specificity"] = recall[1 - yes]
        return figures


class RowMeans:
    """Metrics that are weighted means of a figure of each row: name -> (n,).

    Args:
        by_row: the figures.
        among: bool (n,), the rows that have them (default: all).
    """

    def __init__(self, by_row: Mapping[str, np.ndarray], among: np.ndarray | None = None) -> None:
        self.by_row = dict(by_row)
        if among is not None:
            self.by_row = {name: np.where(among, values, 0) for name, values in by_row.items()}
        self.among = among

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,); NaN where the weights hold no row that has the figures."""
        total = weights.sum(0) if self.among is None else self.among @ weights
        with np.errstate(invalid="ignore"):
            return {name: values @ weights / total for name, values in self.by_row.items()}
