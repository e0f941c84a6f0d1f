"""Intervals: against scipy's, against worlds whose truth is known, and where there is none."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, t

from benchmarks.evidence import uneven_is_covered
from tasks.config import EvaluationConfig
from tasks.evaluation.bootstrap import intervals, resample
from tasks.evaluation.findings import FEWEST
from tasks.evaluation.intervals import Kind, beside, difference_interval, interval, over_seeds
from tasks.evaluation.outcomes import Outcome, put_predictions
from tasks.evaluation.scored import put_scored
from tasks.evaluation.scoring import Scoring

CONFIG = EvaluationConfig(bootstrap=200)


def arm(truth: np.ndarray, chances: np.ndarray, seed: int = 1) -> Outcome:
    ids = [str(row) for row in range(len(truth))]
    stored = put_predictions(ids, truth, chances, "an arm")
    return Outcome(name="a", kind="arm", seed=seed, metrics={}, validation=stored, test=stored)


@pytest.mark.parametrize(("right", "rows"), [(22, 22), (21, 22), (0, 80), (60, 80), (997, 1000)])
def test_a_share_has_wilsons_interval(isolated_store: Path, right: int, rows: int) -> None:
    truth = np.eye(2, dtype=np.int8)[np.zeros(rows, dtype=int)]
    chances = np.where(np.arange(rows)[:, None] < right, truth, 1 - truth).astype(float)
    drawn = resample(
        {"a": [arm(truth, chances)]}, ["accuracy"], CONFIG, scoring=Scoring("single_label")
    )
    found = intervals(drawn)["a"]["accuracy"]
    expected = binomtest(right, rows).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.high > found.low


def test_kinds_of_figures_keep_to_their_values() -> None:
    assert interval(0.0, 0.0, 20, 0.95, Kind.SHARE)[1] > 0.1
    low, high = interval(0.05, 0.001, 80, 0.95, Kind.AMOUNT)
    assert 0 < low < 0.05 < high
    assert high - 0.05 > 0.05 - low  # errors can be more by more than they can be fewer
    q = t.ppf(0.975, 79)
    assert interval(-2.0, 0.04, 80, 0.95, Kind.SIGNED) == pytest.approx((-2 - q / 5, -2 + q / 5))


def test_the_interval_of_a_difference_is_bonetts_and_prices() -> None:
    # 100 rows, 12 of which only the first gets right and 4 only the second
    gap, second = 0.08, 16 / 100
    low, high = difference_interval(gap, (second - gap**2) / 100, 100, 0.95, Kind.SHARE)
    one, two, rows = 13 / 102, 5 / 102, 102
    half = t.ppf(0.975, 99) * np.sqrt((one + two - (one - two) ** 2) / rows)
    assert (low, high) == pytest.approx((one - two - half, one - two + half))
    assert difference_interval(0.0, 0.0, 22, 0.95, Kind.SHARE)[1] > 0.1  # equal so far, no more


def test_few_seeds_are_given_students_quantile() -> None:
    figures = [0.70, 0.76, 0.73]
    half = t.ppf(0.975, 2) * np.std(figures, ddof=1) / np.sqrt(3)
    assert over_seeds(figures, 0.95) == pytest.approx(half)
    assert over_seeds([0.7], 0.95) == 0
    low, high = beside(0.73, (0.70, 0.75), half)
    assert low == pytest.approx(0.73 - np.hypot(0.03, half))
    assert high == pytest.approx(0.73 + np.hypot(0.02, half))


@pytest.mark.parametrize("positives", [FEWEST - 1, FEWEST])
def test_labels_of_fewer_than_ten_rows_have_no_interval(
    isolated_store: Path, positives: int
) -> None:
    """Neither has a mean over labels that they are in; what is over rows has one."""
    generator = np.random.default_rng(0)
    truth = (generator.random((120, 3)) < 0.4).astype(np.int8)
    truth[:, 2] = 0
    truth[:positives, 2] = 1
    chances = np.clip(0.4 * truth + 0.6 * generator.random(truth.shape), 0, 1)
    over_labels = ["f1_macro", "roc_auc_macro", "average_precision_macro"]
    over_rows = ["f1_micro", "f1_samples", "average_precision_micro", "loss"]
    found = intervals(resample({"a": [arm(truth, chances)]}, [*over_labels, *over_rows], CONFIG))[
        "a"
    ]
    assert [found[name].estimable for name in over_labels] == [positives >= FEWEST] * 3
    assert all(found[name].estimable for name in over_rows)

    often = truth.copy()
    often[:, 2] = 1 - often[:, 2]  # the area under a ROC curve is as much about a label's absence
    found = intervals(resample({"a": [arm(often, chances)]}, over_labels, CONFIG))["a"]
    assert [found[name].estimable for name in over_labels] == [True, positives >= FEWEST, True]

    two = np.eye(2, dtype=np.int8)[truth[:, 2]]
    names = ["f1", "precision", "recall", "average_precision", "roc_auc", "balanced_accuracy"]
    drawn = resample(
        {"a": [arm(two, np.stack([1 - chances[:, 2], chances[:, 2]], 1))]},
        [*names, "accuracy", "f1_weighted", "specificity"],
        CONFIG,
        scoring=Scoring("single_label", positive=1),
    )
    found = intervals(drawn)["a"]
    assert [found[name].estimable for name in names] == [positives >= FEWEST] * len(names)
    assert all(found[name].estimable for name in ("accuracy", "f1_weighted", "specificity"))


def test_intervals_cover_what_they_say(isolated_store: Path) -> None:
    """Small; of every metric, at every size: benchmarks/evidence.py."""
    generator, held = np.random.default_rng(1), []
    bars, runs = np.array([0.3, 0.8]), 40
    names = ["f1_micro", "f1_macro", "average_precision_macro", "roc_auc_macro", "subset_accuracy"]

    def draw(rows: int) -> Outcome:
        signal = generator.normal(size=(rows, 2))
        chances = 1 / (1 + np.exp(-2 * (signal + generator.normal(size=signal.shape) - bars)))
        return arm((signal > bars).astype(np.int8), chances)

    config = EvaluationConfig(bootstrap=100)
    truth = intervals(resample({"a": [draw(20_000)]}, names, config))["a"]
    for run in range(runs):
        found = intervals(resample({"a": [draw(80)]}, names, config, run))["a"]
        held.append([found[name].low <= truth[name].mean <= found[name].high for name in names])
    assert (np.mean(held, axis=0) > 0.92 - 3 * np.sqrt(0.92 * 0.08 / runs)).all()


def test_a_mean_over_queries_is_as_sure_as_there_are_queries(isolated_store: Path) -> None:
    generator, held = np.random.default_rng(3), []
    for run in range(60):
        of_query = generator.random(40) < 0.5
        rows = np.repeat(np.arange(40), 4)
        right = np.where(generator.random(160) < 0.9, of_query[rows], 1 - of_query[rows])
        table = put_scored(
            [str(row) for row in range(160)],
            ["x"] * 160,
            {"pair_accuracy": right.astype(float)},
            {},
            "pairs",
            [f"q{query}" for query in rows],
        )
        each = Outcome(name="a", kind="arm", metrics={}, validation=table, test=table)
        config = EvaluationConfig(bootstrap=100)
        drawn = resample({"a": [each]}, ["pair_accuracy"], config, run, Scoring("preference"))
        found = intervals(drawn)["a"]["pair_accuracy"]
        held.append(found.low <= 0.5 <= found.high)
    assert np.mean(held) > 0.83


def test_groups_of_unequal_size_count_for_fewer() -> None:
    """A few customers wrote most of the rows; were they counted like the others, coverage were
    .88."""
    sizes = [40, 20, 10, 6, 4] + [1] * 40
    assert np.mean([uneven_is_covered(run, sizes, 0.3) for run in range(300)]) >= 0.92


def test_the_interval_of_average_precision_reaches_down_and_not_up(isolated_store: Path) -> None:
    """It looks better on few rows than it is, and better still on a resample of them."""
    generator = np.random.default_rng(4)
    truth = (generator.random((60, 2)) < 0.3).astype(np.int8)
    chances = generator.random(truth.shape)
    drawn = resample({"a": [arm(truth, chances)]}, ["average_precision_macro"], CONFIG)
    (measured,) = drawn.measured["a"]
    figure, resampled = float(measured.figures[0]), measured.resampled[0]
    assert resampled.mean() > figure
    rows, variance = measured.rests[0].rows, float(resampled.var(ddof=1))
    low, high = interval(figure, variance, rows, 0.95, Kind.SHARE)
    found = intervals(drawn)["a"]["average_precision_macro"]
    assert found.high == pytest.approx(high)
    assert found.low < low - 0.8 * (resampled.mean() - figure)
