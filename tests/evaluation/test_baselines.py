from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.errors import RequestError
from tasks.evaluation.baselines import Baseline, majority, tfidf_logistic
from tasks.evaluation.metrics import compute, multi_label_metrics, tune_thresholds
from tasks.evaluation.scoring import Scoring

WORDS = {"Mecha": "giant robot pilots", "Music": "a band on stage", "School": "the exam class"}
FILLER = [
    "one",
    "day",
    "somebody",
    "meets",
    "another",
    "and",
    "everything",
    "changes",
    "for",
    "them",
]


def part(rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts that mostly say what they are about, and labels."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((rows, len(WORDS))) < 0.4).astype(np.int8)
    texts = []
    for row in truth:
        said = [
            words
            for words, label in zip(WORDS.values(), row, strict=True)
            if label == (generator.random() < 0.9)
        ]
        texts.append(" ".join([*generator.permutation(FILLER)[:6], *said]))
    return texts, truth


def fit(
    truth: np.ndarray | None = None,
    texts: list[str] | None = None,
    strengths: tuple[float, ...] = (0.1, 10.0),
    select_by: str = "val/average_precision_micro",
) -> Baseline:
    train_texts, train_truth = part(200, 0)
    validation_texts, validation_truth = part(80, 1)
    test_texts, _ = part(60, 2)
    return tfidf_logistic(
        texts or train_texts,
        train_truth if truth is None else truth,
        validation_texts,
        validation_truth,
        test_texts,
        strengths,
        select_by,
    )


def test_majority_answers_with_the_training_frequencies() -> None:
    truth = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0], [0, 0, 0]])
    baseline = majority(truth, validation_rows=2, test_rows=5)
    assert baseline.validation.tolist() == [[0.75, 0, 0.25]] * 2
    assert baseline.test.shape == (5, 3)
    assert baseline.parameters == 3


def test_tfidf_learns_what_the_texts_say() -> None:
    baseline = fit()
    _, validation_truth = part(80, 1)
    _, test_truth = part(60, 2)
    thresholds = tune_thresholds(validation_truth, baseline.validation)
    figures = multi_label_metrics(test_truth, baseline.test, thresholds)
    trivial = majority(part(200, 0)[1], 80, 60)
    level = multi_label_metrics(
        test_truth, trivial.test, tune_thresholds(validation_truth, trivial.validation)
    )
    assert figures["f1_micro_tuned"] > level["f1_micro_tuned"] + 0.1
    assert figures["roc_auc_macro"] > 0.8
    assert baseline.seconds > 0
    assert baseline.parameters % 3 == 0


def test_characters_see_what_words_do_not() -> None:
    """Words that no other text has, alike in a few letters: in any script, without blanks."""
    draws = np.random.default_rng(0)

    def said(rows: int) -> tuple[list[str], np.ndarray]:
        truth = draws.integers(0, 2, rows)
        texts = [
            f"{chr(0x4E00 + draws.integers(5000))}{said}{draws.integers(10**6)}"
            for said in np.where(truth, "吉祥", "不利")
        ]
        return texts, np.eye(2, dtype=np.int8)[truth]

    train, validation, test = (said(rows) for rows in (120, 60, 60))
    found = {
        reading: tfidf_logistic(
            *train,
            *validation,
            test[0],
            (10.0,),
            "val/accuracy",
            Scoring("single_label"),
            reading=reading,
        ).test.argmax(1)
        for reading in ("words", "characters")
    }
    right = {name: (answer == test[1].argmax(1)).mean() for name, answer in found.items()}
    assert right["characters"] > 0.95
    assert right["words"] < 0.7


def test_the_same_request_gives_the_same_probabilities() -> None:
    first, second = fit(), fit()
    assert np.array_equal(first.test, second.test)
    assert np.array_equal(first.validation, second.validation)


@pytest.mark.parametrize(
    "select_by", ["val/loss", "val/f1_micro_tuned", "val/average_precision_macro"]
)
def test_the_strength_is_the_one_that_validation_prefers(select_by: str) -> None:
    strengths = (0.001, 0.1, 10.0)
    _, truth = part(80, 1)
    alone = [fit(strengths=(strength,), select_by=select_by) for strength in strengths]
    scores = [
        multi_label_metrics(truth, one.validation, tune_thresholds(truth, one.validation))[
            select_by.removeprefix("val/")
        ]
        for one in alone
    ]
    best = np.argmin(scores) if select_by == "val/loss" else np.argmax(scores)
    chosen = fit(strengths=strengths[::-1], select_by=select_by)
    assert chosen.settings == {"C": strengths[best]}
    assert np.array_equal(chosen.test, alone[best].test)


def test_a_label_with_one_class_in_training_gets_its_constant() -> None:
    _, truth = part(200, 0)
    truth[:, 0], truth[:, 2] = 0, 1
    baseline = fit(truth)
    assert (baseline.test[:, 0] == 0).all()
    assert (baseline.test[:, 2] == 1).all()
    assert len(set(baseline.test[:, 1])) > 1
    assert baseline.parameters < fit().parameters


def test_a_few_texts_without_a_common_word_still_give_a_baseline() -> None:
    truth = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 1]])
    baseline = fit(truth, ["giant robot", "stage", "exam"])
    assert np.isfinite(baseline.test).all()


