import by_sklearn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from tasks.evaluation.metrics import multi_label_metrics
from tasks.evaluation.weighted import METRICS, WeightedMetrics

MULTI = METRICS["multi_label"]


def random_case(
    seed: int, rows: int, labels: int, digits: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, probabilities (coarsely rounded ones tie) and thresholds."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((rows, labels)) < 0.35).astype(np.int8)
    chances = np.clip(0.3 * truth + 0.7 * generator.random((rows, labels)), 0, 1).round(digits)
    return truth, chances.astype(np.float32), generator.uniform(0.2, 0.8, labels)


def test_every_metric_of_the_evaluation_can_be_resampled() -> None:
    truth, chances, thresholds = random_case(0, 30, 4, 3)
    assert set(MULTI) == set(multi_label_metrics(truth, chances, thresholds))


@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.integers(2, 6), st.sampled_from([1, 4]))
@settings(deadline=None, max_examples=25)
def test_weights_count_rows_as_if_they_were_repeated(
    seed: int, rows: int, labels: int, digits: int
) -> None:
    truth, chances, thresholds = random_case(seed, rows, labels, digits)
    generator = np.random.default_rng(seed + 1)
    weights = generator.multinomial(rows, np.full(rows, 1 / rows), 3).T.astype(float)
    got = WeightedMetrics(truth, chances, thresholds, MULTI).at(weights)
    for draw in range(3):
        rows_drawn = np.repeat(np.arange(rows), weights[:, draw].astype(int))
        there = truth[rows_drawn]
        expected = by_sklearn.multi_label(there, chances[rows_drawn], thresholds)
        for name, value in zip(MULTI, got[:, draw], strict=True):
            assert value == pytest.approx(expected[name], abs=1e-6, nan_ok=True), name


def test_ranking_metrics_agree_with_scikit_learns_sample_weight() -> None:
    truth, chances, _ = random_case(5, 60, 5, 1)
    weights = np.random.default_rng(6).integers(1, 5, (60, 3)).astype(float)
    names = [
        f"{m}_{average}" for m in ("roc_auc", "average_precision") for average in ("micro", "macro")
    ]
    got = WeightedMetrics(truth, chances, (), names).at(weights)
    for draw in range(3):
        for row, name in enumerate(names):
            score = roc_auc_score if name.startswith("roc") else average_precision_score
            expected = score(
                truth, chances, average=name.rsplit("_")[-1], sample_weight=weights[:, draw]
            )
            assert got[row, draw] == pytest.approx(expected)


def test_a_label_that_a_resample_lacks_is_left_out_of_its_macro_f1() -> None:
    truth = np.array([[1, 0], [1, 0], [0, 1], [1, 0]])
    chances = np.array([[0.9, 0.1], [0.1, 0.1], [0.1, 0.9], [0.9, 0.6]])
    metric = WeightedMetrics(truth, chances, (), ["f1_macro"])
    all_rows, without_the_second_label = metric.at(np.array([[1, 1, 1, 1], [2, 2, 0, 0]]).T)[0]
    assert all_rows == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert without_the_second_label == pytest.approx(2 / 3)


def test_figures_that_need_what_is_not_there_are_nan() -> None:
    truth = np.array([[1, 0], [0, 0]])
    chances = np.array([[0.9, 0.1], [0.2, 0.3]])
    names = ["f1_micro_tuned", "roc_auc_micro", "roc_auc_macro", "average_precision_macro"]
    tuned, micro, macro, precision = WeightedMetrics(truth, chances, (), names).at(
        np.array([[1.0, 0.0], [1.0, 2.0]])
    )
    assert np.isnan(tuned).all()  # no thresholds
    assert micro[0] == 1
    assert macro[0] == 1
    # the second draw has no positive pair
    assert np.isnan([micro[1], macro[1], precision[1]]).all()
