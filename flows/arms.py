"""Arms as Prefect tasks: each opens its own child run, trains (or reuses), and closes it."""

from collections.abc import Sequence
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.endings import ending
from flows.fanning import alone_in_process, collect, or_divergence, stop_pool, task_runner
from flows.pages import artifact_key
from flows.progress import Progress, bar
from flows.quiet import install
from flows.recording import record_outcome
from flows.server import is_temporary
from flows.sharing import Common, shared_with_workers
from flows.sweep import Sweep
from tasks.address import Address
from tasks.config import PARTS, CaseConfig
from tasks.errors import DivergedError
from tasks.evaluation.findings import LeftOut
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.kind import kind_of
from tasks.locks import locked
from tasks.tracking import FINISHED, Tracker
from tasks.training.arms import ArmSpec
from tasks.training.device import return_freed_memory
from tasks.training.keeping import (
    divergence_kept,
    finished_outcome,
    forget_checkpoints,
    standing_outcome,
)
from tasks.training.run import ArmRun
from tasks.training.trunk import depth_of
from tasks.training.trunk_pass import Depth, rank

MODEL = "model.txt"
HEAD_WORK = 0.1
"""What a head costs, in passes of a block."""


@task(name="arm", task_run_name="{spec.title}", cache_policy=NO_CACHE)
def run_arm(
    spec: ArmSpec,
    tracking: Address,
    experiment_id: str,
    parent: str,
    force: bool,
    depths: tuple[Depth, ...] = (),
    common: Common | None = None,
    watched: bool = False,
) -> Outcome:
    """Train and evaluate one arm under a child run of the sweep, or reuse a finished one.

    Args:
        spec: the arm.
        tracking: of the MLflow store.
        experiment_id, parent: of the sweep's run there.
        force: train a finished one again.
        depths: that other arms need, for one pass of the trunk to store.
        common: on a worker, what it has to share with the machine that planned the sweep.
        watched: log what the machine does meanwhile.

    Raises:
        RequestError: it does not share that.
        DivergedError, ThawError: as `tasks.training.run.train_arm`.
    """
    if common is not None:
        install()
        common.check(spec, tracking)
    tracker = Tracker(tracking)
    spec.folder.mkdir(parents=True, exist_ok=True)
    # Another sweep may hold the same arm.
    with alone_in_process(), locked(spec.folder.with_suffix(".lock")):
        reused = None if force else finished_outcome(spec)
        run_id = _child_run(tracker, spec, experiment_id, parent, force)
        if reused is not None:
            get_run_logger().info("%s is finished already: reused", spec.title)
            forget_checkpoints(spec)
            if tracker.status(run_id) == FINISHED:
                return reused.model_copy(update={"run_id": run_id})
        tracker.reopen(run_id)
        watching = tracker.machine_watched(run_id, watched and reused is None)
        with ending(tracker, run_id), divergence_kept(spec), watching:
            if reused is not None:
                if reused.run_id != run_id:
                    tracker.set_tags(run_id, {"thaw.reused_from": reused.run_id})
                    with tracker.curve(run_id) as log:
                        for point in reused.curve:
                            log(point.metrics, point.step)
                outcome = reused
            else:
                standing_outcome(spec, force)  # with force, what it left goes
                arm = ArmRun(spec, kind_of(spec.task).learner)
                train(arm, tracker, run_id, depths)
                outcome = evaluate(arm, run_id)
                del arm
                return_freed_memory()
            record_outcome(tracker, run_id, outcome, list(spec.labels))
    return outcome.model_copy(update={"run_id": run_id})


@task(name="train", task_run_name="train {arm.spec.title}", cache_policy=NO_CACHE)
def train(arm: ArmRun[Any], tracker: Tracker, run_id: str, depths: tuple[Depth, ...]) -> None:
    """Train one arm, or go on from its last checkpoint; figures are logged as they come."""
    with tracker.curve(run_id) as log:
        arm.train(log, lambda metric: tracker.last_step(run_id, metric), depths)
    tracker.log_text(run_id, described(arm), MODEL)


@task(name="evaluate", task_run_name="evaluate {arm.spec.title}", cache_policy=NO_CACHE)
def evaluate(arm: ArmRun[Any], run_id: str) -> Outcome:
    """Let the trained model answer validation, and only then test."""
    return arm.evaluate(run_id)


def described(arm: ArmRun[Any]) -> str:
    """What learned from how much, for who wants to look: the model as PyTorch prints it."""
    training, parts = arm.spec.training, (arm.spec.train, arm.spec.validation, arm.spec.test)
    sizes = (training.batch_size, training.eval_batch_size, training.eval_batch_size)
    batches = [
        f"{name}: {part.rows:,} rows, {-(-part.rows // size):,} batches of {size}"
        for name, part, size in zip(PARTS, parts, sizes, strict=True)
    ]
    return "\n".join([arm.spec.title, *batches, "", str(arm.model), ""])


