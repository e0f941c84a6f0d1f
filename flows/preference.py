"""The chain of a case that learns which answer is better: pairs of answers in, a reward out.

    ingest -> validate -> split by query -> train the arms -> compare -> register

Steps that other chains have too are in `flows/steps.py` and `flows/folding.py`.
"""

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.arms import run_arms
from flows.baselines import in_own_run
from flows.folding import split_into_folds
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
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_all
from tasks.evaluation.report import html
from tasks.ingestion.usable import Usable, usable_examples
from tasks.models.base_models import block_count, context_of, locate
from tasks.preferences.baselines import NAMES, baseline_outcome, strongest_rule
from tasks.preferences.breakdown import (
    by_gap,
    by_length,
    by_source,
    pairs_of,
    sheets,
    wrong_sheet,
    wrongly_ranked,
)
from tasks.preferences.checking import check_ranking
from tasks.preferences.plots import draw_pairs
from tasks.registry.card import reward_card
from tasks.registry.promotion import Promotion
from tasks.registry.reward_model import REWARD
from tasks.training.arms import ArmSpec, check_strategies, plan_arms


def run_preference(config: CaseConfig, force: bool = False) -> SweepResult:
    """Run the whole chain for a resolved configuration, inside a flow.

    Raises:
        RequestError: the request or its data is wrong; nothing was trained.
        ThawError: a step failed; the same command resumes.
    """
    check_metric_names(config)
    located = locate(config.model.base)
    check_ranking(config, located)
    blocks = block_count(located)
    check_strategies(config.strategies, blocks, context_of(located), config.training.trunk)
    raw = ingest_data(config)
    with open_sweep(config, raw.digest, force) as sweep:
        prepared = validate_data(raw, config, sweep)
        examples, usable = usable_examples(prepared, config.data)
        (parts,) = split_into_folds(examples, config, sweep)
        specs = plan_arms(config, located.digest, [REWARD], parts)
        outcomes = run_arms(specs, sweep, config.execution, force and not sweep.finished, blocks)
        outcomes += [run_rule(name, config, specs[0], sweep) for name in NAMES]
        comparison = compare_rankings(outcomes, config, specs[0], sweep)
        promotion = None
        if config.registry.enabled:
            promotion = register_reward(outcomes, comparison, config, specs[0], usable, sweep)
    return swept(config, sweep, comparison, promotion)


@task(name="baseline", task_run_name="{name}", cache_policy=NO_CACHE)
def run_rule(name: str, config: CaseConfig, spec: ArmSpec, sweep: Sweep) -> Outcome:
    """Measure one baseline under a child run of the sweep."""
    return in_own_run(
        name,
        "baseline",
        config.case,
        sweep,
        lambda run_id: baseline_outcome(name, spec, config.evaluation.baseline_c, run_id),
    )


@task(name="compare", cache_policy=NO_CACHE)
def compare_rankings(
    outcomes: list[Outcome], config: CaseConfig, spec: ArmSpec, sweep: Sweep
) -> Comparison:
    """Compare arms and baselines; keep table, page, plots and breakdowns on the parent run."""
    comparison = compare(outcomes, config, [])
    if sweep.finished:
        return comparison
    best = best_outcome(outcomes, config)
    pairs, confidence = pairs_of(best.test), config.evaluation.confidence
    plots = draw_all(comparison, outcomes, best, []) | draw_pairs(pairs, best.name)
    wrong = wrongly_ranked(pairs)
    log = sweep.tracker.log_text
    for name, table in (("gap", by_gap), ("source", by_source), ("length", by_length)):
        found = table(pairs, confidence)
        if len(found):
            csv = str(found.to_csv(index_label=name))
            log(sweep.run_id, csv, f"comparison/by_{name}.csv")
    log(sweep.run_id, str(wrong.to_csv(index=False)), "comparison/wrongly_ranked.csv")
    page = html(
        comparison,
        plots,
        None,
        f"{config.case}: {config.title}",
        provenance(config, spec, sweep),
        more=sheets(pairs, confidence),
        texts=wrong_sheet(wrong) if len(wrong) else None,
    )
    keep_comparison(comparison, page, plots, best, config, sweep)
    return comparison


@task(name="register", cache_policy=NO_CACHE)
def register_reward(
    outcomes: list[Outcome],
    comparison: Comparison,
    config: CaseConfig,
    spec: ArmSpec,
    usable: Usable,
    sweep: Sweep,
) -> Promotion:
    """Register the arm that validation chose and let it stand for champion.

    It has to beat every rule that does not read the answers, and the standing champion.

    Raises:
        ThawError: the packaged model failed its check, or the registry refused; nothing is left.
    """
    best = best_outcome(outcomes, config)
    card = reward_card(config, best, comparison, spec, usable, sweep.run_id)
    floor = strongest_rule(outcomes, config.evaluation.primary)
    return promote_best(best, floor, card, config, spec, sweep)
