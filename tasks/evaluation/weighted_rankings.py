"""The areas under rankings (ROC-AUC, average precision) under many row weightings at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import rankdata

from tasks.evaluation.weighted_part import (
    Linear,
    Part,
    RowMeans,
    Support,
    mean_of_known,
    support_of_all,
)

AREAS = ("roc_auc", "average_precision")


@dataclass(frozen=True)
class Ranking:
    """Pairs of a row and a label in the order of their scores.

    Attributes:
        rows: int (pairs,), the row of each.
        positive: bool (pairs,).
        scores: (pairs,).
        size: how many rows there are.
    """

    rows: np.ndarray
    positive: np.ndarray
    scores: np.ndarray
    size: int

    @property
    def curve(self) -> "Curve":
        """The two areas under it."""
        return Curve(self.rows, self.positive, self.scores, self.size)


@dataclass(frozen=True)
class Ranked:
    """Rankings of one table whose mean areas are metrics.

    Attributes:
        names: of the two areas, as in `AREAS`.
        rankings: one, or one a label.
        bears: how many rows of the rarer class they rest on.
    """

    names: tuple[str, ...]
    rankings: Sequence[Ranking]
    bears: float


class Crossed:
    """The two areas of two tables that have exchanged their ranks in some of their rows.

    Scores of two models have different scales, so ranks are exchanged (Venkatraman and Begg 1996,
    "A distribution-free procedure for comparing receiver operating characteristic curves from a
    paired experiment"). Both tables' pairs stand in one curve, and those that a table does not
    have at the moment weigh nothing.
    """

    def __init__(self, first: Ranked, second: Ranked) -> None:
        self.names = first.names
        self._curves = [
            Curve(
                np.append(one.rows, two.rows + one.size),
                np.append(one.positive, two.positive),
                np.append(rankdata(one.scores), rankdata(two.scores)),
                2 * one.size,
            )
            for one, two in zip(first.rankings, second.rankings, strict=True)
        ]

    def at(self, kept: np.ndarray) -> dict[str, np.ndarray]:
        """By how much the first one's areas exceed the second's: metric -> (draws,).

        Args:
            kept: (rows, draws) of 1 where both keep their own ranks, of 0 where they exchange them.
        """
        here, there = np.vstack([kept, 1 - kept]), np.vstack([1 - kept, kept])
        gaps = [np.subtract(curve.at(here), curve.at(there)) for curve in self._curves]
        return dict(zip(self.names, np.mean(gaps, axis=0), strict=True))


class LabelRankings(Part):
    """ROC-AUC and average precision over all pairs (`micro`) or as the labels' mean (`macro`).

    Args:
        truth: (n, labels) of 0 and 1.
        probabilities: (n, labels).
        average: `micro` or `macro`.
    """

    def __init__(self, truth: np.ndarray, probabilities: np.ndarray, average: str) -> None:
        self.average = average
        rows, labels = truth.shape
        self.rows = rows
        found = truth.sum(0)
        self.support = support_of_all(found, rows) if average == "macro" else Support(found.sum())
        # An area under the ROC curve is the same for a label and for its absence.
        rarer = float(np.minimum(found, rows - found).min(initial=rows))
        self.of_both = replace(self.support, fewest=rarer) if average == "macro" else self.support
        positive = truth == 1
        if average == "micro":
            owner = np.repeat(np.arange(rows), labels)
            self.rankings = [Ranking(owner, positive.ravel(), probabilities.ravel(), rows)]
        else:
            owner = np.arange(rows)
            self.rankings = [
                Ranking(owner, positive[:, label], probabilities[:, label], rows)
                for label in range(labels)
                if 0 < positive[:, label].sum() < rows
            ]
        self.curves = [ranking.curve for ranking in self.rankings]

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

    def linear(self) -> Linear:
        """What each row bears of the two areas, see `Curve.contributions`."""
        if not self.curves:
            nothing = np.full(self.rows, np.nan)
            return RowMeans({f"{area}_{self.average}": nothing for area in AREAS})
        areas = np.mean([curve.contributions() for curve in self.curves], axis=0)
        names = [f"{area}_{self.average}" for area in AREAS]
        return RowMeans(dict(zip(names, areas, strict=True)))

    def ranked(self) -> Ranked:
        """Its rankings."""
        names = tuple(f"{area}_{self.average}" for area in AREAS)
        return Ranked(names, self.rankings, self.support.rows)

    def rests(self) -> dict[str, Support]:
        """What the two areas rest on."""
        roc_auc, average_precision = (f"{area}_{self.average}" for area in AREAS)
        return {roc_auc: self.of_both, average_precision: self.support}


class PositiveRanking(Part):
    """ROC-AUC and average precision of one class."""

    def __init__(self, truth: np.ndarray, probabilities: np.ndarray, positive: int) -> None:
        rows = len(truth)
        scores = probabilities[:, positive]
        self.ranking = Ranking(np.arange(rows), truth[:, positive] == 1, scores, rows)
        self.curve = self.ranking.curve
        own = int(truth[:, positive].sum())
        rarer = min(own, rows - own)
        # An area under the ROC curve is the same for both classes, and so about both.
        self.support = {"roc_auc": Support(rarer, rarer), "average_precision": Support(own, own)}

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """The two areas, (draws,) each; NaN where a class has no weight."""
        roc_auc, average_precision = self.curve.at(weights)
        return {"roc_auc": roc_auc, "average_precision": average_precision}

    def linear(self) -> Linear:
        """What each row bears of the two areas, see `Curve.contributions`."""
        return RowMeans(dict(zip(AREAS, self.curve.contributions(), strict=True)))

    def ranked(self) -> Ranked:
        """Its ranking."""
        return Ranked(AREAS, [self.ranking], self.support["roc_auc"].rows)

    def rests(self) -> dict[str, Support]:
        """What the two areas rest on."""
        return self.support


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

    def contributions(self) -> np.ndarray:
        """What each row bears of ROC-AUC and average precision: (2, n), whose means are the areas.

        An area is no mean over rows; here it is the area itself and the number of rows times its
        derivative by the row's weight, at weights of one (Efron 1982, "The Jackknife, the
        Bootstrap and Other Resampling Plans", chapter 6: the infinitesimal jackknife).
        """
        size = len(self.negatives)
        once = np.ones(size)
        positive, above = self.positive @ once, np.cumsum(self.at_or_above @ once)
        hits, total, negatives = np.cumsum(positive), positive.sum(), self.negatives.sum()
        roc_auc, average_precision = (area[0] for area in self.at(once[:, None]))
        if np.isnan(roc_auc):
            return np.full((2, size), np.nan)

        def below(values: np.ndarray) -> np.ndarray:
            """Of each threshold, the sum over it and all lower ones."""
            return np.cumsum(values[::-1])[::-1]

        # Average precision: sum p h / (h + f) / P. A row's positives add their own precision,
        # lift h at and below themselves, and share in P; all its pairs lift h + f there.
        precision = hits / above
        lifted, lowered = below(positive / above), below(positive * hits / above**2)
        of_precision = (
            self.positive.T @ (precision + lifted - average_precision)
            - self.at_or_above.T @ lowered
        ) / total
        # ROC-AUC: 1 less the share of pairs in the wrong order. A positive has the negatives above
        # it against it, a negative the positives below; ties count half.
        false = above - hits - (self.tied @ once) / 2
        lower = below(positive)
        wrong = (
            self.positive.T @ (false - lower)
            + self.at_or_above.T @ lower
            - self.tied.T @ positive / 2
        )
        shares = self.positive.T @ np.ones_like(positive) / total + self.negatives / negatives
        of_order = (1 - roc_auc) * shares - wrong / (total * negatives)
        return np.stack([roc_auc + size * of_order, average_precision + size * of_precision])
