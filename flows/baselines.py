"""Baselines as runs of the sweep: label frequencies, the mean label of ordered cases, the untrained
head, TF-IDF with logistic regression. They are measured on the same rows and with thresholds tuned
in the same way."""

from collections.abc import Callable, Sequence

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import ValidationError

from flows.arms import record_outcome
from flows.endings import ending
from flows.sweep import Sweep
from tasks.config import CaseConfig
from tasks.errors import ThawError
from tasks.evaluation.baselines import Baseline, always_the_mean, majority, tfidf_logistic
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.evaluation.outcomes import Outcome, put_predictions
from tasks.tracking import FINISHED, Tracker
from tasks.training.arms import ArmSpec
from tasks.training.encoding import multi_hot
from tasks.training.labels import untrained_outcome

MAJORITY, TFIDF, UNTRAINED = "label frequencies", "TF-IDF + logistic regression", "untrained head"
MEAN = "always the mean"
OUTCOME = "outcome.json"


def baseline_names(config: CaseConfig) -> tuple[str, ...]:
    """The baselines of a case, in the order in which tables show them."""
    return (UNTRAINED, MAJORITY, *((MEAN,) if config.evaluation.ordered else ()), TFIDF)


@task(name="baseline", task_run_name="{name}", cache_policy=NO_CACHE)
def run_baseline(name: str, config: CaseConfig, spec: ArmSpec, sweep: Sweep) -> Outcome:
    """Measure one baseline under a child run of the sweep.

    Args:
        name: one of `baseline_names`.
        config: the case.
        spec: any arm of the sweep: it names the parts, and the head that is left untrained.
        sweep: the open sweep.
    """
    return in_own_run(
        name,
        "baseline",
        config.case,
        sweep,
        lambda run_id: _measure(name, config, spec, sweep.tracker, run_id),
        list(spec.labels),
    )


def in_own_run(
    name: str,
    kind: str,
    case: str,
    sweep: Sweep,
    measure: Callable[[str], Outcome],
    labels: Sequence[str] = (),
) -> Outcome:
    """Measure something under a child run of the sweep, or take what that run has already.

    Args:
        name: of the run.
        kind: `baseline`, or `folds` for an arm's folds pooled.
        case: the case's name.
        sweep: the open sweep.
        measure: run id -> outcome.
        labels: the labels' names, in column order.
    """
    tracker = sweep.tracker
    tags = {f"thaw.{kind}": name, "mlflow.parentRunId": sweep.run_id}
    runs = tracker.find_runs(case, tags)
    outcome = None
    if runs:
        run_id = str(runs[0].info.run_id)
        outcome = measured_before(tracker, run_id)
        if outcome is not None and runs[0].info.status == FINISHED:
            return outcome
        tracker.reopen(run_id)
    else:
        run_id = tracker.start_run(
            sweep.experiment_id,
            name,
            parent=sweep.run_id,
            tags={"thaw.kind": kind, f"thaw.{kind}": name, "thaw.case": case},
            params={"strategy": name},
        )
    with ending(tracker, run_id):
        if outcome is None:
            outcome = measure(run_id)
            tracker.log_text(run_id, outcome.model_dump_json(indent=2), OUTCOME)
        record_outcome(tracker, run_id, outcome, list(labels))
    return outcome


def measured_before(tracker: Tracker, run_id: str) -> Outcome | None:
    """What a baseline's run measured, if its predictions are still in the store.

    Measured anew, its seconds would be others than those that are logged.
    """
    try:
        outcome = Outcome.model_validate_json(tracker.read_text(run_id, OUTCOME))
    except (ThawError, ValidationError):
        return None
    return outcome if outcome.validation.is_whole() and outcome.test.is_whole() else None


def _measure(
    name: str, config: CaseConfig, spec: ArmSpec, tracker: Tracker, run_id: str
) -> Outcome:
    if name == UNTRAINED:
        return untrained_outcome(spec, run_id)
    baseline = _fit(name, config, spec)
    tracker.log_params(run_id, baseline.settings)
    return _as_outcome(name, baseline, spec, run_id)


def _fit(name: str, config: CaseConfig, spec: ArmSpec) -> Baseline:
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
        config.task,
        spec.positive,
        spec.scale,
    )


def _as_outcome(name: str, baseline: Baseline, spec: ArmSpec, run_id: str) -> Outcome:
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
            spec.task,  # type: ignore[arg-type]
            truth,
            probabilities,
            thresholds or None,
            spec.positive,
            spec.scale,
        )
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
        tables[part] = put_predictions(
            frame["id"].tolist(), truth, probabilities, f"{name} on {part}"
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
