"""A sweep's parent run: found again after a kill, opened, and closed for what it came to."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from flows.endings import ending
from tasks.config import CaseConfig
from tasks.locks import locked
from tasks.paths import store_dir
from tasks.tracking import FINISHED, Tracker

# Fields that change where or when a sweep runs, but nothing that it finds.
CIRCUMSTANCES = {"execution", "tracking", "schedule", "title", "registry"}


@dataclass(frozen=True)
class Sweep:
    """An open sweep.

    Attributes:
        run_id: the MLflow parent run.
        key: digest of configuration, data and code.
        finished: it was completed before; nothing has to be logged again.
    """

    tracker: Tracker
    experiment_id: str
    run_id: str
    key: str
    finished: bool


def sweep_key(config: CaseConfig, data_digest: str) -> str:
    """Digest of everything that a sweep's report depends on."""
    content = config.model_dump(mode="json", exclude=CIRCUMSTANCES)
    content["data"]["path"] = None  # the same rows elsewhere are the same sweep
    content["digest"] = data_digest
    content["code"] = _sources()
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


@cache
def _sources() -> str:
    sha = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for source in sorted([*root.glob("flows/**/*.py"), *root.glob("tasks/**/*.py")]):
        sha.update(source.relative_to(root).as_posix().encode())
        sha.update(source.read_bytes())
    return sha.hexdigest()


@contextmanager
def open_sweep(config: CaseConfig, data_digest: str, force: bool = False) -> Iterator[Sweep]:
    """The parent run of this sweep: the one that was cut short, the finished one, or a new one.

    Two processes never work on the same sweep at once: the second waits, and then finds it
    finished. Whatever leaves the block, the run ends in a state that says so.
    """
    tracker = Tracker(config.tracking.uri)
    experiment_id = tracker.experiment(config.case)
    key = sweep_key(config, data_digest)
    with locked(store_dir() / "locks" / f"sweep-{key}"):
        sweep = _find(tracker, config, experiment_id, key, force) or _new(
            tracker, config, experiment_id, key, data_digest
        )
        if sweep.finished:
            yield sweep
            return
        tracker.set_tags(sweep.run_id, _prefect_tags())
        with ending(tracker, sweep.run_id):
            yield sweep


def _find(
    tracker: Tracker, config: CaseConfig, experiment_id: str, key: str, force: bool
) -> Sweep | None:
    for run in tracker.find_runs(config.case, {"thaw.sweep": key, "thaw.kind": "sweep"}):
        finished = run.info.status == FINISHED
        if finished and force:
            return None
        if not finished:
            tracker.reopen(run.info.run_id)
            get_run_logger().info("Resuming sweep %s, which was cut short", run.info.run_id)
        return Sweep(tracker, experiment_id, str(run.info.run_id), key, finished)
    return None


def _new(
    tracker: Tracker, config: CaseConfig, experiment_id: str, key: str, data_digest: str
) -> Sweep:
    run_id = tracker.start_run(
        experiment_id,
        f"{config.case} sweep {key[:6]}",
        tags={
            "thaw.kind": "sweep",
            "thaw.sweep": key,
            "thaw.case": config.case,
            "thaw.profile": config.profile,
            "thaw.data_digest": data_digest[:32],
        },
        params={
            "base_model": config.base_model,
            "source": config.data.source,
            "strategies": ",".join(str(strategy) for strategy in config.strategies),
            "seeds": ",".join(str(seed) for seed in config.seeds),
            "epochs": config.training.epochs,
            "learning_rate": config.training.learning_rate,
            "max_length": config.model.max_length,
        },
    )
    tracker.log_text(run_id, config.model_dump_json(indent=2), "config.json")
    return Sweep(tracker, experiment_id, run_id, key, finished=False)


def _prefect_tags() -> dict[str, str]:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return {"prefect.flow_run_id": str(run.id), "prefect.flow_run_name": run.name} if run else {}
