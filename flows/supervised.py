"""The chain that every classification case shares, as Prefect tasks over stored references.

    ingest -> validate -> split -> train the arms -> compare -> register

A task is a few lines around plain functions that tests call directly.
"""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.arms import run_arms
from flows.baselines import MAJORITY, baseline_names, run_baseline
from flows.folding import log_parts
from flows.hosted import local_part, run_hosted, start_hosted
from flows.steps import (
    SweepResult,
    ingest_data,
    keep_comparison,
    promote_best,
    provenance,
    swept,
    validate_data,
)
from flows.sweep import Sweep, open_sweep
from tasks.config import CaseConfig
from tasks.evaluation.comparison import best_outcome, check_metric_names, compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.label_table import per_label
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_all
from tasks.evaluation.report import html
from tasks.hosted.run import check_hosted
from tasks.ingestion.usable import Usable, usable_examples
from tasks.models.base_models import block_count, context_of, locate
from tasks.registry.card import model_card
from tasks.registry.promotion import Promotion
from tasks.splitting.parts import split_into_parts
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec, check_strategies, plan_arms
from tasks.training.measurable import check_measurable

Parts = dict[str, TableRef]


def run_case(config: CaseConfig, force: bool = False) -> SweepResult:
    """Run the whole chain for a resolved configuration, inside a flow.

    Raises:
        RequestError: the request or its data is wrong; nothing was trained.
        ThawError: a step failed; the same command resumes.
    """
    check_metric_names(config)
    check_hosted(config)
    located = locate(config.model.base)
    blocks = block_count(located)
    check_strategies(config.strategies, blocks, context_of(located), config.training.trunk)
    raw = ingest_data(config)
    with open_sweep(config, raw.digest, force) as sweep:
        prepared = validate_data(raw, config, sweep)
        examples, usable = usable_examples(prepared, config.data)
        parts = split_data(examples, config, sweep)
        specs = plan_arms(local_part(config), located.digest, list(usable.labels), parts)
        check_measurable(config, specs[0])
        anew = force and not sweep.finished
        hosted = start_hosted(config, list(usable.labels), parts, anew)
        outcomes = run_arms(specs, sweep, config.execution, anew, blocks)
        if hosted is not None:
            outcomes.append(run_hosted(hosted, sweep))
        outcomes += [run_baseline(name, config, specs[0], sweep) for name in baseline_names(config)]
        comparison = compare_arms(outcomes, config, specs[0], sweep)
        promotion = None
        if config.registry.enabled:
            promotion = register_best(outcomes, comparison, config, specs[0], usable, sweep)
    return swept(config, sweep, comparison, promotion)


@task(name="split", cache_policy=NO_CACHE)
def split_data(examples: TableRef, config: CaseConfig, sweep: Sweep) -> Parts:
    """Cut the usable rows into train, validation and test, and prove that nothing leaks.

    Raises:
        RequestError: there are too few rows, or one group is too large.
        ThawError: the leakage check found a text or group on both sides.
    """
    parts, report = split_into_parts(examples, config.split)
    if not sweep.finished:
        sweep.tracker.log_text(sweep.run_id, report.model_dump_json(indent=2), "split/report.json")
        log_parts([parts], config, sweep)
    logger = get_run_logger()
    logger.info(", ".join(f"{name} {rows:,} rows" for name, rows in report.parts.items()))
    for note in report.notes:
        logger.info("%s", note)
    return parts


@task(name="compare", cache_policy=NO_CACHE)
def compare_arms(
    outcomes: list[Outcome], config: CaseConfig, spec: ArmSpec, sweep: Sweep
) -> Comparison:
    """Compare arms and baselines; keep table, page and plots on the parent run."""
    comparison = compare(outcomes, config, spec.labels)
    if sweep.finished:
        return comparison
    best = best_outcome(outcomes, config)
    plots = draw_all(comparison, outcomes, best, list(spec.labels))
    table = per_label(best, spec.labels, config.task)
    about = provenance(config, spec, sweep)
    page = html(comparison, plots, table, f"{config.case}: {config.title}", about)
    sweep.tracker.log_text(sweep.run_id, str(table.to_csv()), "comparison/labels.csv")
    keep_comparison(comparison, page, plots, best, config, sweep)
    return comparison


@task(name="register", cache_policy=NO_CACHE)
def register_best(
    outcomes: list[Outcome],
    comparison: Comparison,
    config: CaseConfig,
    spec: ArmSpec,
    usable: Usable,
    sweep: Sweep,
) -> Promotion:
    """Register the arm that validation chose and let it stand for champion.

    Raises:
        ThawError: the packaged model failed its check, or the registry refused; nothing is left.
    """
    best = best_outcome(outcomes, config)
    base_rate = next(outcome for outcome in outcomes if outcome.name == MAJORITY)
    card = model_card(config, best, comparison, spec, usable, sweep.run_id)
    return promote_best(best, base_rate, card, config, spec, sweep)
