"""Classification metrics over a prediction table, as `evaluate` metrics.

`evaluate.load("f1")` fetches a script from a hub at run time; a subclass of `evaluate.Metric`
gives the same interface with nothing fetched. Truth and probabilities are (n, labels) arrays
everywhere; a single-label case has one column a class and exactly one 1 in each row of truth.
The figures are those that the intervals are drawn of (`weighted_part.py`), every row counted once:
scikit-learn, which they agree with, looks at the same arrays anew for each of them.
"""

import logging
from collections.abc import Sequence
from typing import Any

import evaluate
import numpy as np
from datasets import Features, Value
from datasets import Sequence as SequenceFeature

from tasks.config.base import Task
from tasks.evaluation.ordinal import ordinal_metrics
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.single_label import single_label_metrics
from tasks.evaluation.weighted_decisions import LabelDecisions
from tasks.evaluation.weighted_part import Part, once
from tasks.evaluation.weighted_rankings import LabelRankings

Metrics = dict[str, float]

# evaluate warns on every use that a metric without a module hash cannot be cached: it need not.
logging.getLogger("evaluate").setLevel(logging.ERROR)


class _TableMetric(evaluate.Metric):
    """A metric of a table of probabilities: both sides are (n, labels) rows."""

    def _info(self) -> evaluate.MetricInfo:
        row = SequenceFeature(Value("float32"))
        return evaluate.MetricInfo(
            description=self.__doc__,
            citation="",
            inputs_description="(n, labels) probabilities and (n, labels) truth.",
            features=Features({"predictions": row, "references": row}),
        )


class MultiLabelMetrics(_TableMetric):
    """All multi-label figures at given thresholds; see `multi_label_metrics`."""

    def _compute(
        self,
        predictions: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        thresholds: Sequence[float] | np.ndarray | None = None,
    ) -> Metrics:
        return multi_label_metrics(
            np.asarray(references, dtype=np.int8), np.asarray(predictions), thresholds
        )


class SingleLabelMetrics(_TableMetric):
    """All single-label figures, those of a positive class and of a scale where there is one.

    See `single_label_metrics` and `ordinal_metrics`.
    """

    def _compute(
        self,
        predictions: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        positive: int | None = None,
        scale: Sequence[float] | None = None,
    ) -> Metrics:
        truth, probabilities = np.asarray(references, dtype=np.int8), np.asarray(predictions)
        figures = single_label_metrics(truth, probabilities, positive)
        if scale is not None:
            figures |= ordinal_metrics(truth, probabilities, tuple(scale))
        return figures


def compute(
    scoring: Scoring,
    truth: np.ndarray,
    probabilities: np.ndarray,
    thresholds: Sequence[float] | np.ndarray | None = None,
) -> Metrics:
    """The metrics of one part, through `evaluate`.

    Args:
        scoring: what the labels mean.
        truth: (n, labels) of 0 and 1.
        probabilities: (n, labels) in [0, 1].
        thresholds: tuned threshold of each label (multi-label cases); with them the `_tuned`
            figures are added.
    """
    table = {"predictions": probabilities, "references": truth.astype(np.float32)}
    metric: Any
    if scoring.task == "multi_label":
        metric = MultiLabelMetrics(keep_in_memory=True)
        return metric.compute(**table, thresholds=thresholds)
    metric = SingleLabelMetrics(keep_in_memory=True)
    return metric.compute(**table, positive=scoring.positive, scale=scoring.scale)


def decide(
    task: Task, probabilities: np.ndarray, thresholds: Sequence[float] | np.ndarray | None = None
) -> np.ndarray:
    """The answers that probabilities come to: (n, labels), True for a predicted label.

    Multi-label: each label at or above its threshold (without thresholds: 0.5). Single-label:
    the most probable class; of equals the first, as `argmax` and so the packaged model has it.
    """
    if task == "multi_label":
        tuned = thresholds is not None and len(thresholds) > 0
        return np.asarray(probabilities >= (np.asarray(thresholds) if tuned else 0.5))
    return np.arange(probabilities.shape[1]) == probabilities.argmax(1)[:, None]