@pytest.mark.parametrize("texts", [["...", "", "?"], ["1 + 2", "ä b c", "7"]])
def test_texts_without_words_leave_the_frequencies(texts: list[str]) -> None:
    truth = np.array([[1, 0, 1], [0, 1, 1], [0, 1, 1]])
    baseline = fit(truth, texts)
    assert baseline.settings["words"] == 0
    assert np.ptp(baseline.test, axis=0) == pytest.approx(0)
    assert baseline.test[0, 0] < 0.5 < baseline.test[0, 1]


def test_an_unknown_selection_metric_says_which_there_are() -> None:
    with pytest.raises(RequestError, match=r"val/f1_mikro.*val/f1_micro"):
        fit(select_by="val/f1_mikro")


def class_part(rows: int, seed: int, classes: int) -> tuple[list[str], np.ndarray]:
    """Texts that mostly say which one class they are of."""
    generator = np.random.default_rng(seed)
    shares = np.array([5, 2, 1][:classes]) / sum([5, 2, 1][:classes])
    classes_of = generator.choice(classes, rows, p=shares)
    said = np.where(generator.random(rows) < 0.9, classes_of, generator.integers(0, classes, rows))
    sayings = list(WORDS.values())
    texts = [" ".join([*generator.permutation(FILLER)[:6], sayings[one]]) for one in said]
    return texts, np.eye(classes, dtype=np.int8)[classes_of]


def fit_classes(
    classes: int, select_by: str = "val/loss", positive: int | None = None
) -> tuple[Baseline, np.ndarray]:
    """The baseline of a single-label case, and the truth of its test part."""
    (texts, truth), validation, test = (class_part(n, n, classes) for n in (200, 80, 120))
    strengths = (0.1, 10.0)
    baseline = tfidf_logistic(
        texts, truth, *validation, test[0], strengths, select_by, Scoring("single_label", positive)
    )
    return baseline, test[1]


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_get_probabilities_that_sum_to_one_and_beat_the_majority(classes: int) -> None:
    baseline, truth = fit_classes(classes)
    assert baseline.test.shape == truth.shape
    assert baseline.test.sum(1) == pytest.approx(1, abs=1e-6)
    figures = compute(Scoring("single_label"), truth, baseline.test)
    trivial = majority(class_part(200, 200, classes)[1], 80, 120)
    level = compute(Scoring("single_label"), truth, trivial.test)
    assert level["balanced_accuracy"] == pytest.approx(1 / classes)
    assert figures["accuracy"] > level["accuracy"] + 0.1
    assert figures["loss"] < level["loss"]


def test_two_classes_are_told_by_one_regression() -> None:
    two, three = fit_classes(2)[0].parameters, fit_classes(3)[0].parameters
    assert two > 0
    assert three > 2.5 * two


def test_the_strength_of_classes_follows_the_positive_class() -> None:
    baseline, truth = fit_classes(2, "val/average_precision", positive=1)
    assert (
        compute(Scoring("single_label", positive=1), truth, baseline.test)["average_precision"]
        > 0.5
    )
    with pytest.raises(RequestError, match=r"val/average_precision, and .* val/accuracy"):
        fit_classes(2, "val/average_precision")


def test_a_class_that_training_lacks_is_never_the_answer() -> None:
    texts, truth = class_part(120, 0, 3)
    kept = truth[:, 2] == 0
    few = [text for text, keep in zip(texts, kept, strict=True) if keep]
    baseline = tfidf_logistic(
        few, truth[kept], texts, truth, texts, (1.0,), "val/accuracy", Scoring("single_label")
    )
    assert (baseline.test[:, 2] == 0).all()
    assert baseline.test.sum(1) == pytest.approx(1, abs=1e-6)


def test_one_class_in_training_is_always_the_answer() -> None:
    texts, truth = class_part(60, 0, 2)
    only = np.eye(2, dtype=np.int8)[np.zeros(60, dtype=int)]
    baseline = tfidf_logistic(
        texts, only, texts, truth, texts, (1.0,), "val/f1", Scoring("single_label", 1)
    )
    assert baseline.test.tolist() == [[1, 0]] * 60


@pytest.mark.slow
def test_six_thousand_real_synopses_take_less_than_a_minute(real_data: Path) -> None:
    table = pd.read_csv(real_data / "anime_synopses.csv").dropna(subset=["synopsis", "genres"])
    genres = table["genres"].str.get_dummies(sep=", ")
    truth = genres[genres.sum().nlargest(30).index].to_numpy()
    texts = table["synopsis"].tolist()
    parts = slice(0, 6000), slice(6000, 7200), slice(7200, None)
    baseline = tfidf_logistic(
        texts[parts[0]],
        truth[parts[0]],
        texts[parts[1]],
        truth[parts[1]],
        texts[parts[2]],
        (0.25, 1.0, 4.0, 16.0),
        "val/average_precision_micro",
    )
    assert baseline.seconds < 60
    thresholds = tune_thresholds(truth[parts[1]], baseline.validation)
    figures = multi_label_metrics(truth[parts[2]], baseline.test, thresholds)
    assert figures["f1_micro_tuned"] > 0.5
