"""Prediction with finished arms, by strategy: the champion is only one of them."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.address import Address
from tasks.config import CaseConfig
from tasks.config.kinds import case_of_json
from tasks.errors import RequestError, ThawError
from tasks.evaluation.comparison import best_outcome
from tasks.evaluation.outcomes import Outcome
from tasks.paths import store_dir
from tasks.registry.packaging import Packager
from tasks.tracking import Tracker
from tasks.training.building import read_spec

MANY = 500
"""Texts by which what a smaller file costs is measured."""


def load_arm(
    kind: Packager, case: str, strategy: str, tracking: Address | str | None = None
) -> Any:
    """The arm of that strategy in the case's latest finished sweep, with any strategy's name.

    Of several (seeds, points of a grid) the one that validation chose.

    Raises:
        RequestError: no sweep is finished, it has no such arm (the sentence names those that it
            has), or what the arm left behind is gone.
    """
    tracker = Tracker(tracking)
    sweep = tracker.latest_sweep(case)
    folders: dict[str, list[Path]] = {}
    for run in tracker.find_runs(case, {"thaw.kind": "arm", "mlflow.parentRunId": sweep}):
        folder = store_dir() / "arms" / run.data.tags["thaw.arm"]
        folders.setdefault(run.data.tags["thaw.strategy"], []).append(folder)
    if strategy not in folders:
        raise RequestError(
            f"The latest sweep of {case} has no arm of strategy {strategy}: it has "
            f"{', '.join(sorted(folders))}."
        )
    config = _config_of(tracker, sweep, case)
    best = best_outcome(list(map(read_outcome, folders[strategy])), config)
    return kind.package(best, config)


def texts_of_test(arm: str | None) -> list[str]:
    """Texts of the test part that an arm was measured on, as it read them, `MANY` at most.

    No text where the arm is not known, or the data store has no longer what it left behind.
    """
    if arm is None:
        return []
    try:
        texts = read_spec(store_dir() / "arms" / arm).test.read(["text"])["text"]
    except (OSError, ValueError, ThawError):
        return []
    return [str(text) for text in texts[:MANY]]


def read_outcome(folder: Path) -> Outcome:
    """What a finished arm came to.

    Raises:
        RequestError: the folder does not hold it any more.
    """
    try:
        found = Outcome.model_validate_json((folder / "outcome.json").read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise RequestError(
            f"The arm in {folder} cannot be read any more: the same `thaw run` trains it again."
        ) from error
    # The store may have been moved since.
    return found.model_copy(update={"folder": str(folder)})


def _config_of(tracker: Tracker, sweep: str, case: str) -> CaseConfig:
    """The configuration that the sweep ran with, overrides included."""
    try:
        return case_of_json(tracker.read_text(sweep, "config.json"))
    except (ValueError, KeyError) as error:
        raise RequestError(
            f"The latest sweep of {case} was made by another version of Thaw: `thaw run {case}` "
            "makes one that this version reads."
        ) from error
