"""The chain of every case, as Prefect tasks over stored references.

    fetch -> ingest -> validate -> split -> train the arms -> compare -> register

What only one kind of case knows, its object does (`tasks/kinds/kind.py`); here no kind has a name.
A task is a few lines around plain functions that tests call directly.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from flows.arms import run_arms, without_diverged
from flows.hosted import run_hosted, start_hosted
from flows.judging import compare_arms, register_best, run_references
from flows.preparing import fetch, ingest_data, plan, split_data, validate_data
from flows.recording import in_own_run
from flows.sweep import Sweep, open_sweep
from tasks.config import CaseConfig
from tasks.evaluation.comparison import best_outcome
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.pooling import pool_folds
from tasks.kinds.kind import kind_of
from tasks.kinds.values import Arms, Start
from tasks.registry.fresh_process import ahead
from tasks.registry.promotion import Promotion
from tasks.signals import within
from tasks.training.arms import ArmSpec


class SweepResult(BaseModel):
    """What a flow run came to: the comparison, and what became of the best arm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    run_id: str
    reused: bool
    comparison: Comparison
    promotion: Promotion | None


def run_case(config: CaseConfig, force: bool = False) -> SweepResult:
    """Run the whole chain for a resolved configuration, inside a flow.

    Raises:
        RequestError: the request or its data is wrong; nothing was trained.
        ThawError: a step failed; the same command resumes.
    """
    hours = config.execution.hours
    told = (
        f"The run took longer than execution.hours={hours} allows. What is finished is kept: the "
        "same command goes on from there, with more hours if you give them."
    )
    with within(hours and hours * 3600, told):
        return _run_case(kind_of(config.task).check(config), force)


def _run_case(config: CaseConfig, force: bool) -> SweepResult:
    with open_sweep(config, force) as claim:
        start = fetch(config)
        raw = ingest_data(start)
        sweep = claim(start.config, (raw.table.digest, start.digest, *start.evidence))
        anew = force and not sweep.finished
        rows = validate_data(raw, start, sweep)
        division = split_data(rows, start, sweep)
        specs = plan(rows, division, start)
        for spec in {(spec.fold, spec.train.digest): spec for spec in specs}.values():
            kind_of(config.task).check_parts(spec, start.config)
        hosted = start_hosted(start.config, list(specs[0].labels), division.folds[0], anew)
        trained = run_arms(specs, sweep, start.config, anew, start.blocks)
        specs, arms, left_out = without_diverged(specs, trained)
        outcomes = pooled(arms, specs[0], start, sweep)
        if hosted is not None:
            outcomes.append(run_hosted(hosted, sweep))
        best = best_outcome(outcomes, start.config)
        made = Arms(tuple(specs), tuple(arms), best, left_out)
        registers = config.registry.enabled and not config.split.folds and not sweep.finished
        packaging = kind_of(config.task).packaging
        with ahead(packaging.libraries if registers else None):  # the package will be asked
            references, lost = run_references(made, start, anew, sweep)
            outcomes += references
            made = replace(made, left_out=(*left_out, *lost))
            compared = compare_arms(outcomes, made, rows, division, start, sweep)
            promotion = register_best(compared, sweep) if config.registry.enabled else None
    return SweepResult(
        case=config.case,
        run_id=sweep.run_id,
        reused=sweep.finished,
        comparison=compared.comparison,
        promotion=promotion,
    )


def pooled(arms: Sequence[Outcome], spec: ArmSpec, start: Start, sweep: Sweep) -> list[Outcome]:
    """Each arm, its folds taken together in a run of their own: the evidence for its figures.

    Args:
        arms: outcomes, one a fold.
        spec: any of them, which says what labels mean.
        start, sweep: of them.
    """
    kind, found, labels = kind_of(start.config.task), [], spec.labels
    for outcome in pool_folds(arms, lambda table: kind.figures(table, spec)):
        if not outcome.run_id:  # several folds
            name = f"{outcome.name} seed={outcome.seed} all folds"
            outcome = in_own_run(name, "folds", start.config.case, sweep, _under(outcome), labels)
        found.append(outcome)
    return found


def _under(outcome: Outcome) -> Any:
    return lambda run_id: outcome.model_copy(update={"run_id": run_id})
