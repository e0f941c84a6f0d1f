"""The chain that every case shares that learns from rewards: prompts in, a better writer out.

    pin the start and the rewards -> ingest -> validate -> split -> train the arms -> compare
    -> register

Rows are prompts and nothing else: what an answer is worth, the rewards say. Steps that other
chains have too are in `flows/steps.py` and `flows/folding.py`.
"""

import hashlib

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

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
from tasks.config.loading import grid_points
from tasks.evaluation.comparison import best_outcome, check_metric_names, compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_all
from tasks.evaluation.policy_report import paired_sheet, texts_markdown, texts_sheet, with_findings
from tasks.evaluation.report import html
from tasks.ingestion.usable import Usable, usable_examples
from tasks.language.encoding import format_of
from tasks.language.writing import writing_tokenizer
from tasks.models.base_models import block_count, context_of
from tasks.registry.card import policy_card
from tasks.registry.promotion import Promotion
from tasks.rl.checking import check_policy, check_start, fitting_prompts, with_parts_shown
from tasks.rl.pinning import Pinned, pin
from tasks.rl.untrained import start_name, untouched_base_name, untrained_policy_outcome
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec, check_strategies, plan_arms


def run_policy(config: CaseConfig, force: bool = False) -> SweepResult:
    """Run the whole chain for a resolved configuration, inside a flow.

    Raises:
        RequestError: the request or its data is wrong, or a stage before this one has registered
            nothing yet; nothing was trained.
        ThawError: a step failed; the same command resumes.
    """
    config = with_parts_shown(config)
    check_policy(config)
    check_metric_names(config)
    pinned = pin_models(config)
    config = pinned.config
    for _, made in grid_points(config):
        check_start(made, pinned.base)
    format_of(config.language, writing_tokenizer(pinned.base))  # refused now if they do not go
    blocks = block_count(pinned.base)
    check_strategies(config.strategies, blocks, context_of(pinned.base))
    raw = ingest_data(config)
    with open_sweep(config, _evidence(raw.digest, pinned), force) as sweep:
        if not sweep.finished:
            sweep.tracker.log_params(sweep.run_id, pinned.params)
        prepared = validate_data(raw, config, sweep)
        examples, usable = usable_examples(prepared, config.data)
        examples, usable = fitting_prompts(examples, usable, config, pinned.base)
        (parts,) = split_into_folds(examples, config, sweep)
        specs = plan_arms(
            config, pinned.base.digest, [], parts, reward_digests=pinned.reward_digests
        )
        arms = run_arms(specs, sweep, config.execution, force and not sweep.finished, blocks)
        before = [run_untrained(*each, config, specs[0], sweep) for each in _untrained(pinned)]
        comparison = compare_policies(arms, before, config, specs[0], sweep)
        promotion = None
        if config.registry.enabled:
            promotion = register_policy(
                arms, before[0], comparison, config, specs[0], usable, sweep
            )
    return swept(config, sweep, comparison, promotion)


def _evidence(data: str, pinned: Pinned) -> str:
    """Digest of the rows and of every model that the sweep rests on."""
    digests = (data, pinned.base.digest, *pinned.reward_digests)
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _untrained(pinned: Pinned) -> list[tuple[str, str, str]]:
    """The models that the arms are measured against: name in tables, name, digest."""
    start = pinned.base
    models = [(start_name(start.name), start.name, start.digest)]
    if pinned.untouched is not None:
        models.append((untouched_base_name(pinned.untouched[0]), *pinned.untouched))
    return models


@task(name="pin", cache_policy=NO_CACHE)
def pin_models(config: CaseConfig) -> Pinned:
    """Look up the start and the reward models once, for the whole sweep.

    Raises:
        RequestError: there is no such model yet (says which flow makes it), or no such label.
    """
    pinned = pin(config, Tracker(config.tracking.uri))
    for name, value in pinned.params.items():
        get_run_logger().info("%s: %s", name, value)
    return pinned


@task(name="baseline", task_run_name="{name}", cache_policy=NO_CACHE)
def run_untrained(
    name: str, base: str, digest: str, config: CaseConfig, spec: ArmSpec, sweep: Sweep
) -> Outcome:
    """Let a model answer as it is, under a child run of the sweep."""
    return in_own_run(
        name,
        "baseline",
        config.case,
        sweep,
        lambda run_id: untrained_policy_outcome(spec, base, digest, name, run_id),
    )


@task(name="compare", cache_policy=NO_CACHE)
def compare_policies(
    arms: list[Outcome],
    before: list[Outcome],
    config: CaseConfig,
    spec: ArmSpec,
    sweep: Sweep,
) -> Comparison:
    """Compare arms with what they started from; keep table, page, plots and texts.

    Args:
        arms: the trained ones.
        before: the start, and the model that it was trained from, if any.
        config: the case.
        spec: an arm, for what the figures rest on.
        sweep: the open sweep.
    """
    outcomes = [*arms, *before]
    comparison = compare(outcomes, config, [])
    best = best_outcome(outcomes, config)
    comparison = with_findings(comparison, before[0], best)
    if sweep.finished:
        return comparison
    texts = texts_sheet({each.name: each for each in (*before[::-1], best)})
    sweep.tracker.log_text(sweep.run_id, texts_markdown(texts), "comparison/answers.md")
    plots = draw_all(comparison, outcomes, best, [])
    page = html(
        comparison,
        plots,
        None,
        f"{config.case}: {config.title}",
        provenance(config, spec, sweep),
        more=[paired_sheet(comparison, before[0], best)],
        texts=texts,
    )
    keep_comparison(comparison, page, plots, best, config, sweep)
    return comparison


@task(name="register", cache_policy=NO_CACHE)
def register_policy(
    arms: list[Outcome],
    start: Outcome,
    comparison: Comparison,
    config: CaseConfig,
    spec: ArmSpec,
    usable: Usable,
    sweep: Sweep,
) -> Promotion:
    """Register the arm that validation chose and let it stand for champion.

    It has to beat the model that it started from, and the standing champion.

    Raises:
        ThawError: the packaged model failed its check, or the registry refused; nothing is left.
    """
    best = best_outcome(arms, config)
    card = policy_card(config, best, comparison, spec, usable, sweep.run_id)
    return promote_best(best, start, card, config, spec, sweep)
