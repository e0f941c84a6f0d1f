"""The figures of stars: against definitions by hand, under weights, in intervals and verdicts."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error
from tiny import check_case

from tasks.config import CaseConfig
from tasks.errors import RequestError
from tasks.evaluation.baselines import always_the_mean, majority
from tasks.evaluation.bootstrap import differences, intervals, resample
from tasks.evaluation.comparison import best_outcome, compare
from tasks.evaluation.metrics import compute
from tasks.evaluation.ordinal import OF_SCALE, ordinal_metrics, scale_of
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.weighted import WeightedMetrics, metric_names
from tasks.evaluation.wording import lower_is_better, metric_title
from tasks.training.trainer import higher_is_better

STARS = (1.0, 2.0, 3.0, 4.0, 5.0)
NAMES = metric_names("single_label", has_positive=False, ordered=True)


def one_hot(stars: list[int]) -> np.ndarray:
    return np.eye(5, dtype=np.int8)[np.array(stars) - 1]


def random_stars(seed: int, rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    chances = generator.dirichlet(np.ones(5), rows)
    return one_hot(generator.integers(1, 6, rows).tolist()), chances


def test_the_figures_are_those_of_the_definitions() -> None:
    #               near  good  bad told good  truth 3 does not count  3 is wrong  right
    truth = one_hot([5, 4, 1, 3, 2, 1])
    answers = one_hot([4, 5, 4, 5, 3, 1])
    assert ordinal_metrics(truth, answers, STARS) == pytest.approx(
        {
            "mae": (1 + 1 + 3 + 2 + 1 + 0) / 6,
            "off_by_one": 4 / 6,
            "good_bad": 3 / 5,
            "top_or_rest": 3 / 6,
            "mae_expected": (1 + 1 + 3 + 2 + 1 + 0) / 6,  # a certain answer is the expected one
        }
    )


def test_the_expected_star_lies_between_the_stars() -> None:
    truth, chances = one_hot([2]), np.array([[0.0, 0.4, 0.0, 0.0, 0.6]])
    figures = ordinal_metrics(truth, chances, STARS)
    assert figures["mae"] == 3
    assert figures["mae_expected"] == pytest.approx(0.4 * 2 + 0.6 * 5 - 2)


def test_without_a_good_or_bad_row_the_figure_is_undefined() -> None:
    figures = ordinal_metrics(one_hot([3, 3]), one_hot([3, 5]), STARS)
    assert np.isnan(figures.pop("good_bad"))
    assert not np.isnan(list(figures.values())).any()


def test_the_scale_counts_in_its_own_unit_whatever_the_columns_order() -> None:
    truth, answers = np.eye(3, dtype=np.int8)[[0, 1, 2]], np.eye(3)[[1, 1, 0]]
    figures = ordinal_metrics(truth, answers, (10.0, 0.0, 30.0))
    assert figures["mae"] == pytest.approx((10 + 0 + 20) / 3)
    assert figures["off_by_one"] == pytest.approx(1 / 3)
    assert figures["good_bad"] == pytest.approx(2 / 3)  # 15 is the middle


def test_labels_that_are_no_numbers_have_no_scale() -> None:
    assert scale_of(["1", "2.5", "10"], ordered=True) == (1.0, 2.5, 10.0)
    assert scale_of(["bad", "good"], ordered=False) is None
    with pytest.raises(RequestError, match=r"bad, good.*data\.rename_labels"):
        scale_of(["bad", "good"], ordered=True)


def test_compute_has_them_only_with_a_scale() -> None:
    truth, chances = random_stars(1)
    plain, figures = (
        compute(Scoring("single_label", scale=s), truth, chances) for s in (None, STARS)
    )
    assert set(figures) == set(NAMES)
    assert set(figures) - set(plain) == set(OF_SCALE)


@given(seed=st.integers(0, 500))
def test_weights_agree_with_repeated_rows(seed: int) -> None:
    truth, chances = random_stars(seed)
    weights = np.random.default_rng(seed + 1).integers(0, 4, (len(truth), 2)).astype(float)
    got = WeightedMetrics(truth, chances, (), NAMES, Scoring("single_label", scale=STARS)).at(
        weights
    )
    for draw in range(2):
        rows = np.repeat(np.arange(len(truth)), weights[:, draw].astype(int))
        expected = ordinal_metrics(truth[rows], chances[rows], STARS)
        figures = dict(zip(NAMES, got[:, draw], strict=True))
        for name in OF_SCALE:
            assert figures[name] == pytest.approx(expected[name], nan_ok=True), name
        by = {"sample_weight": weights[:, draw]}
        error = mean_absolute_error(truth.argmax(1), chances.argmax(1), **by)
        assert figures["mae"] == pytest.approx(error)


@pytest.mark.parametrize(
    ("metric", "lower"),
    [
        ("mae", True),
        ("val/mae_expected", True),
        ("test/ece", True),
        ("test/ece_uncalibrated", True),
        ("hamming_loss_tuned", True),
        ("off_by_one", False),
        ("good_bad", False),
        ("top_or_rest", False),
        ("f1_macro", False),
    ],
)
def test_every_place_knows_which_way_is_better(metric: str, lower: bool) -> None:
    assert lower_is_better(metric) is lower
    assert higher_is_better(metric) is not lower


def test_the_metrics_have_names_to_read() -> None:
    assert metric_title("test/mae") == "mean absolute error"
    assert metric_title("off_by_one") == "at most one off"


# --- baselines ----------------------------------------------------------------------------------


@given(stars=st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_the_mean_baseline_expects_the_mean_and_answers_it_rounded(stars: list[int]) -> None:
    baseline = always_the_mean(one_hot(stars), STARS, 3, 4)
    assert (baseline.validation.shape, baseline.test.shape) == ((3, 5), (4, 5))
    mean = np.mean(stars)
    assert baseline.settings["mean"] == pytest.approx(mean)
    assert baseline.test.sum(1) == pytest.approx(1)
    assert baseline.test @ np.array(STARS) == pytest.approx(mean, abs=1e-5)
    assert abs(STARS[int(baseline.test[0].argmax())] - mean) <= 0.5 + 1e-6


def test_the_mean_baseline_errs_by_the_mean_and_the_majority_one_by_the_mode() -> None:
    train = one_hot([5] * 6 + [1] * 3 + [3])  # mode 5, mean 3.6
    truth = one_hot([5, 1, 3])
    scale = scale_of(["1", "2", "3", "4", "5"], ordered=True)
    assert scale is not None
    mean = compute(
        Scoring("single_label", scale=scale), truth, always_the_mean(train, scale, 1, 3).test
    )
    mode = compute(Scoring("single_label", scale=scale), truth, majority(train, 1, 3).test)
    assert mean["mae"] == pytest.approx((1 + 3 + 1) / 3)  # 3.6 is told as 4
    assert mean["mae_expected"] == pytest.approx((1.4 + 2.6 + 0.6) / 3)
    assert mode["mae"] == pytest.approx((0 + 4 + 2) / 3)


# --- comparisons --------------------------------------------------------------------------------

MakeOutcome = Callable[..., Outcome]


@pytest.fixture
def ordered(stars_config: CaseConfig) -> CaseConfig:
    """Five classes on a scale, judged and chosen by the mean absolute error."""
    shown = ("mae", "mae_expected", "off_by_one", "good_bad", "accuracy")
    evaluation = {"ordered": True, "primary": "test/mae", "table": shown}
    return stars_config.model_copy(
        update={
            "evaluation": stars_config.evaluation.model_copy(update=evaluation),
            "training": stars_config.training.model_copy(update={"select_by": "val/mae"}),
        }
    )


@pytest.fixture
def outcomes(make_classified: MakeOutcome) -> list[Outcome]:
    """A good arm, a bad one, and a baseline, with their errors measured."""
    made = [
        make_classified("full", 0.3, rows=400, classes=5),
        make_classified("head", 1.2, rows=400, classes=5),
        make_classified("always the mean", 30, kind="baseline", seed=None, rows=400, classes=5),
    ]
    from tasks.evaluation.outcomes import read_predictions

    found = []
    for outcome in made:
        figures = {}
        for part in ("validation", "test"):
            table = read_predictions(getattr(outcome, part))
            measured = ordinal_metrics(table.truth, table.probabilities, STARS)
            short = "val" if part == "validation" else "test"
            figures |= {f"{short}/{name}": value for name, value in measured.items()}
        found.append(outcome.model_copy(update={"metrics": outcome.metrics | figures}))
    return found


def test_the_least_error_is_chosen_and_called_better(
    ordered: CaseConfig, outcomes: list[Outcome]
) -> None:
    check_case(ordered)
    assert best_outcome(outcomes, ordered).name == "full"
    comparison = compare(outcomes, ordered, ["1", "2", "3", "4", "5"])
    assert comparison.best == "full"
    gap = comparison.difference("head", "full")
    assert gap.real
    assert gap.difference > 0  # a larger error
    assert "Worse: head" in comparison.conclusion
    assert "beats the strongest baseline on validation, always the mean" in comparison.conclusion
    assert "mean absolute error" in comparison.conclusion


def test_intervals_hold_the_figure_and_an_error_may_exceed_one(
    ordered: CaseConfig, outcomes: list[Outcome]
) -> None:
    entries = {outcome.name: [outcome] for outcome in outcomes}
    draws = resample(
        entries, OF_SCALE, ordered.evaluation, scoring=Scoring("single_label", scale=STARS)
    )
    found = intervals(draws)
    for name, (outcome,) in entries.items():
        for metric, interval in found[name].items():
            assert interval.low < interval.mean < interval.high
            assert interval.mean == pytest.approx(outcome.metrics[f"test/{metric}"])
    assert found["always the mean"]["mae"].high > 1
    assert found["full"]["off_by_one"].high <= 1
    assert {gap.metric for gap in differences(draws)} == set(OF_SCALE)


def test_a_scale_metric_of_an_unordered_case_says_what_it_needs(stars_config: CaseConfig) -> None:
    evaluation = stars_config.evaluation.model_copy(update={"primary": "test/mae"})
    with pytest.raises(RequestError, match=r"evaluation\.primary.*evaluation\.ordered=true"):
        check_case(stars_config.model_copy(update={"evaluation": evaluation}))
