"""How far a figure, or a difference of two, reaches: intervals over test rows and over seeds.

Each draw resamples the independent units of the test part with replacement (rows; rows of one
franchise, query or picture together) and computes every metric of every entry on that same
resample, so that what makes a row easy or hard for all entries cancels in their differences
(Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 6; Berg-Kirkpatrick, Burkett
and Klein 2012, "An Empirical Investigation of Statistical Significance in NLP"). Of the draws only
their variance and their mean are read; `intervals.py` makes the limits of them: those of a share
of rows are exactly Wilson's. A draw in which a metric is undefined is passed over; `weighted.py`
says what becomes of a figure when a resample lacks a label.

Average precision looks better on few rows than it is, and better still on a resample of them,
whose repeated rows stand beside themselves. So an interval is made about the measured figure, and
about the one less what the draws' mean lies above it, and holds both. Figures that are means over
rows have no such bias and are left alone: their draws' mean differs from them by chance only.

Several seeds add their own spread: the interval over rows, at the mean of the seeds, and Student's
interval over the seeds are put together as independent parts are (`intervals.beside`). One seed
says nothing of others. What is said of a difference is not read off here: `swapping.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tasks.config import EvaluationConfig
from tasks.evaluation.aligned import Aligned, Measures, Tested, align, partners
from tasks.evaluation.findings import FEWEST, Difference, Interval
from tasks.evaluation.intervals import (
    beside,
    difference_interval,
    interval,
    kind_of,
    over_seeds,
)
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scoring import MULTI_LABEL, Scoring
from tasks.evaluation.swapping import holm, swap_tests
from tasks.evaluation.weighted_part import Support

_BLOCK = 2_000_000  # row weights held at a time: bounds the memory on large test parts


@dataclass(frozen=True)
class Measured:
    """One outcome's metrics, as measured and in each resample.

    Attributes:
        seed: of the arm.
        figures: (metrics,) on the test rows themselves.
        resampled: (metrics, draws).
        by_row: of metrics that are means over rows: each row's figure, and which rows have one.
        rests: what each metric rests on.
    """

    seed: int | None
    figures: np.ndarray
    resampled: np.ndarray
    by_row: dict[str, tuple[np.ndarray, np.ndarray]]
    rests: list[Support]


@dataclass(frozen=True)
class Draws:
    """Every metric of every entry in the same resamples.

    Attributes:
        aligned: the entries' tables.
        measured: entry -> one a seed.
        confidence: coverage of the intervals made from them.
        resamples: how many draws; also the least number of swaps of a test.
        seed: of the draws.
    """

    aligned: Aligned
    measured: dict[str, tuple[Measured, ...]]
    confidence: float
    resamples: int
    seed: int

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names, in the order of the arrays."""
        return self.aligned.measures.metrics

    @property
    def rows(self) -> int:
        """How many test rows there are."""
        return self.aligned.rows


def resample(
    outcomes_by_entry: Mapping[str, Sequence[Outcome]],
    metrics: Sequence[str],
    config: EvaluationConfig,
    seed: int = 0,
    scoring: Scoring = MULTI_LABEL,
) -> Draws:
    """Draw resamples of the test rows and measure every entry on each.

    Args:
        outcomes_by_entry: entry name -> one outcome a seed (one in all for most baselines).
        metrics: short names from `weighted.metric_names`.
        config: the number of resamples and the confidence.
        seed: of the draws; the same seed gives the same intervals.
        scoring: what the labels mean.

    Raises:
        ThawError: two outcomes were not tested on the same rows.
    """
    measures = Measures(tuple(metrics), scoring)
    aligned = align(outcomes_by_entry, measures)
    measured = {
        name: tuple(measure(aligned, each, config.bootstrap, seed) for each in tested)
        for name, tested in aligned.entries.items()
    }
    return Draws(aligned, measured, config.confidence, config.bootstrap, seed)


