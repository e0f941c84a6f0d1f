"""The chain that every classification case shares, as Prefect tasks over stored references.

    ingest -> validate -> split -> train the arms -> compare -> register

A task is a few lines around plain functions that tests call directly.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from pydantic import BaseModel, ConfigDict

from flows.arms import run_arms
from flows.baselines import MAJORITY, baseline_names, run_baseline
from flows.hosted import local_part, run_hosted, start_hosted
from flows.sweep import Sweep, open_sweep
from tasks.config import CaseConfig
from tasks.evaluation.comparison import best_outcome, check_metric_names, compare
from tasks.evaluation.findings import Comparison
from tasks.evaluation.label_table import per_label
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import draw_all
from tasks.evaluation.report import html, markdown
from tasks.hosted.run import check_hosted
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import Usable, usable_examples
from tasks.models.base_models import block_count, context_of, locate
from tasks.registry.card import model_card
from tasks.registry.promotion import Promotion, promote
from tasks.splitting.parts import split_into_parts
from tasks.storage import TableRef
from tasks.tracking import git_commit
from tasks.training.arms import ArmSpec, check_strategies, plan_arms
from tasks.validation.findings import ValidationReport
from tasks.validation.report import render_html, render_markdown
from tasks.validation.validate import validate

Parts = dict[str, TableRef]


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
    return SweepResult(
        case=config.case,
        run_id=sweep.run_id,
        reused=sweep.finished,
        comparison=comparison,
        promotion=promotion,
    )


@task(name="ingest", cache_policy=NO_CACHE)
def ingest_data(config: CaseConfig) -> TableRef:
    """Fetch and read the source; the result is a stored table of its roles."""
    language = config.language
    raw = ingest(config.data, config.split.seed, (language.source_name, language.target_name))
    get_run_logger().info("%s rows from %s", f"{raw.rows:,}", raw.origin)
    return raw


@task(name="validate", cache_policy=NO_CACHE)
def validate_data(raw: TableRef, config: CaseConfig, sweep: Sweep) -> TableRef:
    """Check the rows against the case's suite; keep the report; stop here if it blocks.

    Raises:
        RequestError: a blocking expectation failed; names it, the column, counts and rows.
    """
    prepared = prepare(raw, config.data)
    if sweep.finished:
        return prepared
    keep_validation(validate(prepared.read(), config), raw.origin, config, sweep)
    return prepared


def keep_validation(
    report: ValidationReport, origin: str, config: CaseConfig, sweep: Sweep
) -> None:
    """Keep a validation report on the parent run and in Prefect, and stop there if it blocks.

    Raises:
        RequestError: a blocking expectation failed.
    """
    log = sweep.tracker.log_text
    page = render_html(report, f"{config.case}: validation", origin)
    log(sweep.run_id, page, "validation/report.html")
    log(sweep.run_id, report.model_dump_json(indent=2), "validation/report.json")
    create_markdown_artifact(
        key=artifact_key(config, "validation"),
        markdown=render_markdown(report),
        description=report.source,
    )
    logger = get_run_logger()
    for finding in report.failed("warn"):
        logger.warning("%s", finding.sentence)
    report.raise_if_blocked()


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
        for name, table in parts.items():
            sweep.tracker.log_table(sweep.run_id, table, name, f"{config.case}-{name}")
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


def keep_comparison(
    comparison: Comparison,
    page: str,
    plots: Mapping[str, bytes],
    best: Outcome,
    config: CaseConfig,
    sweep: Sweep,
) -> None:
    """Keep table, page, plots and the best arm's figures on the parent run and in Prefect."""
    tracker, run_id = sweep.tracker, sweep.run_id
    tracker.log_text(run_id, page, "comparison/report.html")
    tracker.log_text(run_id, markdown(comparison), "comparison/table.md")
    tracker.log_text(run_id, comparison.model_dump_json(indent=2), "comparison/comparison.json")
    with tempfile.TemporaryDirectory(prefix="thaw-plots-") as scratch:
        for name, picture in plots.items():
            tracker.log_bytes(run_id, picture, f"comparison/{name}", Path(scratch))
    tracker.log_metrics(run_id, {k: v for k, v in best.metrics.items() if k.startswith("test/")})
    tracker.set_tags(run_id, {"thaw.best": best.name, "mlflow.note.content": markdown(comparison)})
    create_markdown_artifact(key=artifact_key(config, "comparison"), markdown=markdown(comparison))
    _link_run(config, sweep)


def provenance(config: CaseConfig, spec: ArmSpec, sweep: Sweep) -> dict[str, str]:
    """What the report's figures rest on."""
    return {
        "Data": f"{config.data.source}, {spec.train.origin}",
        "Train / validation / test": " / ".join(
            f"{part.rows:,} rows ({part.digest[:12]})"
            for part in (spec.train, spec.validation, spec.test)
        ),
        "Base model": f"{config.base_model} ({spec.base_digest[:12]})",
        "Git commit": git_commit() or "not a checkout",
        "MLflow run": sweep.run_id,
        "Configuration": config.model_dump_json(indent=2, exclude={"reference"}),
    }


def artifact_key(config: CaseConfig, what: str) -> str:
    """Prefect takes lower-case letters, numbers and dashes alone."""
    return f"{config.case}-{what}".replace("_", "-")


def _link_run(config: CaseConfig, sweep: Sweep) -> None:
    if sweep.tracker.uri.startswith("http"):
        address = f"{sweep.tracker.uri}/#/experiments/{sweep.experiment_id}/runs/{sweep.run_id}"
        create_link_artifact(key=artifact_key(config, "run"), link=address, link_text="MLflow run")


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
    promotion = promote(sweep.tracker, config, best, base_rate, spec.test, card)
    keep_promotion(promotion, sweep)
    return promotion


def keep_promotion(promotion: Promotion, sweep: Sweep) -> None:
    """Say on the parent run and in the log what became of the best arm."""
    tags: dict[str, Any] = {
        "thaw.registered": f"{promotion.name} version {promotion.version}",
        "thaw.verdict": promotion.reason,
    }
    sweep.tracker.set_tags(sweep.run_id, tags)
    get_run_logger().info("%s: %s", promotion.status, promotion.reason)
