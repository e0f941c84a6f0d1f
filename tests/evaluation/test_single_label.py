import by_sklearn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from tasks.config.data import positive_index
from tasks.errors import RequestError
from tasks.evaluation.metrics import compute, decide, multi_label_metrics
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.single_label import single_label_metrics
from tasks.evaluation.weighted import WeightedMetrics, metric_names

NAMES = metric_names("single_label", has_positive=True)
# Four ham and two spam: one ham is taken for spam, one spam for ham.
HAM_SPAM = np.eye(2, dtype=int)[[0, 0, 0, 0, 1, 1]]
SPAM_CHANCES = np.array([0.1, 0.2, 0.3, 0.7, 0.4, 0.9])
CHANCES = np.column_stack([1 - SPAM_CHANCES, SPAM_CHANCES])


def random_classes(
    seed: int, rows: int, classes: int, digits: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities (coarsely rounded ones tie)."""
    generator = np.random.default_rng(seed)
    truth = np.eye(classes, dtype=np.int8)[generator.integers(0, classes, rows)]
    chances = generator.dirichlet(np.ones(classes), rows) + 0.5 * truth
    chances = (chances / chances.sum(1, keepdims=True)).round(digits)
    chances[:, 0] = 1 - chances[:, 1:].sum(1)
    return truth, chances.astype(np.float32)


def drawn_weights(seed: int, rows: int, draws: int = 3) -> np.ndarray:
    """(rows, draws): how often each row is in each resample."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(rows, np.full(rows, 1 / rows), draws).T.astype(float)


def test_the_figures_of_two_classes_are_those_worked_out_by_hand() -> None:
    figures = single_label_metrics(HAM_SPAM, CHANCES, positive=1)
    assert figures["accuracy"] == pytest.approx(4 / 6)
    assert figures["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert figures["precision"] == pytest.approx(1 / 2)
    assert figures["recall"] == pytest.approx(1 / 2)
    assert figures["f1"] == pytest.approx(1 / 2)
    assert figures["specificity"] == pytest.approx(3 / 4)
    assert figures["f1_macro"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert figures["f1_weighted"] == pytest.approx((4 * 3 / 4 + 2 * 1 / 2) / 6)
    # Of 8 pairs of ham and spam only (0.7, 0.4) is in the wrong order.
    assert figures["roc_auc"] == pytest.approx(7 / 8)
    # From the top: 0.9 spam (1 of 1), 0.7 ham, 0.4 spam (2 of 3).
    assert figures["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    given_to_truth = [0.9, 0.8, 0.7, 0.3, 0.4, 0.9]
    assert figures["loss"] == pytest.approx(-np.log(given_to_truth).mean())


def test_the_positive_class_may_be_the_first_column() -> None:
    turned = single_label_metrics(HAM_SPAM[:, ::-1], CHANCES[:, ::-1], positive=0)
    assert turned == pytest.approx(single_label_metrics(HAM_SPAM, CHANCES, positive=1))


def test_without_a_positive_class_there_are_no_figures_of_one() -> None:
    names = set(single_label_metrics(HAM_SPAM, CHANCES))
    assert names == {"accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "loss"}
    assert names == set(metric_names("single_label", has_positive=False))
    assert set(single_label_metrics(HAM_SPAM, CHANCES, 1)) == set(NAMES)


def test_the_evaluate_metric_gives_the_same_figures() -> None:
    truth, chances = random_classes(0, 40, 5)
    assert compute(Scoring("single_label"), truth, chances) == pytest.approx(
        single_label_metrics(truth, chances)
    )
    two = compute(Scoring("single_label", positive=1), HAM_SPAM, CHANCES)
    assert two == pytest.approx(single_label_metrics(HAM_SPAM, CHANCES, 1), abs=1e-6)


def test_balanced_accuracy_is_the_accuracy_of_a_test_set_cut_to_equal_classes() -> None:
    generator = np.random.default_rng(4)
    spam = generator.random(2000) < 0.13
    truth = np.eye(2, dtype=int)[spam.astype(int)]
    chance = np.clip(0.35 + 0.2 * spam + 0.2 * generator.normal(size=2000), 0.01, 0.99)
    chances = np.column_stack([1 - chance, chance])
    cut = []
    for _ in range(200):
        ham = generator.choice(np.flatnonzero(~spam), spam.sum(), replace=False)
        rows = np.concatenate([ham, np.flatnonzero(spam)])
        cut.append(single_label_metrics(truth[rows], chances[rows])["accuracy"])
    whole = single_label_metrics(truth, chances)
    assert whole["balanced_accuracy"] == pytest.approx(np.mean(cut), abs=0.005)
    assert abs(whole["accuracy"] - np.mean(cut)) > 0.02  # the natural share tells another story


def test_a_part_without_the_positive_class_has_no_figures_of_it() -> None:
    only_ham = np.eye(2, dtype=int)[[0, 0, 0]]
    figures = single_label_metrics(only_ham, CHANCES[:3], positive=1)
    missing = ("precision", "recall", "f1", "roc_auc", "average_precision")
    assert all(np.isnan(figures[name]) for name in missing)
    assert figures["specificity"] == figures["balanced_accuracy"] == figures["accuracy"] == 1
    only_spam = single_label_metrics(1 - only_ham, CHANCES[:3], positive=1)
    assert np.isnan(only_spam["specificity"])
    assert only_spam["recall"] == 0


def test_a_model_that_never_says_spam_has_precision_0() -> None:
    never = np.tile([0.8, 0.2], (6, 1))
    figures = single_label_metrics(HAM_SPAM, never, positive=1)
    assert (figures["precision"], figures["recall"], figures["f1"]) == (0, 0, 0)
    assert figures["roc_auc"] == 0.5


def test_a_certain_and_wrong_answer_costs_a_finite_loss() -> None:
    loss = single_label_metrics(np.array([[1, 0]]), np.array([[0.0, 1.0]]))["loss"]
    assert loss == pytest.approx(-np.log(1e-7))


def test_of_equal_probabilities_the_first_class_is_the_answer() -> None:
    even = decide("single_label", np.array([[0.5, 0.5], [0.2, 0.4]]))
    assert even.tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize(
    ("labels", "positive"), [(["ham", "spam"], "Spam"), (["a", "b", "spam"], "spam"), (["x"], "x")]
)
def test_a_positive_class_that_is_not_one_of_two_is_refused(
    labels: list[str], positive: str
) -> None:
    with pytest.raises(RequestError, match=rf"data\.positive is {positive}.* {labels[-1]}: it has"):
        positive_index(labels, positive)


def test_the_positive_class_is_found_by_name() -> None:
    assert positive_index(("ham", "spam"), "spam") == 1
    assert positive_index(("ham", "spam"), None) is None


@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.sampled_from([1, 8]))
@settings(deadline=None, max_examples=20)
def test_weights_count_rows_of_two_classes_as_if_they_were_repeated(
    seed: int, rows: int, digits: int
) -> None:
    truth, chances = random_classes(seed, rows, 2, digits)
    weights = drawn_weights(seed + 1, rows)
    got = WeightedMetrics(truth, chances, (), NAMES, Scoring("single_label", 1)).at(weights)
    for draw in range(weights.shape[1]):
        drawn = np.repeat(np.arange(rows), weights[:, draw].astype(int))
        there = truth[drawn]
        expected = by_sklearn.single_label(there, chances[drawn], 1)
        figures = single_label_metrics(there, chances[drawn], 1)
        expected["loss"] = figures["loss"]
        assert figures == pytest.approx(expected, nan_ok=True)
        for name, value in zip(NAMES, got[:, draw], strict=True):
            assert value == pytest.approx(expected[name], abs=1e-6, nan_ok=True), name


@given(st.integers(0, 2**32 - 1), st.integers(3, 7))
@settings(deadline=None, max_examples=25)
def test_weighted_figures_agree_with_scikit_learns_sample_weight(seed: int, classes: int) -> None:
    truth, chances = random_classes(seed, 60, classes)
    truth[:classes] = np.eye(classes)
    weights = np.random.default_rng(seed).integers(1, 5, (60, 2)).astype(float)
    names = metric_names("single_label", has_positive=False)
    exact = chances.astype(float)
    got = WeightedMetrics(truth, chances, (), names, Scoring("single_label")).at(weights)
    right, answer = truth.argmax(1), chances.argmax(1)
    for draw in range(2):
        by = {"sample_weight": weights[:, draw]}
        figures = dict(zip(names, got[:, draw], strict=True))
        assert figures["accuracy"] == pytest.approx(accuracy_score(right, answer, **by))
        balanced = balanced_accuracy_score(right, answer, **by)
        assert figures["balanced_accuracy"] == pytest.approx(balanced)
        for average in ("macro", "weighted"):
            expected = f1_score(right, answer, average=average, zero_division=0, **by)
            assert figures[f"f1_{average}"] == pytest.approx(expected)
        assert figures["loss"] == pytest.approx(
            log_loss(right, exact / exact.sum(1, keepdims=True), labels=range(classes), **by),
            rel=1e-5,
        )


def test_the_positive_class_agrees_with_scikit_learns_sample_weight() -> None:
    truth, chances = random_classes(5, 80, 2, 1)
    weights = np.random.default_rng(6).integers(1, 5, (80, 3)).astype(float)
    got = WeightedMetrics(truth, chances, (), NAMES, Scoring("single_label", 1)).at(weights)
    spam, found = truth[:, 1], chances.argmax(1)
    for draw in range(3):
        by = {"sample_weight": weights[:, draw]}
        expected = {
            "precision": precision_score(spam, found, **by),
            "recall": recall_score(spam, found, **by),
            "f1": f1_score(spam, found, **by),
            "specificity": recall_score(1 - spam, 1 - found, **by),
            "roc_auc": roc_auc_score(spam, chances[:, 1], **by),
            "average_precision": average_precision_score(spam, chances[:, 1], **by),
        }
        figures = dict(zip(NAMES, got[:, draw], strict=True))
        for name, value in expected.items():
            assert figures[name] == pytest.approx(value), name


def test_a_resample_without_spam_leaves_its_figures_undefined() -> None:
    weights = np.array([[1, 1, 1, 1, 1, 1], [2, 2, 1, 1, 0, 0]], dtype=float).T
    got = WeightedMetrics(HAM_SPAM, CHANCES, (), NAMES, Scoring("single_label", 1)).at(weights)
    there, lacking = (dict(zip(NAMES, column, strict=True)) for column in got.T)
    assert not np.isnan(list(there.values())).any()
    undefined = {name for name, value in lacking.items() if np.isnan(value)}
    assert undefined == {"precision", "recall", "f1", "roc_auc", "average_precision"}
    # what is left is ham alone: five of its six drawn rows are right
    assert lacking["balanced_accuracy"] == lacking["specificity"] == pytest.approx(5 / 6)
    assert lacking["f1_macro"] == pytest.approx(2 * 5 / (5 + 6))


def test_who_is_always_right_has_a_macro_f1_of_1_whatever_labels_have_no_row() -> None:
    """Of 500 classes a small part lacks most."""
    truth = np.eye(9, dtype=np.int8)[[0, 1, 1, 4]]
    assert single_label_metrics(truth, truth.astype(float))["f1_macro"] == 1.0
    assert multi_label_metrics(truth, truth.astype(float))["f1_macro"] == 1.0
    wrong = np.eye(9)[[0, 1, 8, 4]]  # an answer that no row has costs the class that was right
    expected = f1_score([0, 1, 1, 4], [0, 1, 8, 4], labels=[0, 1, 4], average="macro")
    assert single_label_metrics(truth, wrong)["f1_macro"] == pytest.approx(expected)


def test_a_class_that_the_test_part_lacks_is_undefined_in_every_resample() -> None:
    only_ham = np.eye(2, dtype=int)[[0, 0, 0]]
    got = WeightedMetrics(only_ham, CHANCES[:3], (), NAMES, Scoring("single_label", 1)).at(
        np.ones((3, 2))
    )
    expected = single_label_metrics(only_ham, CHANCES[:3], 1)
    for name, values in zip(NAMES, got, strict=True):
        assert values == pytest.approx([expected[name]] * 2, nan_ok=True), name