def measure(aligned: Aligned, tested: Tested, draws: int, seed: int) -> Measured:
    """The metrics of one table; every table of a comparison is given the same resamples."""
    generator = np.random.default_rng(seed)
    figures, units = aligned.figures(tested), aligned.units
    resampled = np.empty((len(figures.names), draws))
    step = max(1, _BLOCK // aligned.rows)
    for start in range(0, draws, step):
        block = slice(start, min(start + step, draws))
        size = block.stop - block.start
        drawn = generator.multinomial(units, np.full(units, 1 / units), size).T
        resampled[:, block] = figures.at(aligned.of_units(drawn))
    return Measured(
        seed=tested.seed,
        figures=figures.at(np.ones((aligned.rows, 1)))[:, 0],
        resampled=resampled,
        by_row=figures.by_row(),
        rests=figures.rests(aligned.rows),
    )


def intervals(draws: Draws) -> dict[str, dict[str, Interval]]:
    """Each entry's metrics with their intervals: entry -> metric -> interval."""
    return {
        name: {
            metric: _interval(draws, seeds, place, metric)
            for place, metric in enumerate(draws.metrics)
        }
        for name, seeds in draws.measured.items()
    }


def _interval(draws: Draws, seeds: Sequence[Measured], place: int, metric: str) -> Interval:
    figures = np.array([each.figures[place] for each in seeds])
    mean, support = float(figures.mean()), _support([seeds], place)
    if np.isnan(mean) or support.fewest < FEWEST:
        return Interval(mean=mean, low=np.nan, high=np.nan)
    kind, rows = kind_of(metric), _units(draws.aligned, support)
    resampled = np.mean([each.resampled[place] for each in seeds], axis=0)
    variance, centres = float(np.nanvar(resampled, ddof=1)), [mean]
    values = _by_row(seeds, metric)
    exact = False
    if values is None:
        centres.append(mean - (float(np.nanmean(resampled)) - mean))
    elif draws.aligned.groups is None:
        variance = float(values.var() / len(values))
        exact = bool(np.isin(values, (0.0, 1.0)).all())
    limits = [interval(centre, variance, rows, draws.confidence, kind, exact) for centre in centres]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    low, high = beside(mean, (low, high), over_seeds(figures, draws.confidence))
    return Interval(mean=mean, low=kind.clip(low), high=kind.clip(high))


def differences(draws: Draws) -> tuple[Difference, ...]:
    """Every pair of entries on every metric: the earlier entry minus the later one.

    Tests and their correction: `swapping.py`. A difference is real where its p, corrected for all
    pairs of entries on the same metric, is at most 1 - confidence, and its interval (where there
    is one) lies on one side of 0 without touching it.
    """
    pairs = list(combinations(draws.measured, 2))
    tested = swap_tests(draws.aligned, pairs, draws.resamples, 1 - draws.confidence, draws.seed)
    corrected = np.array([holm(column) for column in tested.T]).T if pairs else tested
    return tuple(
        _difference(draws, first, second, place, metric, p[place])
        for (first, second), p in zip(pairs, corrected, strict=True)
        for place, metric in enumerate(draws.metrics)
    )


def _difference(
    draws: Draws, first: str, second: str, place: int, metric: str, p: float
) -> Difference:
    pairs = partners(draws.measured[first], draws.measured[second])
    gaps = np.array([one.figures[place] - two.figures[place] for one, two in pairs])
    gap = float(gaps.mean())
    support = _support([[one for one, _ in pairs], [two for _, two in pairs]], place)
    low = high = np.nan
    if not np.isnan(gap) and support.fewest >= FEWEST:
        drawn = [one.resampled[place] - two.resampled[place] for one, two in pairs]
        limits = difference_interval(
            gap,
            float(np.nanvar(np.mean(drawn, axis=0), ddof=1)),
            _units(draws.aligned, support),
            draws.confidence,
            kind_of(metric),
        )
        low, high = beside(gap, limits, over_seeds(gaps, draws.confidence))
    apart = bool(np.isnan(low) or low > 0 or high < 0)
    return Difference(
        metric=metric,
        first=first,
        second=second,
        difference=gap,
        low=low,
        high=high,
        p=p,
        seeds=len(pairs),
        real=bool(p <= 1 - draws.confidence + 1e-12) and apart,
    )


def _by_row(seeds: Sequence[Measured], metric: str) -> np.ndarray | None:
    """The figure of each row that has one, averaged over seeds; None for other metrics."""
    found = [each.by_row.get(metric) for each in seeds]
    known = [one for one in found if one is not None]
    if len(known) < len(seeds) or any((mask != known[0][1]).any() for _, mask in known):
        return None
    return np.mean([values for values, _ in known], axis=0)[known[0][1]]


def _support(entries: Sequence[Sequence[Measured]], place: int) -> Support:
    """What the figures of all these outcomes rest on at least."""
    rests = [each.rests[place] for seeds in entries for each in seeds]
    return Support(min(each.rows for each in rests), min(each.fewest for each in rests))


def _units(aligned: Aligned, support: Support) -> float:
    """How many independent units a figure rests on."""
    return max(1.0, min(support.rows, aligned.rows) * aligned.worth / aligned.rows)
