"""How sure a figure or a difference is: the paired bootstrap over test rows, and over seeds.

Each draw resamples the test rows with replacement (rows that belong to one query or picture,
which are no independent evidence, together) and computes every metric of every entry on
that same resample, so that what makes a row easy or hard for all entries cancels in their
differences (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 13 and 16;
Berg-Kirkpatrick, Burkett and Klein 2012, "An Empirical Investigation of Statistical Significance
in NLP"). Where an entry has several seeds, a draw also resamples its seeds, and the statistic is
the mean over the drawn seeds; entries with the same seeds draw them together, since an arm's
seed fixes the same head and data order for every strategy. Two or three seeds still understate
the variation between seeds, and one seed says nothing of it.

Intervals are percentiles of the draws, moved so that the draws' mean lies on the measured figure:
repeated rows make average precision look better than it is (a label's positives come as ties),
by 0.03 in the macro mean of a test part of 65 rows, and an interval about another centre would
say the wrong thing (chapter 10 of the same book, on the bootstrap's estimate of bias). They are
not corrected for how many pairs are compared. A draw in which a metric is undefined is passed
over; `weighted.py` says what becomes of a figure when a resample lacks a label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tasks.config import EvaluationConfig
from tasks.config.base import Task
from tasks.errors import ThawError
from tasks.evaluation.completions import NO_SHARES, Completions, read_completions
from tasks.evaluation.findings import Difference, Interval
from tasks.evaluation.ordinal import UNBOUNDED, Scale
from tasks.evaluation.outcomes import Outcome, Predictions, read_predictions
from tasks.evaluation.scored import METRICS as SCORED_METRICS
from tasks.evaluation.scored import UNBOUNDED as SCORED_UNBOUNDED
from tasks.evaluation.scored import Scored, is_signed, read_scored
from tasks.evaluation.weighted import Figures, WeightedMetrics

Table = Predictions | Completions | Scored
_BLOCK = 2_000_000  # row weights held at a time: bounds the memory on large test parts


@dataclass(frozen=True)
class Draws:
    """Every metric of every entry, as measured and in each resample.

    Attributes:
        entries, metrics: names, in the order of the arrays.
        measured: (entries, metrics) on the test rows themselves, averaged over seeds.
        resampled: (entries, metrics, draws).
        confidence: coverage of the intervals made from them.
        rows: how many test rows there are.
    """

    entries: tuple[str, ...]
    metrics: tuple[str, ...]
    measured: np.ndarray
    resampled: np.ndarray
    confidence: float
    rows: int


def resample(
    outcomes_by_entry: Mapping[str, Sequence[Outcome]],
    metrics: Sequence[str],
    config: EvaluationConfig,
    seed: int = 0,
    task: Task = "multi_label",
    positive: int | None = None,
    scale: Scale | None = None,
) -> Draws:
    """Draw resamples of the test rows and measure every entry on each.

    Args:
        outcomes_by_entry: entry name -> one outcome a seed (one in all for most baselines).
        metrics: short names from `weighted.metric_names`.
        config: the number of resamples and the confidence.
        seed: of the draws; the same seed gives the same intervals.
        task: what the labels mean.
        positive: column of the positive class of a two-class case.
        scale: the number that each class of an ordered case stands for.

    Raises:
        ThawError: two outcomes were not tested on the same rows.
    """
    models, rows, groups = _prepare(outcomes_by_entry, metrics, task, positive, scale)
    seeds_of = {
        name: tuple(outcome.seed for outcome in outcomes)
        for name, outcomes in outcomes_by_entry.items()
    }
    generator = np.random.default_rng(seed)
    # Drawn before the rows and once for each set of seeds: entries that share seeds are paired.
    shares = {
        seeds: generator.multinomial(
            len(seeds), np.full(len(seeds), 1 / len(seeds)), config.bootstrap
        ).T
        / len(seeds)
        for seeds in dict.fromkeys(seeds_of.values())
    }
    measured = np.stack(
        [
            np.mean([model.at(np.ones((rows, 1)))[:, 0] for model in models[name]], axis=0)
            for name in models
        ]
    )
    resampled = np.empty((len(models), len(metrics), config.bootstrap))
    step = max(1, _BLOCK // rows)
    for start in range(0, config.bootstrap, step):
        block = slice(start, min(start + step, config.bootstrap))
        draws = block.stop - block.start
        weights = _row_weights(generator, rows, groups, draws)
        for position, name in enumerate(models):
            values = np.stack([model.at(weights) for model in models[name]])
            drawn = shares[seeds_of[name]][:, None, block]
            # A seed that was not drawn must not bring in a NaN of its own.
            resampled[position, :, block] = np.where(drawn > 0, drawn * values, 0).sum(0)
    return Draws(
        entries=tuple(models),
        metrics=tuple(metrics),
        measured=measured,
        resampled=resampled,
        confidence=config.confidence,
        rows=rows,
    )


def _row_weights(
    generator: np.random.Generator, rows: int, groups: np.ndarray | None, draws: int
) -> np.ndarray:
    """How often each draw holds each row, float64 (rows, draws); groups are drawn whole."""
    units = rows if groups is None else int(groups.max()) + 1
    weights = generator.multinomial(units, np.full(units, 1 / units), draws).T
    if groups is not None:
        weights = weights[groups]
    return np.ascontiguousarray(weights, dtype=np.float64)


def intervals(draws: Draws) -> dict[str, dict[str, Interval]]:
    """Each entry's metrics with their percentile intervals: entry -> metric -> interval."""
    low, high = _limits(draws.measured, draws.resampled, draws.confidence)
    endless = {*NO_SHARES, *UNBOUNDED, *SCORED_UNBOUNDED}
    signed = np.array([is_signed(metric) for metric in draws.metrics])
    share = np.array([metric not in endless for metric in draws.metrics]) & ~signed
    low = np.maximum(low, np.where(signed, -np.inf, 0.0))
    high = np.minimum(high, np.where(share, 1.0, np.inf))
    return {
        entry: {
            metric: Interval(mean=draws.measured[e, m], low=low[e, m], high=high[e, m])
            for m, metric in enumerate(draws.metrics)
        }
        for e, entry in enumerate(draws.entries)
    }


