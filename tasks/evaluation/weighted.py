"""The metrics of one prediction table under many row weightings at once.

The bootstrap needs each metric a thousand times on the same predictions, with other rows counted
more or less often. scikit-learn would sort and count anew each time; here everything that does
not depend on the weights is prepared once, and a block of weightings is then a few matrix
products. Under weights of one the figures are those of `metrics.compute`. Weights are whole
numbers: how often a row was drawn.

Labels that rows lack. A rare label may have no positive row in a resample, or in the test part
itself. Were its F1 counted as 0, an arm that is always right would not reach a macro F1 of 1, and
the whole interval would lie below the figure; instead such a label is left out of macro F1, as of
balanced accuracy. Ranking metrics need both classes, so a label that lacks one is left out of macro
ROC-AUC and average precision, and the micro ones are NaN where no pair of one class is left.
The figures of a positive class are NaN in a resample without a row of it (specificity and the
rankings: of the other), and the bootstrap passes over that draw.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tasks.config.base import Task
from tasks.evaluation.completions import COMPLETION_METRICS, completion_parts
from tasks.evaluation.metrics import decide
from tasks.evaluation.ordinal import OF_SCALE, scale_figures
from tasks.evaluation.scored import METRICS as SCORED_METRICS
from tasks.evaluation.scored import Scored, scored_parts
from tasks.evaluation.scoring import MULTI_LABEL, Scoring
from tasks.evaluation.single_label import cross_entropy
from tasks.evaluation.weighted_decisions import ClassDecisions, LabelDecisions
from tasks.evaluation.weighted_part import Linear, Part, RowMeans, Support
from tasks.evaluation.weighted_rankings import LabelRankings, PositiveRanking, Ranked

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
METRICS: dict[Task, tuple[str, ...]] = {
    "multi_label": (
        *DECISIONS,
        *(f"{name}_tuned" for name in DECISIONS),
        "roc_auc_hard_labels",
        "loss",
        *RANKINGS,
    ),
    "single_label": ("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "loss"),
    "completion": COMPLETION_METRICS,
    **SCORED_METRICS,
}
_CELLS = 4_000_000  # numbers that an array of a draw's labels or thresholds may hold at a time
OF_POSITIVE = ("precision", "recall", "f1", "specificity", "roc_auc", "average_precision")


def metric_names(task: Task, has_positive: bool, ordered: bool = False) -> tuple[str, ...]:
    """Every metric of a task; those of a positive class or a scale only where the case has one."""
    if task != "single_label":
        return METRICS[task]
    return (
        *METRICS[task],
        *(OF_POSITIVE if has_positive else ()),
        *(OF_SCALE if ordered else ()),
    )


class Figures:
    """Metrics of one table of predictions or answers, as functions of row weights.

    Args:
        parts: what measures them.
        names: the metrics wanted.
        height: the most numbers that a part keeps of one draw, beside the rows' weights.
    """

    def __init__(self, parts: Sequence[Part], names: Sequence[str], height: int = 1) -> None:
        self.names = tuple(names)
        self._parts = list(parts)
        self._together = max(1, _CELLS // max(1, height))

    @classmethod
    def of_completions(cls, frame: pd.DataFrame, names: Sequence[str]) -> "Figures":
        """Those of a table of answers (`completions.put_completions`)."""
        return cls(completion_parts(frame), names)

    @classmethod
    def of_scored(cls, scored: Scored, names: Sequence[str]) -> "Figures":
        """Those of scored rows (`scored.put_scored`)."""
        return cls(scored_parts(scored), names)

    def at(self, weights: np.ndarray) -> np.ndarray:
        """The metrics under each weighting.

        Args:
            weights: (n, draws), each column the weights of the rows in one draw.

        Returns:
            (metrics, draws) in the order of `names`.
        """
        draws = weights.shape[1]
        measured = np.full((len(self.names), draws), np.nan)
        for start in range(0, draws, self._together):
            block = slice(start, start + self._together)
            figures: dict[str, np.ndarray] = {}
            for part in self._parts:
                figures |= part.at(weights[:, block])
            for place, name in enumerate(self.names):
                if name in figures:
                    measured[place, block] = figures[name]
        return measured

    def linear(self) -> list[Linear]:
        """The parts as functions of sums over rows."""
        return [part.linear() for part in self._parts]

    def ranked(self) -> list[Ranked]:
        """The rankings among what is measured."""
        kinds = (LabelRankings, PositiveRanking)
        return [part.ranked() for part in self._parts if isinstance(part, kinds)]

    def by_row(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Of the metrics that are means over rows: each row's figure (n,), and which have one."""
        return {
            name: (values, part.among)
            for own in self._parts
            for part in own.row_means()
            for name, values in part.by_row.items()
            if name in self.names
        }

    def rests(self, rows: int) -> list[Support]:
        """What each metric rests on, in the order of `names`.

        Args:
            rows: of the table, on all of which a metric rests that says nothing else.
        """
        found = {name: Support(float(known.sum())) for name, (_, known) in self.by_row().items()}
        for part in self._parts:
            found |= part.rests()
        return [found.get(name, Support(rows)) for name in self.names]


