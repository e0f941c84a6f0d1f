"""The metrics of answers under many row weightings at once."""

from collections.abc import Sequence

import numpy as np

from tasks.evaluation.weighted_part import (
    Linear,
    RowMeans,
    Support,
    mean_of_known,
    support_of_all,
)


class _Decisions(Linear):
    """Hits, predictions and true rows of each label, and figures that are means over rows.

    Args:
        truth: (n, labels) of 0 and 1.
        predicted: (n, labels), True for a label that is answered.
        by_row: the means.
    """

    def __init__(
        self, truth: np.ndarray, predicted: np.ndarray, by_row: Sequence[RowMeans]
    ) -> None:
        hits = (truth == 1) & predicted
        counts = [part.T for part in (hits, predicted, truth)]
        super().__init__(np.concatenate([*counts, *(part.sums for part in by_row)]))
        self.by_row = by_row
        self.labels = truth.shape[1]
        self.answered, self.support = predicted.sum(0), truth.sum(0)
        self.of_all = support_of_all(self.support, len(truth))

    def means(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """The figures that are means over rows."""
        place = 3 * self.labels
        figures: dict[str, np.ndarray] = {}
        for part in self.by_row:
            figures |= part.of(sums[place : place + len(part.sums)])
            place += len(part.sums)
        return figures

    def counts(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Weight of the hits, of the predictions and of the true rows, and F1; (labels, draws).

        F1 is NaN for a label that these weights lack.
        """
        hits, predicted, support = sums[: 3 * self.labels].reshape(3, self.labels, -1)
        f1 = np.divide(2 * hits, np.maximum(predicted + support, 1))
        f1[support == 0] = np.nan
        return hits, predicted, support, f1

    def row_means(self) -> Sequence[RowMeans]:
        """The figures that are means over rows."""
        return self.by_row


class LabelDecisions(_Decisions):
    """Multi-label metrics of yes-or-no answers; their names end in `suffix`."""

    def __init__(self, truth: np.ndarray, predicted: np.ndarray, suffix: str) -> None:
        self.suffix = suffix
        # A row's own figures do not depend on the weights; a row with nothing to find and
        # nothing found scores 0, which is scikit-learn's zero_division=0.
        found = ((truth == 1) & predicted).sum(1)
        of = ((truth == 1) | predicted).sum(1)
        by_row = {
            f"f1_samples{suffix}": 2 * found / np.maximum(found + of, 1),
            f"jaccard_samples{suffix}": found / np.maximum(of, 1),
            f"subset_accuracy{suffix}": (found == of).astype(np.float64),
            f"hamming_loss{suffix}": (of - found) / truth.shape[1],
        }
        super().__init__(truth, predicted, [RowMeans(by_row)])

    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,)."""
        hits, predicted, support, f1 = self.counts(sums)
        hits, predicted, support = hits.sum(0), predicted.sum(0), support.sum(0)
        figures = {
            "f1_micro": 2 * hits / np.maximum(predicted + support, 1),
            "f1_macro": mean_of_known(f1),
            "jaccard_micro": hits / np.maximum(predicted + support - hits, 1),
        }
        negatives = sums[-1] * self.labels - support  # the last sum counts the rows
        with np.errstate(invalid="ignore", divide="ignore"):
            # One threshold makes the ROC curve two straight lines: its area is this mean.
            hard = (1 + hits / support - (predicted - hits) / negatives) / 2
        named = {f"{name}{self.suffix}": values for name, values in figures.items()}
        named |= self.means(sums)
        return named if self.suffix else {**named, "roc_auc_hard_labels": hard}

    def rests(self) -> dict[str, Support]:
        """What the figures over labels rest on."""
        found = Support(float(self.support.sum()))
        return {
            f"f1_micro{self.suffix}": found,
            f"jaccard_micro{self.suffix}": found,
            f"f1_macro{self.suffix}": self.of_all,
        }


class ClassDecisions(_Decisions):
    """Single-label metrics of the most probable class; with `positive`, those of that class."""

    def __init__(self, truth: np.ndarray, predicted: np.ndarray, positive: int | None) -> None:
        self.positive = positive
        right = ((truth == 1) & predicted).any(1).astype(np.float64)
        by_row = [RowMeans({"accuracy": right})]
        if positive is not None:
            yes = truth[:, positive] == 1
            by_row += [RowMeans({"recall": right}, yes), RowMeans({"specificity": right}, ~yes)]
        super().__init__(truth, predicted, by_row)

    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,)."""
        hits, predicted, support, f1 = self.counts(sums)
        with np.errstate(invalid="ignore"):
            recall = hits / support
        figures = {
            "balanced_accuracy": mean_of_known(recall),
            "f1_macro": mean_of_known(f1),
            "f1_weighted": np.nansum(f1 * support, axis=0) / support.sum(0),
            **self.means(sums),
        }
        if self.positive is not None:
            yes = self.positive
            precision = hits[yes] / np.maximum(predicted[yes], 1)
            missing = support[yes] == 0
            figures["precision"] = np.where(missing, np.nan, precision)
            figures["f1"] = np.where(missing, np.nan, f1[yes])
        return figures

    def rests(self) -> dict[str, Support]:
        """What the figures of classes rest on."""
        rests = {"balanced_accuracy": self.of_all, "f1_macro": self.of_all}
        if self.positive is not None:
            own = float(self.support[self.positive])
            other = float(self.support[1 - self.positive])
            rests |= {
                "recall": Support(own, own),
                "precision": Support(float(self.answered[self.positive]), own),
                "f1": Support(own, own),
                "specificity": Support(other, other),
            }
        return rests