def _child_run(
    tracker: Tracker, spec: ArmSpec, experiment_id: str, parent: str, force: bool
) -> str:
    """The arm's run under this parent: the one that is there already, or a new one."""
    tags = {"thaw.arm": spec.key, "mlflow.parentRunId": parent}
    if not force:
        for run in tracker.find_runs(spec.case, tags):
            return str(run.info.run_id)
    run_id = tracker.start_run(
        experiment_id,
        spec.title,
        parent=parent,
        tags={
            "thaw.kind": "arm",
            "thaw.arm": spec.key,
            "thaw.case": spec.case,
            "thaw.strategy": str(spec.strategy),
        },
        params=arm_params(spec),
    )
    for part in ("train", "validation", "test"):
        tracker.log_table(run_id, getattr(spec, part), part, f"{spec.case}-{part}")
    return run_id


def arm_params(spec: ArmSpec) -> dict[str, Any]:
    """The arm's fields as flat parameters, for MLflow's columns and filters."""
    flat: dict[str, Any] = {"strategy": str(spec.strategy), "seed": spec.seed}
    for part in ("model", "training", "language", "numbers", "preference", "rl", "vqa"):
        fields = getattr(spec, part)
        for name, value in (fields.model_dump(mode="json") if fields else {}).items():
            if value not in (None, {}):
                flat[f"{part}.{name}"] = value
    for reward, digest in zip(spec.rewards, spec.reward_digests, strict=True):
        what = (f"{reward.weight:g} x", reward.model or reward.function, reward.label, digest[:16])
        flat[f"reward.{reward.title}"] = " ".join(filter(None, what))
    if spec.fold is not None:
        flat["fold"] = spec.fold
    return flat | {"labels": len(spec.labels), "base_digest": spec.base_digest[:16]}


def run_arms(
    specs: list[ArmSpec], sweep: Sweep, config: CaseConfig, force: bool, blocks: int
) -> list[Outcome | DivergedError]:
    """All arms, one after another or over the task runner that the configuration names.

    In sequence they run in the main thread, where Ctrl-C reaches the training loop. The first
    arm that needs the frozen trunk stores every depth that the others will.
    """
    found = {depth_of(spec.strategy, blocks) for spec in specs}
    depths = tuple(depth for depth in found if depth is not None)
    where = (sweep.tracker.address, sweep.experiment_id, sweep.run_id)
    execution, watched = config.execution, config.tracking.system_metrics
    if execution.runner == "sequential":
        work = [work_of(spec, blocks) for spec in specs]
        shown = bar(artifact_key(specs[0].case, "progress"))
        progress = Progress(work, get_run_logger().info, shown)
        return [
            progress.done(or_divergence(tagged(spec), spec, *where, force, depths, None, watched))
            for spec in specs
        ]

    with task_runner(execution) as runner, shared_with_workers(sweep) as common:
        # A flow of its own, because a flow's task runner is fixed when it starts; without
        # parameters, because Prefect keeps those of a flow run and refuses more than 512 kB.
        @flow(name="arms", task_runner=runner)
        def fanned_arms() -> list[Outcome | DivergedError]:
            try:
                futures = [
                    tagged(spec).submit(spec, *where, force, depths, common, watched)
                    for spec in specs
                ]
                return collect(futures, specs)
            except BaseException as error:
                if not isinstance(error, Exception):
                    stop_pool()
                raise

        return fanned_arms()


def work_of(spec: ArmSpec, blocks: int) -> float:
    """About how long an arm trains beside others: block passes, with the frozen ones stored.

    Measured on a model of six blocks, arms with the top 6, 4, 2, 1 and 0 blocks took 274, 188, 96,
    47 and 1.4 seconds (docs/results.md).
    """
    frozen = rank(depth_of(spec.strategy, blocks) or 0)
    return spec.training.epochs * (max(blocks - frozen, 0.0) + HEAD_WORK)


def tagged(spec: ArmSpec) -> Any:
    """The task of an arm with tags by which Prefect finds it, and can limit how many run at once:
    what may hold a GPU, its case, and its kind. A temporary server has no limits, and would be
    asked for them."""
    return run_arm if is_temporary() else run_arm.with_options(tags=["gpu", spec.case, spec.task])


def without_diverged(
    specs: Sequence[ArmSpec], found: Sequence[Outcome | DivergedError]
) -> tuple[list[ArmSpec], list[Outcome], tuple[LeftOut, ...]]:
    """The arms that can be compared, what they came to, and the others.

    An arm that diverged in one fold has no figure over all of them.

    Raises:
        DivergedError: no arm is left.
    """
    lost: dict[tuple[str, int], DivergedError] = {}
    for spec, each in zip(specs, found, strict=True):
        if isinstance(each, DivergedError):
            get_run_logger().warning("%s is left out: %s", spec.title, each)
            lost.setdefault((spec.name, spec.seed), each)
    kept = [
        (spec, each)
        for spec, each in zip(specs, found, strict=True)
        if not isinstance(each, DivergedError) and (spec.name, spec.seed) not in lost
    ]
    if not kept:
        reasons = [str(error) for error in lost.values()]
        none = ["No arm is left to compare."] if len(reasons) > 1 else []
        raise DivergedError(" ".join([*none, *reasons]))
    left_out = [
        LeftOut(name=name, seed=seed, reason=str(error)) for (name, seed), error in lost.items()
    ]
    return [spec for spec, _ in kept], [each for _, each in kept], tuple(left_out)
