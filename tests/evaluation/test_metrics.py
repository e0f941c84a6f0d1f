import by_sklearn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation.metrics import compute, multi_label_metrics, tune_thresholds
from tasks.evaluation.scoring import Scoring

TRUTH = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
# At 0.5 row 0 misses label 2, row 2 adds label 2, row 3 finds nothing.
CHANCES = np.array([[0.9, 0.1, 0.4], [0.2, 0.8, 0.3], [0.7, 0.6, 0.5], [0.1, 0.2, 0.45]])


def test_the_figures_at_one_half_are_those_worked_out_by_hand() -> None:
    figures = multi_label_metrics(TRUTH, CHANCES)
    # 4 hits, 5 predicted, 6 true
    assert figures["f1_micro"] == pytest.approx(2 * 4 / (5 + 6))
    assert figures["jaccard_micro"] == pytest.approx(4 / 7)
    # labels 0 and 1 are perfect, label 2 has no hit
    assert figures["f1_macro"] == pytest.approx(2 / 3)
    assert figures["f1_samples"] == pytest.approx((2 / 3 + 1 + 4 / 5 + 0) / 4)
    assert figures["jaccard_samples"] == pytest.approx((1 / 2 + 1 + 2 / 3 + 0) / 4)
    assert figures["subset_accuracy"] == pytest.approx(1 / 4)
    assert figures["hamming_loss"] == pytest.approx(3 / 12)
    # the mean of the hit rate 4/6 and the correct rejection rate 5/6
    assert figures["roc_auc_hard_labels"] == pytest.approx((4 / 6 + 5 / 6) / 2)
    # label 2: negatives at 0.3 and 0.5, positives at 0.4 and 0.45: 2 of 4 pairs are in order
    assert figures["roc_auc_macro"] == pytest.approx((1 + 1 + 2 / 4) / 3)
    # label 2 from the top: 0.5 no, 0.45 yes (1 of 2), 0.4 yes (2 of 3)
    assert figures["average_precision_macro"] == pytest.approx((1 + 1 + (1 / 2 + 2 / 3) / 2) / 3)
    likelihood = np.where(TRUTH == 1, CHANCES, 1 - CHANCES)
    assert figures["loss"] == pytest.approx(-np.log(likelihood).mean())


def test_tuned_figures_are_there_only_with_thresholds() -> None:
    assert not [name for name in multi_label_metrics(TRUTH, CHANCES) if name.endswith("_tuned")]
    figures = multi_label_metrics(TRUTH, CHANCES, [0.5, 0.5, 0.4])
    # label 2 now finds its two rows and still adds row 2
    assert figures["f1_micro_tuned"] == pytest.approx(2 * 6 / (7 + 6))
    assert figures["subset_accuracy_tuned"] == pytest.approx(3 / 4)
    assert figures["f1_micro"] == pytest.approx(2 * 4 / (5 + 6))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(2, 6), st.sampled_from([1, 4]))
@settings(max_examples=25)
def test_scikit_learn_agrees_on_random_predictions(
    seed: int, rows: int, labels: int, digits: int
) -> None:
    generator = np.random.default_rng(seed)
    # some labels have no positive row, some no negative one
    truth = (generator.random((rows, labels)) < 1.5 * generator.random(labels)).astype(np.int8)
    chances = generator.random((rows, labels)).round(digits).astype(np.float32)
    thresholds = generator.random(labels)
    expected = by_sklearn.multi_label(truth, chances, thresholds)
    figures = multi_label_metrics(truth, chances, thresholds)
    assert figures == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_label_without_positives_does_not_spoil_the_ranking_figures() -> None:
    truth, chances = TRUTH.copy(), CHANCES
    truth[:, 2] = 0
    figures = multi_label_metrics(truth, chances)
    assert figures["roc_auc_macro"] == pytest.approx(1.0)
    truth[:] = 0
    assert np.isnan(multi_label_metrics(truth, chances)["roc_auc_micro"])


def test_the_evaluate_metric_gives_the_same_figures() -> None:
    thresholds = (0.5, 0.5, 0.4)
    figures = compute(Scoring("multi_label"), TRUTH, CHANCES, thresholds)
    assert figures == pytest.approx(multi_label_metrics(TRUTH, CHANCES, thresholds))


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(2, 8), st.sampled_from([1, 2, 6]))
@settings(deadline=None, max_examples=50)
def test_tuned_thresholds_are_never_worse_than_one_half_where_they_were_fitted(
    seed: int, rows: int, labels: int, digits: int
) -> None:
    generator = np.random.default_rng(seed)
    truth = (generator.random((rows, labels)) < generator.random(labels)).astype(int)
    chances = generator.random((rows, labels)).round(digits).astype(np.float32)
    thresholds = tune_thresholds(truth, chances)
    assert len(thresholds) == labels
    assert all(0 < threshold < 1 for threshold in thresholds)
    figures = multi_label_metrics(truth, chances, thresholds)
    assert figures["f1_micro_tuned"] >= figures["f1_micro"] - 1e-12


def test_thresholds_follow_their_labels_the_further_the_more_rows_speak_for_it() -> None:
    generator = np.random.default_rng(0)
    found = []
    for rows in (200, 4000):
        truth = (generator.random((rows, 2)) < 0.4).astype(int)
        noise = 0.05 * generator.random((rows, 2))
        chances = np.where(truth == 1, [0.3, 0.9], [0.1, 0.7]) + noise
        thresholds = tune_thresholds(truth, chances)
        figures = multi_label_metrics(truth, chances, thresholds)
        found.append((thresholds[1] - thresholds[0], figures["f1_micro_tuned"]))
    (near, some), (far, all_) = found
    assert near < far  # eighty positives move a threshold less than sixteen hundred
    assert some < all_


def test_a_rare_label_keeps_the_common_threshold() -> None:
    generator = np.random.default_rng(1)
    truth = (generator.random((100, 3)) < 0.4).astype(int)
    truth[:, 2] = 0
    truth[:4, 2] = 1  # four positives: one fewer than a threshold of its own needs
    chances = np.clip(truth * 0.4 + 0.4 * generator.random((100, 3)), 0, 1)
    with_rare = tune_thresholds(truth, chances)
    chances[:, 2] = np.where(truth[:, 2] == 1, 0.06, 0.03)  # would be perfect at 0.05
    assert tune_thresholds(truth, chances)[2] > 0.2
    assert with_rare[2] > 0.2
