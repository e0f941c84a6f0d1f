"""The chain that every writing case shares: pairs in, a model that answers in text out.

    ingest -> validate -> split (or fold) -> train the arms -> compare -> register

Steps that other chains have too are in `flows/steps.py` and `flows/folding.py`.
"""

from collections.abc import Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.arms import run_arms
from flows.baselines import in_own_run
from flows.folding import keep_pooled, plan_folds, split_into_folds, warn_not_registered
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
from tasks.evaluation.exchanges import Exchange, exchanges, exchanges_markdown
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_all
from tasks.evaluation.pooling import pool_folds
from tasks.evaluation.report import html
from tasks.ingestion.usable import Usable, usable_examples
from tasks.language.checking import check_writing
from tasks.language.encoding import format_of
from tasks.language.untouched import untouched_name, untouched_outcome
from tasks.models.base_models import block_count, context_of, locate
from tasks.models.generators import generator_tokenizer
from tasks.registry.card import writer_card
from tasks.registry.promotion import Promotion
from tasks.training.arms import ArmSpec, check_strategies


def run_generative(config: CaseConfig, force: bool = False) -> SweepResult:
    """Run the whole chain for a resolved configuration, inside a flow.

    Raises:
        RequestError: the request or its data is wrong; nothing was trained.
        ThawError: a step failed; the same command resumes.
    """
    check_metric_names(config)
    check_writing(config)
    located = locate(config.model.base)
    format_of(config.language, generator_tokenizer(located))  # refused now if they do not go
    blocks = block_count(located)
    check_strategies(config.strategies, blocks, context_of(located), config.training.trunk)
    raw = ingest_data(config)
    with open_sweep(config, raw.digest, force) as sweep:
        prepared = validate_data(raw, config, sweep)
        examples, usable = usable_examples(prepared, config.data)
        folds = split_into_folds(examples, config, sweep)
        specs = plan_folds(config, located.digest, folds)
        # One arm of each fold says all that a baseline has to know.
        first = list({spec.fold: spec for spec in reversed(specs)}.values())[::-1]
        arms = run_arms(specs, sweep, config.execution, force and not sweep.finished, blocks)
        outcomes = [keep_pooled(pooled, config, sweep) for pooled in pool_folds(arms)]
        outcomes += [
            run_untouched(shots, config, first, sweep)
            for shots in dict.fromkeys((0, config.language.few_shot))
        ]
        comparison = compare_answers(outcomes, arms, config, first[0], sweep)
        promotion = None
        if config.registry.enabled and config.split.folds:
            warn_not_registered(sweep)
        elif config.registry.enabled:
            promotion = register_writer(outcomes, comparison, config, first[0], usable, sweep)
    return swept(config, sweep, comparison, promotion)


@task(name="baseline", task_run_name="{shots}-shot", cache_policy=NO_CACHE)
def run_untouched(shots: int, config: CaseConfig, specs: list[ArmSpec], sweep: Sweep) -> Outcome:
    """Let the untouched base model answer, under a child run of the sweep."""
    return in_own_run(
        untouched_name(shots),
        "baseline",
        config.case,
        sweep,
        lambda run_id: untouched_outcome(specs, shots, run_id),
    )


@task(name="compare", cache_policy=NO_CACHE)
def compare_answers(
    outcomes: list[Outcome], arms: list[Outcome], config: CaseConfig, spec: ArmSpec, sweep: Sweep
) -> Comparison:
    """Compare arms and baselines; keep table, page and plots on the parent run.

    Args:
        outcomes: arms and baselines, folds pooled.
        arms: every arm by itself, with its curve.
        config: the case.
        spec: an arm, for what the figures rest on.
        sweep: the open sweep.
    """
    comparison = compare(outcomes, config, [])
    if sweep.finished:
        return comparison
    best = best_outcome(outcomes, config)
    plots: Mapping[str, bytes] = draw_all(comparison, arms, best, [])
    about = provenance(config, spec, sweep)
    answers: list[Exchange] = []
    if config.language.scores == "text":
        before = next(outcome for outcome in outcomes if outcome.name == untouched_name(0))
        answers = exchanges(before, best)
        text = exchanges_markdown(answers, before.name, best.name)
        sweep.tracker.log_text(sweep.run_id, text, "comparison/answers.md")
    page = html(comparison, plots, None, f"{config.case}: {config.title}", about, answers)
    keep_comparison(comparison, page, plots, best, config, sweep)
    return comparison


@task(name="register", cache_policy=NO_CACHE)
def register_writer(
    outcomes: list[Outcome],
    comparison: Comparison,
    config: CaseConfig,
    spec: ArmSpec,
    usable: Usable,
    sweep: Sweep,
) -> Promotion:
    """Register the arm that validation chose and let it stand for champion.

    It has to beat the untouched model without examples, and the standing champion.

    Raises:
        ThawError: the packaged model failed its check, or the registry refused; nothing is left.
    """
    best = best_outcome(outcomes, config)
    floor = next(outcome for outcome in outcomes if outcome.name == untouched_name(0))
    card = writer_card(config, best, comparison, spec, usable, sweep.run_id)
    return promote_best(best, floor, card, config, spec, sweep)
