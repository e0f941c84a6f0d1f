"""Figures of predicted numbers: against scipy and scikit-learn, under weights, and swapped."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from tasks.config import EvaluationConfig
from tasks.evaluation.bootstrap import differences, intervals, resample
from tasks.evaluation.intervals import Kind, interval
from tasks.evaluation.numeric import NUMBER, PREDICTED, numeric_parts
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import put_scored, read_scored, scored_metrics
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.wording import lower_is_better

METRICS = ("mae", "rmse", "r2", "spearman")
CONFIG = EvaluationConfig(bootstrap=200)
FEW = st.lists(
    st.tuples(st.integers(-4, 4), st.integers(-4, 4), st.integers(0, 3)), min_size=3, max_size=30
)


def outcome(numbers: np.ndarray, predicted: np.ndarray, name: str = "a", seed: int = 1) -> Outcome:
    table = put_scored(
        [str(row) for row in range(len(numbers))],
        [repr(float(number)) for number in numbers],
        {"mae": np.abs(predicted - numbers)},
        {NUMBER: numbers, PREDICTED: predicted},
        "a test",
    )
    return Outcome(name=name, kind="arm", seed=seed, metrics={}, validation=table, test=table)


def at(numbers: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in numeric_parts(numbers, predicted):
        found |= {name: float(value[0]) for name, value in part.at(weights[:, None]).items()}
    return found


def test_a_table_has_the_figures_of_scikit_learn_and_scipy(isolated_store: Path) -> None:
    random = np.random.default_rng(0)
    numbers = np.round(random.normal(1e6, 20, 90))  # far from 0, and many are equal
    predicted = np.round(numbers + random.normal(3, 15, 90), -1)
    found = scored_metrics(read_scored(outcome(numbers, predicted).test))
    assert found == pytest.approx(
        {
            "mae": mean_absolute_error(numbers, predicted),
            "rmse": root_mean_squared_error(numbers, predicted),
            "r2": r2_score(numbers, predicted),
            "spearman": spearmanr(numbers, predicted).statistic,
        },
        rel=1e-9,
    )


@given(FEW)
def test_a_weighting_is_the_figure_of_the_rows_repeated(rows: list[tuple[int, int, int]]) -> None:
    numbers, predicted, weights = (
        np.array(column, dtype=float) for column in zip(*rows, strict=True)
    )
    drawn = np.repeat(np.arange(len(rows)), weights.astype(int))
    some, answered = numbers[drawn], predicted[drawn]
    found = at(numbers, predicted, weights)
    if len(some):
        assert found["rmse"] == pytest.approx(root_mean_squared_error(some, answered))
    if len(set(some)) > 1:
        assert found["r2"] == pytest.approx(r2_score(some, answered), abs=1e-9)
    else:
        assert np.isnan(found["r2"])
    if len(set(some)) > 1 and len(set(answered)) > 1:
        assert found["spearman"] == pytest.approx(spearmanr(some, answered).statistic, abs=1e-9)
    else:
        assert np.isnan(found["spearman"])


def test_swapped_ranks_correlate_as_pearson_says() -> None:
    random = np.random.default_rng(1)
    numbers = random.integers(0, 9, 40).astype(float)
    one, other = numbers + random.normal(0, 3, 40), random.normal(0, 1, 40).round(1)
    first, second = (numeric_parts(numbers, predicted)[1].linear() for predicted in (one, other))
    kept = random.integers(0, 2, 40).astype(float)
    mixed = first.of((first.sums @ kept + second.sums @ (1 - kept))[:, None])["spearman"][0]
    ranks = np.where(kept == 1, rankdata(one), rankdata(other))
    assert mixed == pytest.approx(pearsonr(rankdata(numbers), ranks).statistic)


def test_intervals_keep_to_what_a_figure_can_be(isolated_store: Path) -> None:
    numbers = np.arange(60.0)
    close = outcome(numbers, numbers + np.resize([0.2, -0.4, 0.6, -0.1], 60))
    found = intervals(resample({"a": [close]}, METRICS, CONFIG, scoring=Scoring("regression")))["a"]
    assert 0.99 < found["r2"].low < found["r2"].mean < found["r2"].high <= 1
    assert 0.99 < found["spearman"].low <= found["spearman"].mean <= found["spearman"].high <= 1
    assert 0 < found["rmse"].low < found["rmse"].mean < found["rmse"].high < 0.6
    low, high = interval(-0.4, 0.01, 50, 0.95, Kind.BELOW_ONE)
    assert low < -0.4 < high < 1


@pytest.mark.parametrize(("metric", "truth"), [("mae", 0.7979), ("rmse", 1.0), ("r2", 0.5)])
def test_an_interval_covers_what_it_says_it_covers(
    isolated_store: Path, metric: str, truth: float
) -> None:
    """Numbers of variance 2, predicted with errors of a standard normal distribution."""
    random = np.random.default_rng(7)
    draws, covered = 150, 0
    for _ in range(draws):
        predicted = random.normal(0, 1, 80)
        made = outcome(predicted + random.normal(0, 1, 80), predicted)
        found = intervals(resample({"a": [made]}, [metric], CONFIG, scoring=Scoring("regression")))[
            "a"
        ][metric]
        covered += found.low <= truth <= found.high
    assert 0.90 <= covered / draws <= 0.99


def test_the_better_of_two_is_told_and_equals_are_not(isolated_store: Path) -> None:
    random = np.random.default_rng(3)
    numbers = random.normal(50, 20, 150)
    entries = {
        "good": [outcome(numbers, numbers + random.normal(0, 5, 150), "good")],
        "like": [outcome(numbers, numbers + random.normal(0, 5, 150), "like")],
        "poor": [outcome(numbers, numbers + random.normal(0, 25, 150), "poor")],
        "none": [outcome(numbers, np.full(150, 50.0), "none")],
    }
    found = {
        (each.metric, each.first, each.second): each.verdict
        for each in differences(resample(entries, METRICS, CONFIG, scoring=Scoring("regression")))
    }
    for metric in METRICS:
        assert found[metric, "good", "poor"] == "better"
        assert found[metric, "good", "like"] == "even"
        assert lower_is_better(metric) == (metric in ("mae", "rmse"))
    assert found["spearman", "good", "none"] == "unknown"  # one answer for all has no order
    assert found["r2", "good", "none"] == "better"


def test_equal_models_are_called_apart_no_more_often_than_said(isolated_store: Path) -> None:
    random = np.random.default_rng(5)
    real = dict.fromkeys(METRICS, 0)
    for _ in range(120):
        numbers = random.normal(0, 1, 40)
        entries = {
            name: [outcome(numbers, numbers + random.normal(0, 1, 40), name)] for name in "ab"
        }
        for each in differences(resample(entries, METRICS, CONFIG, scoring=Scoring("regression"))):
            real[each.metric] += each.real
    assert max(real.values()) <= 0.1 * 120  # 5 % are expected, 12 or more of 120 in 1 % of such
