"""What a trained arm has to beat: the trivial answer, and what a user would try first.

Both give probabilities for the validation and the test part, so that they are scored, tuned and
compared exactly like arms.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tasks.errors import RequestError
from tasks.evaluation.metrics import Task, compute, tune_thresholds
from tasks.evaluation.weighted import metric_names
from tasks.evaluation.wording import lower_is_better, short_name


@dataclass(frozen=True)
class Baseline:
    """The predictions of a fitted baseline.

    Attributes:
        validation, test: (rows, labels) probabilities, float32 as they are stored: a threshold
            tuned at another precision could fall on the other side of a figure.
        seconds: wall-clock time of fitting, the search for settings included.
        parameters: how many numbers were fitted.
        settings: what the search chose.
    """

    validation: np.ndarray
    test: np.ndarray
    seconds: float
    parameters: int
    settings: dict[str, float]


def majority(train_truth: np.ndarray, validation_rows: int, test_rows: int) -> Baseline:
    """The same answer for every text: how frequent each label is in the training part.

    In a single-label case these are the shares of the classes, so that the answer is always the
    most frequent one.

    Args:
        train_truth: (rows, labels) of 0 and 1.
        validation_rows, test_rows: sizes of the parts to answer for.
    """
    started = time.perf_counter()
    shares = train_truth.mean(0, dtype=np.float64).astype(np.float32)
    return Baseline(
        validation=np.tile(shares, (validation_rows, 1)),
        test=np.tile(shares, (test_rows, 1)),
        seconds=time.perf_counter() - started,
        parameters=len(shares),
        settings={},
    )


def tfidf_logistic(
    train_texts: Sequence[str],
    train_truth: np.ndarray,
    validation_texts: Sequence[str],
    validation_truth: np.ndarray,
    test_texts: Sequence[str],
    strengths: Sequence[float],
    select_by: str,
    task: Task = "multi_label",
    positive: int | None = None,
) -> Baseline:
    """TF-IDF of words and word pairs with one logistic regression a label.

    Of two classes one regression tells both; of more, each class is told from the rest and the
    probabilities are divided by their sum (one-vs-rest: a multinomial fit of as many word pairs
    takes minutes). The inverse regularisation strength C, common to all labels, is the one whose
    probabilities score best on validation by the metric that also chooses the best arm; of
    equals, the smaller. liblinear's primal solver has no random order, so the result is the same
    each time (it also shrinks the intercept slightly); 6,000 texts with 30 labels and four
    strengths take seconds.

    Args:
        train_texts, validation_texts, test_texts: the texts of each part.
        train_truth, validation_truth: (rows, labels) of 0 and 1.
        strengths: values of C to try (`evaluation.baseline_c`).
        select_by: a validation metric by full name (`training.select_by`).
        task: what the labels mean.
        positive: column of the positive class of a two-class case.

    Raises:
        RequestError: no strengths; an unknown metric; or training texts without any word.
    """
    metric = short_name(select_by)
    known = metric_names(task, positive is not None)
    if metric not in known:
        raise RequestError(
            f"training.select_by is {select_by}, and the baseline needs one of the metrics of the "
            f"evaluation: {', '.join(f'val/{name}' for name in known)}."
        )
    if not strengths:
        raise RequestError("evaluation.baseline_c is empty: give at least one value of C.")
    started = time.perf_counter()
    vectoriser, train = _vectorise(train_texts)
    validation = vectoriser.transform(validation_texts)

    two_classes = task == "single_label" and train_truth.shape[1] == 2
    columns = train_truth.T[1:] if two_classes else train_truth.T

    def answer(models: Sequence[LogisticRegression | float], rows: csr_matrix) -> np.ndarray:
        found = _probabilities(models, rows)
        if two_classes:
            found = np.column_stack([1 - found, found])
        elif task == "single_label":
            found /= found.sum(1, keepdims=True)
        return found.astype(np.float32)

    def fit_all(strength: float) -> tuple[float, float, list[LogisticRegression | float]]:
        models = [_fit(train, column, strength) for column in columns]
        found = answer(models, validation)
        thresholds = tune_thresholds(validation_truth, found) if task == "multi_label" else None
        figures = compute(task, validation_truth, found, thresholds, positive)
        score = -figures[metric] if lower_is_better(metric) else figures[metric]
        score = -np.inf if np.isnan(score) else score  # undefined is worse than any
        return score, strength, models

    _, strength, models = max(map(fit_all, sorted(strengths)), key=itemgetter(0))
    fitted = sum(not isinstance(model, float) for model in models)
    seconds = time.perf_counter() - started
    return Baseline(
        validation=answer(models, validation),
        test=answer(models, vectoriser.transform(test_texts)),
        seconds=seconds,
        parameters=fitted * (train.shape[1] + 1) + len(models) - fitted,
        settings={"C": strength},
    )


def _vectorise(texts: Sequence[str]) -> tuple[TfidfVectorizer, csr_matrix]:
    """Fit on words and pairs that occur in two texts; in very small data, in one."""
    for least in (2, 1):
        vectoriser = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=least)
        try:
            return vectoriser, vectoriser.fit_transform(texts)
        except ValueError:  # scikit-learn's only word for an empty vocabulary
            continue
    raise RequestError(
        f"None of the {len(texts)} training texts has a word of two letters or more, so there is "
        "nothing to learn from: check which columns data.text names."
    )


def _fit(train: csr_matrix, truth: np.ndarray, strength: float) -> LogisticRegression | float:
    """A model of one label, or its constant answer where training shows only one class."""
    if truth.min() == truth.max():
        return float(truth[0])
    return LogisticRegression(C=strength, solver="liblinear", max_iter=1000).fit(train, truth)


def _probabilities(models: Sequence[LogisticRegression | float], rows: csr_matrix) -> np.ndarray:
    """(rows, models) probabilities."""
    columns = [
        np.full(rows.shape[0], model)
        if isinstance(model, float)
        else model.predict_proba(rows)[:, 1]
        for model in models
    ]
    return np.column_stack(columns)
