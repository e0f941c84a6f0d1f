"""The steps that the chains of every kind of case share, and what a chain comes to."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from pydantic import BaseModel, ConfigDict

from flows.sweep import Sweep
from tasks.config import CaseConfig
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.report import markdown
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.registry.promotion import Promotion, promote
from tasks.storage import TableRef
from tasks.tracking import git_commit
from tasks.training.arms import ArmSpec
from tasks.validation.findings import ValidationReport
from tasks.validation.report import render_html, render_markdown
from tasks.validation.validate import validate


class SweepResult(BaseModel):
    """What a flow run came to: the comparison, and what became of the best arm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    run_id: str
    reused: bool
    comparison: Comparison
    promotion: Promotion | None


def swept(
    config: CaseConfig, sweep: Sweep, comparison: Comparison, promotion: Promotion | None
) -> SweepResult:
    """What the chain of a sweep came to."""
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
    tracker.set_tags(run_id, {"thaw.best": best.name})
    tracker.describe_run(run_id, markdown(comparison), "comparison/table.md")
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
    return re.sub("[^a-z0-9-]", "-", f"{config.case}-{what}".lower())


def _link_run(config: CaseConfig, sweep: Sweep) -> None:
    if sweep.tracker.uri.startswith("http"):
        address = f"{sweep.tracker.address}/#/experiments/{sweep.experiment_id}/runs/{sweep.run_id}"
        create_link_artifact(key=artifact_key(config, "run"), link=address, link_text="MLflow run")


def promote_best(
    best: Outcome, floor: Outcome, card: str, config: CaseConfig, spec: ArmSpec, sweep: Sweep
) -> Promotion:
    """Register an arm, let it stand for champion, and keep what became of it.

    Args:
        best: the arm that validation chose.
        floor: the outcome that it has to beat.
        card: of the version.
        config: the case.
        spec: an arm: it names the test part.
        sweep: the open sweep.

    Raises:
        ThawError: the packaged model failed its check, or the registry refused; nothing is left.
    """
    promotion = promote(sweep.tracker, config, best, floor, spec.test, card)
    tags: dict[str, Any] = {
        "thaw.registered": f"{promotion.name} version {promotion.version}",
        "thaw.verdict": promotion.reason,
    }
    sweep.tracker.set_tags(sweep.run_id, tags)
    get_run_logger().info("%s: %s", promotion.status, promotion.reason)
    return promotion
