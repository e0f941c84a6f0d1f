"""What a learned number has to be better than: the mean, and TF-IDF of words and of characters with
ridge regression."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge

from tasks.config import NumbersCase
from tasks.errors import RequestError, ThawError
from tasks.evaluation.baselines import no_words, vectorise
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.word_model import Reading, WordModel
from tasks.evaluation.wording import lower_is_better, short_name
from tasks.kinds.numbers.classical_package import ClassicalNumber, ClassicalNumberInfo
from tasks.kinds.numbers.figures import Scale, measured, number_table
from tasks.kinds.numbers.reading import numbers_in
from tasks.kinds.words import words_key
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec

MEAN, TFIDF = "always the mean", "TF-IDF + ridge regression"
CHARACTERS = "characters + ridge regression"
READING: Mapping[str, Reading] = {TFIDF: "words", CHARACTERS: "characters"}
"""The references that are linear models, and what of a text each reads."""
NAMES = (MEAN, *READING)
"""In the order in which tables show them."""


@dataclass(frozen=True)
class Words:
    """Ridge regression over the words, or the characters, of a text.

    Attributes:
        model: gives standardised numbers.
        strength: the one that validation has chosen.
    """

    model: WordModel
    strength: float


def measure_reference(
    name: str, config: NumbersCase, spec: ArmSpec, tracker: Tracker, run_id: str
) -> Outcome:
    """Measure one of `NAMES`.

    Args:
        name: of the reference.
        config: the case.
        spec: any arm of the sweep: it names the parts.
        tracker, run_id: the run that will hold the evidence.
    """
    started, scale = time.perf_counter(), Scale.of(spec.train)
    words = fit_words(config, spec, READING[name]) if name in READING else None
    seconds, parameters = time.perf_counter() - started, 1
    if words is not None:
        parameters = words.model.weights.size + 1
        tracker.log_params(run_id, spec.of_fold({"C": words.strength}))
    metrics = {
        "cost/train_seconds": seconds,
        "cost/trainable_parameters": float(parameters),
    }
    tables = {}
    for part, short in (("validation", "val"), ("test", "test")):
        table = getattr(spec, part)
        texts = table.read(["text"])["text"].tolist()
        standard = np.zeros(len(texts)) if words is None else words.model.logits(texts)[:, 0]
        tables[part], figures = number_table(
            table, scale.in_units(standard), scale, config.numbers, f"{name} on {part}"
        )
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
    return Outcome(
        name=name,
        kind="baseline",
        run_id=run_id,
        metrics=metrics,
        validation=tables["validation"],
        test=tables["test"],
    )


def fit_words(config: NumbersCase, spec: ArmSpec, reading: Reading = "words") -> Words:
    """TF-IDF of words and word pairs, or of runs of characters, with ridge regression.

    It learns standardised numbers. The inverse strength C is the one that scores best on
    validation by the metric that also chooses the best arm; of equals, the smaller. Texts without
    a word leave it the mean.

    Raises:
        RequestError: there are no strengths to try.
    """
    if not config.evaluation.baseline_c:
        raise RequestError("evaluation.baseline_c is empty: give at least one value of C.")
    scale, metric = Scale.of(spec.train), short_name(config.training.select_by)
    seen, held_out = (part.read(["text", "labels"]) for part in (spec.train, spec.validation))
    vectoriser, rows = vectorise(seen["text"].tolist(), reading)
    transform = no_words if vectoriser is None else vectoriser.transform
    validation = transform(held_out["text"].tolist())
    standard, numbers = scale.standard(numbers_in(seen)), numbers_in(held_out)

    def fit(strength: float) -> tuple[float, float, Ridge]:
        model = Ridge(alpha=1 / strength, solver="sparse_cg", tol=1e-8, max_iter=10_000)
        found = scale.in_units(model.fit(rows, standard).predict(validation))
        value = measured(numbers, found, scale, config.numbers)[metric]
        score = -value if lower_is_better(metric) else value
        return (-np.inf if np.isnan(score) else score), strength, model

    tried = map(fit, sorted(config.evaluation.baseline_c))
    _, strength, model = max(tried, key=lambda each: each[0])
    known = {} if vectoriser is None else vectoriser.vocabulary_
    return Words(
        WordModel(
            words=tuple(sorted(known, key=known.__getitem__)),
            idf=np.ones(1) if vectoriser is None else vectoriser.idf_,
            weights=model.coef_[None],
            intercepts=np.array([model.intercept_]),
            columns=np.zeros(1, dtype=int),
            constants=np.zeros(1),
            exclusive=False,
            reading=reading,
        ),
        strength,
    )


def words_package(reference: Outcome, config: NumbersCase, spec: ArmSpec) -> ClassicalNumber:
    """The linear model fitted once more: it has no random order, and its run kept only figures.

    Raises:
        ThawError: it is another reference, and no model.
    """
    if (reading := READING.get(reference.name)) is None:
        raise ThawError(f"{reference.name} is no model that can be packaged.")
    scale = Scale.of(spec.train)
    info = ClassicalNumberInfo(
        case=config.case,
        name=reference.name,
        data=config.data.without_source(),
        arm_key=words_key(config, spec, reading),
        mean=scale.mean,
        deviation=scale.deviation,
        unit=config.numbers.unit,
    )
    return ClassicalNumber(info, fit_words(config, spec, reading).model)