class WeightedMetrics(Figures):
    """Metrics of one prediction table as functions of row weights.

    Args:
        truth: (n, labels) of 0 and 1.
        probabilities: (n, labels) in [0, 1].
        thresholds: tuned threshold of each label ; without them the
            `_tuned` figures are NaN.
        names: the metrics wanted, from `metric_names`.
        scoring: what the labels mean.
    """

    def __init__(
        self,
        truth: np.ndarray,
        probabilities: np.ndarray,
        thresholds: Sequence[float] | np.ndarray,
        names: Sequence[str],
        scoring: Scoring = MULTI_LABEL,
    ) -> None:
        labelled_freely = scoring.task == "multi_label"
        if labelled_freely:
            parts = _multi_label_parts(truth, probabilities, thresholds, set(names))
        else:
            parts = _single_label_parts(truth, probabilities, scoring.positive, set(names))
            if scoring.scale is not None and set(OF_SCALE) & set(names):
                parts += scale_figures(truth, probabilities, scoring.scale)
        # A ranking over all pairs has a threshold for each true one, all else a figure a label.
        ranked = labelled_freely and bool(set(RANKINGS) & set(names))
        super().__init__(parts, names, max(truth.shape[1], int(truth.sum()) if ranked else 0))


def _multi_label_parts(
    truth: np.ndarray,
    probabilities: np.ndarray,
    thresholds: Sequence[float] | np.ndarray,
    names: set[str],
) -> list[Part]:
    parts: list[Part] = []
    if names & {*DECISIONS, "roc_auc_hard_labels"}:
        parts.append(LabelDecisions(truth, decide("multi_label", probabilities), ""))
    if len(thresholds) and any(name.endswith("_tuned") for name in names):
        tuned = decide("multi_label", probabilities, thresholds)
        parts.append(LabelDecisions(truth, tuned, "_tuned"))
    if "loss" in names:
        likelihood = np.where(truth == 1, probabilities, 1 - probabilities.astype(np.float64))
        losses = -np.log(np.clip(likelihood, 1e-7, 1 - 1e-7))
        parts.append(RowMeans({"loss": losses.mean(1)}))
    for average in ("micro", "macro"):
        if {f"roc_auc_{average}", f"average_precision_{average}"} & names:
            parts.append(LabelRankings(truth, probabilities, average))
    return parts


def _single_label_parts(
    truth: np.ndarray,
    probabilities: np.ndarray,
    positive: int | None,
    names: set[str],
) -> list[Part]:
    predicted = decide("single_label", probabilities)
    parts: list[Part] = [ClassDecisions(truth, predicted, positive)]
    if "loss" in names:
        parts.append(RowMeans({"loss": cross_entropy(truth, probabilities)}))
    if positive is not None and names & {"roc_auc", "average_precision"}:
        parts.append(PositiveRanking(truth, probabilities, positive))
    return parts
