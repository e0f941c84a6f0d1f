"""Child runs of a sweep, and the evidence that they hold."""

from collections.abc import Callable, Sequence

import pandas as pd
from pydantic import ValidationError

from flows.endings import ending
from flows.sweep import Sweep
from tasks.errors import ThawError
from tasks.evaluation.outcomes import Outcome
from tasks.tracking import FINISHED, Tracker

OUTCOME = "outcome.json"


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


def record_outcome(tracker: Tracker, run_id: str, outcome: Outcome, labels: list[str]) -> None:
    """Final figures, and predictions by example id, in the run that is their evidence.

    Does nothing in a run that has them: a resumed sweep passes here again.
    """
    run = tracker.client.get_run(run_id)
    if any(name.startswith("test/") for name in run.data.metrics):
        return
    for part, table in (("validation", outcome.validation), ("test", outcome.test)):
        tracker.log_text(run_id, predictions_csv(table.read(), labels), f"predictions/{part}.csv")
    if outcome.thresholds:
        pairs = zip(labels, outcome.thresholds, strict=True)
        text = "label,threshold\n" + "".join(f"{label},{value:.2f}\n" for label, value in pairs)
        tracker.log_text(run_id, text, "thresholds.csv")
    if outcome.trunk:
        tracker.set_tags(run_id, {"thaw.trunk": outcome.trunk})
    if outcome.note:
        tracker.set_tags(run_id, {"thaw.note": outcome.note})
    # Runs show what has the highest step: these are the chosen checkpoint's, not the last epoch's.
    last = max((point.step for point in outcome.curve), default=0)
    tracker.log_final(run_id, outcome.metrics, last)


def predictions_csv(frame: pd.DataFrame, labels: list[str]) -> str:
    """A prediction table as CSV: id, true labels, and a probability column a label.

    A table of answers (`completions.put_completions`) is written as it is.
    """
    if "probabilities" not in frame:
        return str(frame.to_csv(index=False))
    shown = pd.DataFrame({"id": frame["id"]})
    shown["truth"] = [
        "|".join(label for label, is_true in zip(labels, row, strict=True) if is_true)
        for row in frame["truth"]
    ]
    for column, label in enumerate(labels):
        shown[label] = [f"{row[column]:.6f}" for row in frame["probabilities"]]
    return str(shown.to_csv(index=False))
