"""The hosted arm as Prefect tasks: its job is started before the local arms train, and its model
is asked after them, so that the server works meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.endings import ending
from flows.recording import record_outcome
from flows.sweep import Sweep
from flows.unattended import TRIES
from tasks.config import CaseConfig, LabelsCase
from tasks.evaluation.outcomes import Outcome
from tasks.hosted.arm import HostedArm, plan_hosted
from tasks.hosted.run import finish, outcome_of, submit
from tasks.locks import locked
from tasks.storage import TableRef
from tasks.tracking import FINISHED, Tracker


def local_part(config: CaseConfig) -> CaseConfig:
    """The configuration of the local arms, which are the same with a hosted one beside them."""
    training = config.training.model_copy(update={"backend": "local"})
    return config.model_copy(update={"training": training})


def start_hosted(
    config: CaseConfig, labels: list[str], parts: dict[str, TableRef], force: bool
) -> HostedArm | None:
    """The sweep's hosted arm, its job under way; None where the case has none."""
    if config.training.backend != "hosted" or not isinstance(config, LabelsCase):
        return None
    arm = plan_hosted(config, labels, parts)
    start_job(arm, config, force)
    return arm


@task(name="start hosted job", task_run_name="start {arm.title}", cache_policy=NO_CACHE, **TRIES)
def start_job(arm: HostedArm, config: LabelsCase, force: bool) -> None:
    """Upload the arm's files and start its job, unless it was started before."""
    with _held(arm):
        submit(arm, config, force, get_run_logger().info)


@task(name="hosted arm", task_run_name="{arm.title}", cache_policy=NO_CACHE, **TRIES)
def run_hosted(arm: HostedArm, sweep: Sweep) -> Outcome:
    """Watch the job, ask its model, and keep the evidence in a child run of the sweep."""
    tracker = sweep.tracker
    with _held(arm):
        run_id = _child_run(tracker, arm, sweep)
        done_before = tracker.status(run_id) == FINISHED
        if not done_before:
            tracker.reopen(run_id)
        with ending(tracker, run_id, finished=done_before):
            done = finish(arm, get_run_logger().info)
            outcome = outcome_of(arm, done, run_id)
            job = done.record.job
            tracker.set_tags(run_id, {"thaw.job": job.id, "thaw.model": job.model or ""})
            record_outcome(tracker, run_id, outcome, list(arm.labels))
    return outcome


def _child_run(tracker: Tracker, arm: HostedArm, sweep: Sweep) -> str:
    """The arm's run under this sweep: the one that is there already, or a new one."""
    tags = {"thaw.arm": arm.key, "mlflow.parentRunId": sweep.run_id}
    for run in tracker.find_runs(arm.case, tags):
        return str(run.info.run_id)
    hosted = arm.hosted.model_dump(mode="json", exclude={"model"})
    run_id = tracker.start_run(
        sweep.experiment_id,
        arm.title,
        parent=sweep.run_id,
        tags={"thaw.kind": "hosted", "thaw.arm": arm.key, "thaw.case": arm.case},
        params={
            "strategy": arm.name,
            "seed": arm.seed,
            "labels": len(arm.labels),
            "hosted.model": arm.model,
            **{f"hosted.{name}": value for name, value in hosted.items() if value is not None},
        },
    )
    for part in ("train", "validation", "test"):
        tracker.log_table(run_id, arm.part(part), part, f"{arm.case}-{part}")
    return run_id


@contextmanager
def _held(arm: HostedArm) -> Iterator[None]:
    """Keep other processes from the same arm: two of them would start two jobs."""
    with locked(arm.folder.with_suffix(".lock")):
        yield
