"""What labels have to be better than: their frequencies, the mean label of ordered cases, the
untrained head, logistic regression on TF-IDF of words and of characters and on embeddings, and a
decoder that is asked in words. All are measured on the same rows and with thresholds tuned in the
same way."""

from collections.abc import Mapping

import numpy as np

from tasks.config import CaseConfig, LabelsCase, SingleLabelCase
from tasks.config.strategies import strategy
from tasks.errors import ThawError
from tasks.evaluation.baselines import Baseline, always_the_mean, majority, tfidf_logistic
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.evaluation.outcomes import Outcome, groups_of, put_predictions
from tasks.evaluation.word_model import Reading
from tasks.kinds.labels.classical_package import ClassicalInfo, ClassicalPackage
from tasks.kinds.labels.training import LabelLearner, untrained_outcome
from tasks.kinds.labels.zero_shot import ASKED, ask_decoder
from tasks.kinds.words import words_key
from tasks.models.base_models import locate
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec
from tasks.training.encoding import multi_hot
from tasks.training.run import train_arm

MAJORITY, TFIDF, UNTRAINED = "label frequencies", "TF-IDF + logistic regression", "untrained head"
MEAN, CHARACTERS = "always the mean", "characters + logistic regression"
EMBEDDINGS = "embeddings + logistic regression"
READING: Mapping[str, Reading] = {TFIDF: "words", CHARACTERS: "characters"}
"""The references that are linear models, and what of a text each reads."""


def baseline_names(config: CaseConfig) -> tuple[str, ...]:
    """The baselines of a case, in the order in which tables show them."""
    mean = (MEAN,) if config.evaluation.ordered else ()
    embeddings = () if _has_it_as_an_arm(config) else (EMBEDDINGS,)
    asked = (ASKED,) if isinstance(config, SingleLabelCase) and config.zero_shot.ask else ()
    return (UNTRAINED, MAJORITY, *mean, *READING, *embeddings, *asked)


def _has_it_as_an_arm(config: CaseConfig) -> bool:
    """Whether an arm `head` of the case is embeddings with logistic regression itself."""
    training = config.training
    return (
        "base" not in config.grid.model  # the reference is of one base model
        and strategy("head") in config.strategies
        and training.solve_head
        and not training.class_weights
        and training.balance == "none"
        and config.model.head == "linear"
        and (config.model.pooling or locate(config.model.base).pooling) == "mean"
    )


def measure_reference(
    name: str, config: CaseConfig, spec: ArmSpec, tracker: Tracker, run_id: str
) -> Outcome:
    """Measure one of them.

    Args:
        name: one of `baseline_names`.
        config: the case.
        spec: any arm of the sweep: it names the parts, and the head that is left untrained.
        tracker, run_id: the run that will hold the evidence.
    """
    if name == UNTRAINED:
        return untrained_outcome(spec, run_id)
    if name == EMBEDDINGS:
        return embedded(spec, run_id)
    baseline = fit(name, config, spec)
    tracker.log_params(run_id, spec.of_fold(baseline.settings))
    return as_outcome(name, baseline, spec, run_id)


def embedded(spec: ArmSpec, run_id: str) -> Outcome:
    """Logistic regression on what the base model makes of a text: the mean of its last states.

    That is an arm `head`, solved to its optimum, whatever the case's own arms read.

    Args:
        spec: any arm of the sweep: it names the parts and the base model.
        run_id: the run that will hold the evidence.
    """
    plain = {"solve_head": True, "class_weights": False, "balance": "none", "extra": {}}
    arm = spec.model_copy(
        update={
            "strategy": strategy("head"),
            "point": {},
            "calibrate": False,
            "model": spec.model.model_copy(update={"pooling": "mean", "head": "linear"}),
            "training": spec.training.model_copy(update=plain),
        }
    )
    outcome = train_arm(arm, run_id, LabelLearner, lambda metrics, step: None)
    return outcome.model_copy(update={"name": EMBEDDINGS, "kind": "baseline", "seed": None})


def fit(name: str, config: CaseConfig, spec: ArmSpec) -> Baseline:
    """A baseline that is no arm: fitted on the training part, but for a decoder that is asked."""
    if name == ASKED and isinstance(config, SingleLabelCase):
        return ask_decoder(config, spec)
    labels = list(spec.labels)
    train, validation, test = (
        table.read(["text", "labels"]) for table in (spec.train, spec.validation, spec.test)
    )
    train_truth = multi_hot(train["labels"].tolist(), labels)
    if name == MAJORITY:
        return majority(train_truth, len(validation), len(test))
    if name == MEAN and spec.scale is not None:
        return always_the_mean(train_truth, spec.scale, len(validation), len(test))
    return tfidf_logistic(
        train["text"].tolist(),
        train_truth,
        validation["text"].tolist(),
        multi_hot(validation["labels"].tolist(), labels),
        test["text"].tolist(),
        config.evaluation.baseline_c,
        config.training.select_by,
        spec.scoring,
        READING[name],
    )


def words_package(reference: Outcome, config: LabelsCase, spec: ArmSpec) -> ClassicalPackage:
    """The linear model fitted once more: it has no random order, and its run kept only figures.

    Raises:
        ThawError: nothing was fitted.
    """
    words = fit(reference.name, config, spec).words
    if words is None:
        raise ThawError(f"{reference.name} is no model that can be packaged.")
    info = ClassicalInfo(
        case=config.case,
        name=reference.name,
        data=config.data.without_source(),
        arm_key=words_key(config, spec, words.reading),
        task=config.task,
        labels=spec.labels,
        thresholds=reference.thresholds,
    )
    return ClassicalPackage(info, words)


def as_outcome(name: str, baseline: Baseline, spec: ArmSpec, run_id: str) -> Outcome:
    """Its figures and predictions, thresholds tuned on validation as an arm's are."""
    metrics = {
        "cost/train_seconds": baseline.seconds,
        "cost/trainable_parameters": float(baseline.parameters),
    }
    tables = {}
    thresholds: tuple[float, ...] = ()
    for part, short in (("validation", "val"), ("test", "test")):
        frame = getattr(spec, part).read(["id", "labels"])
        truth = multi_hot(frame["labels"].tolist(), list(spec.labels))
        probabilities: np.ndarray = getattr(baseline, part)
        if part == "validation" and spec.task == "multi_label":
            thresholds = tune_thresholds(truth, probabilities)
        figures = compute(
            spec.scoring,
            truth,
            probabilities,
            thresholds or None,
        )
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
        tables[part] = put_predictions(
            frame["id"].tolist(),
            truth,
            probabilities,
            f"{name} on {part}",
            groups_of(getattr(spec, part)),
        )
    return Outcome(
        name=name,
        kind="baseline",
        run_id=run_id,
        metrics=metrics,
        thresholds=thresholds,
        validation=tables["validation"],
        test=tables["test"],
    )
