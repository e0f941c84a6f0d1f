"""What a sweep's run and Prefect keep of validation and comparison."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.logging import get_run_logger

from flows.sweep import Sweep
from tasks.config import CaseConfig
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.report import markdown
from tasks.tracking import git_commit
from tasks.training.arms import ArmSpec
from tasks.training.reading import Reading
from tasks.validation.findings import Finding, ValidationReport
from tasks.validation.report import render_html, render_markdown


def with_reading(report: ValidationReport, reading: Reading) -> ValidationReport:
    """A validation report that says, too, what the base model's tokenizer makes of the texts."""
    found = tuple(
        Finding(
            severity="block" if reading.blocks and place == 0 else "warn",
            passed=False,
            expectation="tokens of the base model",
            table="examples",
            column="text",
            sentence=sentence,
            advice="",
            checked=reading.texts,
            unexpected=None,
            share=None,
            observed=None,
            offenders=(),
        )
        for place, sentence in enumerate(reading.warnings)
    )
    passed = report.passed and not reading.blocks
    return report.model_copy(update={"findings": report.findings + found, "passed": passed})


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


def provenance(
    config: CaseConfig, spec: ArmSpec, sweep: Sweep, reading: Reading | None
) -> dict[str, str]:
    """What the report's figures rest on."""
    read = {"Training texts in tokens": reading.sentence} if reading else {}
    return {
        "Data": f"{config.data.source}, {spec.train.origin}",
        "Train / validation / test": " / ".join(
            f"{part.rows:,} rows ({part.digest[:12]})"
            for part in (spec.train, spec.validation, spec.test)
        ),
        "Base model": f"{config.base_model} ({spec.base_digest[:12]})",
        **read,
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