def differences(draws: Draws) -> tuple[Difference, ...]:
    """Every pair of entries on every metric: the earlier entry minus the later one."""
    found = []
    for a, b in combinations(range(len(draws.entries)), 2):
        gap = draws.measured[a] - draws.measured[b]
        resampled = draws.resampled[a] - draws.resampled[b]
        low, high = _limits(gap, resampled, draws.confidence)
        found += [
            Difference(
                metric=metric,
                first=draws.entries[a],
                second=draws.entries[b],
                difference=gap[m],
                low=low[m],
                high=high[m],
                real=bool(low[m] > 0 or high[m] < 0),
            )
            for m, metric in enumerate(draws.metrics)
        ]
    return tuple(found)


def _limits(
    measured: np.ndarray, resampled: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Percentiles over the last axis about the measured figures; NaN where no draw has one."""
    known = ~np.isnan(resampled)
    empty = ~known.any(-1)
    # nanquantile warns of slices without a value: give these one and take it away again.
    filled = np.where(empty[..., None], 0.0, resampled)
    tail = (1 - confidence) / 2
    bias = np.nanmean(filled, axis=-1) - measured
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=-1) - bias
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _prepare(
    outcomes_by_entry: Mapping[str, Sequence[Outcome]],
    metrics: Sequence[str],
    task: Task,
    positive: int | None,
    scale: Scale | None,
) -> tuple[dict[str, list[Figures]], int, np.ndarray | None]:
    """The metrics of every outcome over one common order of the test rows, the rows' number, and
    their groups where not all are independent."""
    first: tuple[str, Table] | None = None
    models: dict[str, list[Figures]] = {}
    for name, outcomes in outcomes_by_entry.items():
        models[name] = []
        for outcome in outcomes:
            if task == "completion":
                answers = read_completions(outcome.test)
                first = first or (name, answers)
                frame = answers.frame.iloc[_order(first, (name, answers))]
                models[name].append(Figures.of_completions(frame, metrics))
                continue
            if task in SCORED_METRICS:
                scored = read_scored(outcome.test)
                first = first or (name, scored)
                order = _order(first, (name, scored))
                models[name].append(Figures.of_scored(scored, order, metrics))
                continue
            table = read_predictions(outcome.test)
            first = first or (name, table)
            order = _order(first, (name, table))
            truth, probabilities = table.truth[order], table.probabilities[order]
            models[name].append(
                WeightedMetrics(
                    truth, probabilities, outcome.thresholds, metrics, task, positive, scale
                )
            )
    if first is None:
        raise ThawError("There is nothing to compare: no entry has predictions.")
    groups = first[1].groups if isinstance(first[1], Scored) else None
    return models, len(first[1].ids), groups


def _order(first: tuple[str, Table], other: tuple[str, Table]) -> np.ndarray:
    """Positions in the other table of the first one's rows, which must be the same examples."""
    position = {example: row for row, example in enumerate(other[1].ids)}
    ids = first[1].ids
    if len(position) != len(ids) or not position.keys() >= set(ids):
        raise ThawError(
            f"{other[0]} was tested on other rows than {first[0]} ({len(position)} and {len(ids)} "
            "examples): only predictions for the same test part can be compared."
        )
    order = np.array([position[example] for example in ids], dtype=np.intp)
    if not np.array_equal(first[1].truth, other[1].truth[order]):
        raise ThawError(
            f"The test labels of {other[0]} and {first[0]} differ: only predictions for the same "
            "test part can be compared."
        )
    return order