def multi_label_metrics(
    truth: np.ndarray,
    probabilities: np.ndarray,
    thresholds: Sequence[float] | np.ndarray | None = None,
) -> Metrics:
    """Multi-label metrics at the fixed threshold 0.5, threshold-free, and at tuned thresholds.

    `roc_auc_hard_labels` is the chapter's own "ROC-AUC": it is taken on predictions binarised
    at 0.5 (micro), which makes it a balanced accuracy; it is logged for comparison only.
    """
    parts: list[Part] = [LabelDecisions(truth, decide("multi_label", probabilities), "")]
    if thresholds is not None:
        tuned = decide("multi_label", probabilities, thresholds)
        parts.append(LabelDecisions(truth, tuned, "_tuned"))
    parts += [LabelRankings(truth, probabilities, average) for average in ("micro", "macro")]
    chances = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    losses = -np.log(np.where(truth == 1, chances, 1 - chances))
    return {**once(parts, len(truth)), "loss": float(losses.mean())}


_PULL = 100
"""Positives that a label's own threshold needs to lie halfway between the common threshold and the
one that is best on the rows it is fitted to (`benchmarks/evidence.py` shows what others cost)."""


def tune_thresholds(truth: np.ndarray, probabilities: np.ndarray) -> tuple[float, ...]:
    """Threshold of each label that maximises micro-F1 on these (validation) rows.

    Micro-F1 is 2TP / (2TP + FP + FN) over all labels together. Its optimum predicts a label
    where its probability exceeds F*/2, F* being the optimum itself (Lipton, Elkan and
    Naryanaswamy 2014, "Optimal thresholding of classifiers to maximize F1 measure"), so the
    search starts from the best common threshold and then improves one label at a time until no
    label improves. What it finds for a label is fitted to that label's few positives, and on other
    rows it loses: so each label's threshold is drawn towards the common one, to which it keeps as
    if `_PULL` positives spoke for that; a label with fewer than five keeps to it wholly. Where the
    thresholds that come of it are no better on these rows than the common one, that one stands.

    Args:
        truth: (n, labels) of 0 and 1.
        probabilities: (n, labels) in [0, 1].

    Returns:
        One threshold a label, in (0, 1).
    """
    grid = np.linspace(0.02, 0.98, 97)
    # counts[g, l]: true positives and predicted positives of label l at threshold grid[g]
    # (one threshold at a time: all at once would hold every row of every label 97 times)
    positive = truth.astype(bool)
    positives = np.stack([(probabilities >= bar).sum(0) for bar in grid])
    true_positives = np.stack([((probabilities >= bar) & positive).sum(0) for bar in grid])
    support = truth.sum(0)

    def micro_f1(tp: np.ndarray, pp: np.ndarray) -> np.ndarray:
        return 2 * tp / np.maximum(pp + support.sum(), 1)

    scores = micro_f1(true_positives.sum(1), positives.sum(1))
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    common = int(best[np.argmin(np.abs(grid[best] - 0.5))])
    chosen = np.full(truth.shape[1], common)
    tunable = np.flatnonzero(support >= 5)
    columns = np.arange(truth.shape[1])
    for _ in range(20):
        before = chosen.copy()
        for label in tunable:
            tp = true_positives[chosen, columns].sum() - true_positives[chosen[label], label]
            pp = positives[chosen, columns].sum() - positives[chosen[label], label]
            scores = micro_f1(tp + true_positives[:, label], pp + positives[:, label])
            best = np.flatnonzero(scores >= scores.max() - 1e-12)
            # Of equally good thresholds, the one nearest to the common one overfits least.
            chosen[label] = best[np.argmin(np.abs(best - common))]
        if (chosen == before).all():
            break
    drawn = grid[common] + (grid[chosen] - grid[common]) * support / (support + _PULL)
    answered = probabilities >= drawn
    ours = micro_f1((answered & positive).sum(), answered.sum())
    if ours <= micro_f1(true_positives[common].sum(), positives[common].sum()):
        drawn = np.full(len(chosen), grid[common])
    return tuple(float(value) for value in drawn)
