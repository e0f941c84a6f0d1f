"""Cross-validation in a chain: its parts, arms and pooled folds, and why none is registered."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.baselines import in_own_run
from flows.sweep import Sweep
from tasks.config import CaseConfig
from tasks.evaluation.outcomes import Outcome
from tasks.language.parts import Parts, split_pairs
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec, plan_arms

NOT_REGISTERED = (
    "Nothing is registered: folds measure strategies, and each fold's model has seen only a part "
    "of the data. Run again without split.folds to register the strategy that you choose."
)


@task(name="split", cache_policy=NO_CACHE)
def split_into_folds(examples: TableRef, config: CaseConfig, sweep: Sweep) -> list[Parts]:
    """Cut the pairs into three parts, or into three for each fold, and prove that nothing leaks.

    Raises:
        RequestError: there are too few different prompts.
        ThawError: the leakage check found a text on both sides.
    """
    folds, report = split_pairs(examples, config.split)
    if not sweep.finished:
        sweep.tracker.log_text(sweep.run_id, report.model_dump_json(indent=2), "split/report.json")
        log_parts(folds, config, sweep)
    logger = get_run_logger()
    for number, parts in enumerate(report.parts):
        where = f"fold {number}: " if report.folds else ""
        logger.info("%s%s", where, ", ".join(f"{name} {rows:,}" for name, rows in parts.items()))
    for note in report.notes:
        logger.info("%s", note)
    return folds


def log_parts(folds: Sequence[Parts], config: CaseConfig, sweep: Sweep) -> None:
    """Log each part as a dataset of the sweep."""
    for number, parts in enumerate(folds):
        fold = f"-fold-{number}" if config.split.folds else ""
        for name, table in parts.items():
            sweep.tracker.log_table(sweep.run_id, table, name, f"{config.case}-{name}{fold}")


def plan_folds(config: CaseConfig, base_digest: str, folds: Sequence[Parts]) -> list[ArmSpec]:
    """The arms of every fold, one fold after the other; without folds, those of the sweep.

    Args:
        config: the resolved configuration of a case without labels.
        base_digest: identity of the base model's weights.
        folds: the parts of each.
    """
    return [
        spec
        for number, parts in enumerate(folds)
        for spec in plan_arms(
            config, base_digest, [], parts, number if config.split.folds else None
        )
    ]


def warn_not_registered(sweep: Sweep) -> None:
    """Say that a cross-validation registers nothing, and why."""
    get_run_logger().warning(NOT_REGISTERED)
    sweep.tracker.set_tags(sweep.run_id, {"thaw.verdict": NOT_REGISTERED})


def keep_pooled(pooled: Outcome, config: CaseConfig, sweep: Sweep) -> Outcome:
    """Give an arm's folds together a run of their own, the evidence for the table's figures."""
    if pooled.run_id:  # a single arm, which has one
        return pooled
    return in_own_run(
        f"{pooled.name} seed={pooled.seed} all folds",
        "folds",
        config.case,
        sweep,
        lambda run_id: pooled.model_copy(update={"run_id": run_id}),
    )
