"""What a trained arm has to beat: the trivial answer, and what a user would try first.

All give probabilities for the validation and the test part, so that they are scored, tuned and
compared exactly like arms.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tasks.errors import RequestError
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.evaluation.ordinal import Scale
from tasks.evaluation.scoring import MULTI_LABEL, Scoring
from tasks.evaluation.weighted import metric_names
from tasks.evaluation.word_model import READINGS, Reading, WordModel
from tasks.evaluation.wording import lower_is_better, short_name

MOST_RUNS = 50_000


@dataclass(frozen=True)
class Baseline:
    """The predictions of a fitted baseline.

    Attributes:
        validation, test: (rows, labels) probabilities, float32 as they are stored: a threshold
            tuned at another precision could fall on the other side of a figure.
        seconds: wall-clock time of fitting, the search for settings included.
        parameters: how many numbers were fitted.
        settings: what the search chose.
        words: the model itself, where it is one of words or characters.
    """

    validation: np.ndarray
    test: np.ndarray
    seconds: float
    parameters: int
    settings: dict[str, float]
    words: WordModel | None = None


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


def always_the_mean(
    train_truth: np.ndarray, scale: Scale, validation_rows: int, test_rows: int
) -> Baseline:
    """The same answer for every text: the mean label of the training part.

    The mean lies between two labels, and the probability is shared between these so that the
    expected label is the mean itself. So the answer, which the class metrics and `mae` judge, is
    the mean rounded to a label (halfway: the lower one), and `mae_expected` is the error of the
    exact mean.

    Args:
        train_truth: (rows, labels), one 1 in each row.
        scale: the number that each label stands for.
        validation_rows, test_rows: sizes of the parts to answer for.
    """
    started = time.perf_counter()
    values = np.asarray(scale, dtype=np.float64)
    mean = values[train_truth.argmax(1)].mean()
    ascending = np.argsort(values)
    # Of a hat at each label that falls to 0 at its neighbours, the height at the mean.
    shares = np.empty(len(values))
    shares[ascending] = [
        np.interp(mean, values[ascending], np.eye(len(values))[place])
        for place in range(len(values))
    ]
    shares = shares.astype(np.float32)
    return Baseline(
        validation=np.tile(shares, (validation_rows, 1)),
        test=np.tile(shares, (test_rows, 1)),
        seconds=time.perf_counter() - started,
        parameters=1,
        settings={"mean": float(mean)},
    )


def tfidf_logistic(
    train_texts: Sequence[str],
    train_truth: np.ndarray,
    validation_texts: Sequence[str],
    validation_truth: np.ndarray,
    test_texts: Sequence[str],
    strengths: Sequence[float],
    select_by: str,
    scoring: Scoring = MULTI_LABEL,
    reading: Reading = "words",
) -> Baseline:
    """TF-IDF of words and word pairs, or of runs of characters, with logistic regression.

    In a multi-label case there is one regression a label, in a single-label one a single
    regression over the classes (of two: binary, of more: multinomial). The inverse
    regularisation strength C, common to all labels, is the one whose probabilities score best on
    validation by the metric that also chooses the best arm; of equals, the smaller. Neither
    solver has a random order, so the result is the same each time (liblinear's also shrinks the
    intercept slightly). Texts without a word of two letters leave it the labels' frequencies, and
    its settings say `words` 0: the arms may read what it cannot. 6,000 texts with 30 labels and
    four strengths take seconds, 28,000 reviews with five classes and five strengths under a minute.

    Args:
        train_texts, validation_texts, test_texts: the texts of each part.
        train_truth, validation_truth: (rows, labels) of 0 and 1.
        strengths: values of C to try (`evaluation.baseline_c`).
        select_by: a validation metric by full name (`training.select_by`).
        scoring: what the labels mean.
        reading: what of a text is read.

    Raises:
        RequestError: no strengths, or an unknown metric.
    """
    metric = short_name(select_by)
    task = scoring.task
    known = metric_names(task, scoring.positive is not None, scoring.scale is not None)
    if metric not in known:
        raise RequestError(
            f"training.select_by is {select_by}, and the baseline needs one of the metrics of the "
            f"evaluation: {', '.join(f'val/{name}' for name in known)}."
        )
    if not strengths:
        raise RequestError("evaluation.baseline_c is empty: give at least one value of C.")
    started = time.perf_counter()
    vectoriser, train = vectorise(train_texts, reading)
    transform = no_words if vectoriser is None else vectoriser.transform
    validation = transform(validation_texts)
    fit = _fit_labels if task == "multi_label" else _fit_classes

    def fit_and_score(strength: float) -> tuple[float, float, _Regressions]:
        model = fit(train, train_truth, strength)
        found = model.probabilities(validation)
        thresholds = tune_thresholds(validation_truth, found) if task == "multi_label" else None
        figures = compute(scoring, validation_truth, found, thresholds)
        score = -figures[metric] if lower_is_better(metric) else figures[metric]
        score = -np.inf if np.isnan(score) else score  # undefined is worse than any
        return score, strength, model

    _, strength, model = max(map(fit_and_score, sorted(strengths)), key=itemgetter(0))
    seconds = time.perf_counter() - started
    return Baseline(
        validation=model.probabilities(validation),
        test=model.probabilities(transform(test_texts)),
        seconds=seconds,
        parameters=model.parameters,
        settings={"C": strength, **({"words": 0.0} if vectoriser is None else {})},
        words=model.of_words(vectoriser, fit is _fit_classes, reading),
    )


def vectorise(
    texts: Sequence[str], reading: Reading = "words"
) -> tuple[TfidfVectorizer | None, csr_matrix]:
    """Fit on words and pairs that occur in two texts; in very small data, in one.

    Of runs of characters, on the `MOST_RUNS` most frequent; of a hundred texts or more those are
    left out that stand in three of ten: they tell little, and are most of the work. Texts without
    any word (figures, emoji, one letter each) have an empty column in their place.
    """
    options: dict[str, Any] = dict(READINGS[reading])
    if reading == "characters":
        options |= {"max_features": MOST_RUNS, "max_df": 0.3 if len(texts) >= 100 else 1.0}
    for least in (2, 1):
        vectoriser = TfidfVectorizer(**options, min_df=least)
        try:
            return vectoriser, vectoriser.fit_transform(texts)
        except ValueError:  # scikit-learn's only word for an empty vocabulary
            continue
    return None, no_words(texts)


def no_words(texts: Sequence[str]) -> csr_matrix:
    """What such texts are read as: (texts, 1) of nothing."""
    return csr_matrix((len(texts), 1))


@dataclass(frozen=True)
class _Regressions:
    """Fitted regressions and which columns of the answer each fills.

    Attributes:
        constants: (labels,) the answer in columns that no regression fills.
        fitted: regression, the outputs of its that are used, and the columns that they go to.
    """

    constants: np.ndarray
    fitted: list[tuple[LogisticRegression, np.ndarray, np.ndarray]]

    def probabilities(self, rows: csr_matrix) -> np.ndarray:
        """(rows, labels), float32."""
        found = np.tile(self.constants, (rows.shape[0], 1))
        for model, outputs, columns in self.fitted:
            found[:, columns] = model.predict_proba(rows)[:, outputs]
        return found.astype(np.float32)

    def of_words(
        self, vectoriser: TfidfVectorizer | None, exclusive: bool, reading: Reading
    ) -> WordModel:
        """The same as arrays over what the vectoriser knows."""
        weights, intercepts, columns = [], [], []
        for model, outputs, filled in self.fitted:
            rows, shifts = model.coef_, model.intercept_
            if len(rows) < len(outputs):  # of two classes one is told, and the other is not that
                rows, shifts = np.stack([0 * rows[0], rows[0]]), np.append(0.0, shifts)
            weights.append(rows)
            intercepts.append(shifts)
            columns.append(filled)
        known = {} if vectoriser is None else vectoriser.vocabulary_
        size = len(known) or 1
        return WordModel(
            words=tuple(sorted(known, key=known.__getitem__)),
            idf=np.ones(1) if vectoriser is None else vectoriser.idf_,
            weights=np.concatenate(weights) if weights else np.zeros((0, size)),
            intercepts=np.concatenate(intercepts) if weights else np.zeros(0),
            columns=np.concatenate(columns) if weights else np.zeros(0, dtype=int),
            constants=self.constants,
            exclusive=exclusive,
            reading=reading,
        )

    @property
    def parameters(self) -> int:
        """Fitted numbers; a constant column counts as one."""
        filled = {int(column) for _, _, columns in self.fitted for column in columns}
        sizes = [model.coef_.size + model.intercept_.size for model, _, _ in self.fitted]
        return sum(sizes) + len(self.constants) - len(filled)


def _fit_labels(train: csr_matrix, truth: np.ndarray, strength: float) -> _Regressions:
    """A regression for each label; a constant where training shows only one answer."""
    fitted = [
        (_regression(strength, 2).fit(train, truth[:, label]), np.array([1]), np.array([label]))
        for label in np.flatnonzero(truth.min(0) != truth.max(0))
    ]
    return _Regressions(truth[0].astype(np.float64), fitted)


def _fit_classes(train: csr_matrix, truth: np.ndarray, strength: float) -> _Regressions:
    """One regression over the classes that training shows; 0 for the others."""
    present = np.flatnonzero(truth.any(0))
    if len(present) == 1:
        return _Regressions(truth[0].astype(np.float64), [])
    model = _regression(strength, len(present)).fit(train, truth.argmax(1))
    return _Regressions(
        np.zeros(truth.shape[1]), [(model, np.arange(len(present)), model.classes_)]
    )


def _regression(strength: float, classes: int) -> LogisticRegression:
    # liblinear is the quicker solver of two classes and has none for more.
    solver = "liblinear" if classes == 2 else "lbfgs"
    return LogisticRegression(C=strength, solver=solver, max_iter=1000)
