"""What a sweep's run and Prefect keep of validation and comparison."""

import tempfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger

from flows.pages import PAGE_TAG, artifact_key
from flows.showing import primary_figures, verdict_of
from flows.sweep import Sweep
from tasks.config import PARTS, CaseConfig
from tasks.evaluation.bills import bill_figures, bills, draw_bills, told_bills
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.pages import drawing
from tasks.evaluation.report import SPEED_MARK, markdown
from tasks.kinds.values import Start
from tasks.registry.speed import P50, told_speed
from tasks.storage import TableRef
from tasks.tracking import git_commit
from tasks.training.arms import ArmSpec
from tasks.training.reading import Reading
from tasks.validation.findings import Finding, ValidationReport
from tasks.validation.report import render_html, render_markdown

PAGE = "comparison/report.html"
BILLS = "comparison/cost_over_answers.svg"


def with_reading(report: ValidationReport, reading: Reading) -> ValidationReport:
    """A validation report that says, too, what the base model's tokenizer makes of the texts."""
    said = {finding.sentence for finding in report.findings}
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
        if sentence not in said  # of another base model
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
        key=artifact_key(config.case, "validation"),
        markdown=render_markdown(report),
        description=report.source,
    )
    logger = get_run_logger()
    for finding in report.failed("warn"):
        logger.warning("%s", finding.sentence)
    report.raise_if_blocked()


def parts_csv(parts: Mapping[str, TableRef]) -> str:
    """The part of each row, as CSV: its id, and its place in the source where that is known."""
    frames: list[pd.DataFrame] = []
    for name in PARTS:
        columns: list[str] = [each for each in ("id", "row") if each in parts[name].columns]
        frames.append(parts[name].read(columns).assign(part=name))
    return str(pd.concat(frames).to_csv(index=False))


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
    tracker.log_text(run_id, page, PAGE)
    tracker.log_text(run_id, markdown(comparison), "comparison/table.md")
    tracker.log_text(run_id, comparison.model_dump_json(indent=2), "comparison/comparison.json")
    with tempfile.TemporaryDirectory(prefix="thaw-plots-") as scratch:
        for name, picture in plots.items():
            tracker.log_bytes(run_id, picture, f"comparison/{name}", Path(scratch))
    tracker.log_metrics(run_id, {k: v for k, v in best.metrics.items() if k.startswith("test/")})
    costs = ("cost/train_seconds", "cost/trainable_share")
    figures = {name: best.metrics[name] for name in costs if name in best.metrics}
    tracker.log_metrics(run_id, figures | primary_figures(comparison, comparison.best))
    tracker.set_tags(run_id, {"thaw.best": best.name, "thaw.headline": comparison.headline})
    described = described_run(comparison, tracker.tags(run_id).get(PAGE_TAG))
    tracker.describe_run(run_id, described, "comparison/table.md")
    create_markdown_artifact(
        key=artifact_key(config.case, "comparison"),
        markdown=markdown(comparison),
        description=comparison.headline,
    )
    create_table_artifact(
        key=artifact_key(config.case, "figures"),
        table=figures_table(comparison),
        description=comparison.headline,
    )


def described_run(comparison: Comparison, flow_run: str | None) -> str:
    """What MLflow's page says of a sweep: what it came to, where the rest is, and the tables.

    Args:
        comparison: of the sweep.
        flow_run: the address of Prefect's page of the flow run, where there is one.
    """
    headline, _, rest = markdown(comparison, titled=False).partition("\n\n")
    links = [f"The whole report is `{PAGE}` among the artifacts."]
    if flow_run:
        links.append(f"[The flow run in Prefect]({flow_run})")
    return f"{headline}\n\n{' '.join(links)}\n\n{rest}"


def tell_speed(
    best: Outcome, outcomes: Sequence[Outcome], config: CaseConfig, sweep: Sweep
) -> None:
    """Put how fast the chosen arm's package answers, and what answers cost where prices are given,
    on the parent run and its page, once it has been packaged."""
    tracker, run_id = sweep.tracker, sweep.run_id
    figures = _speed(best, config, sweep)
    if not figures:
        return
    said = f'<p class="note">{escape(best.name)}, packaged: {told_speed(figures)}</p>'
    found = bills(config.costs, best, figures[P50] / 1000, outcomes)
    if found:
        picture, told = draw_bills(found, config.costs), told_bills(found, config.costs.currency)
        with tempfile.TemporaryDirectory(prefix="thaw-plots-") as scratch:
            tracker.log_bytes(run_id, picture, BILLS, Path(scratch))
        shown = f'<div class="wide panels" tabindex="0"><div>{drawing(picture)}</div></div>'
        said += f"<figure>{shown}<figcaption>{escape(told)}</figcaption></figure>"
        figures |= bill_figures(found)
    tracker.log_metrics(run_id, figures)
    page = tracker.read_text(run_id, PAGE)
    tracker.log_text(run_id, page.replace(SPEED_MARK, said), PAGE)


def _speed(best: Outcome, config: CaseConfig, sweep: Sweep) -> dict[str, float]:
    """What was measured of the arm's package; empty where it has none.

    Another sweep may have packaged the same arm, under a run of its own.
    """
    tracker, name = sweep.tracker, config.registry.name or config.case
    versions = [tracker.alias(name, alias) for alias in ("champion", "challenger")]
    same = [each.run_id for each in versions if each and each.tags.get("thaw.arm") == best.key]
    for run in (best.run_id, *filter(None, same)):
        found = tracker.metrics(run)
        if P50 in found:
            return {name: value for name, value in found.items() if name.startswith("latency/")}
    return {}


def figures_table(comparison: Comparison) -> list[dict[str, str | float | None]]:
    """The comparison a row an entry, for Prefect's page; figures that there are none of are left
    empty."""
    rows: list[dict[str, str | float | None]] = []
    for entry in comparison.entries:
        found = primary_figures(comparison, entry.name)
        seconds = entry.costs.get("train_seconds")
        rows.append(
            {
                "what": entry.name,
                comparison.metric_title(comparison.primary): _short(found.get("primary")),
                "from": _short(found.get("primary_low")),
                "to": _short(found.get("primary_high")),
                "verdict": verdict_of(comparison, entry.name),
                "seconds": None if seconds is None else _short(seconds.value),
            }
        )
    return rows


def _short(value: float | None) -> float | None:
    """Of four digits: the page shows all that it is given, and has no room for more."""
    return None if value is None else float(f"{value:.4g}")


def provenance(
    start: Start[Any], spec: ArmSpec, sweep: Sweep, reading: Reading | None
) -> dict[str, str]:
    """What the report's figures rest on."""
    config: CaseConfig = start.config
    bases = start.bases or {config.base_model: spec.base_digest}
    read = {"Training texts in tokens": reading.sentence} if reading else {}
    return {
        "Data": f"{config.data.source}, {spec.train.origin}",
        "Train / validation / test": " / ".join(
            f"{part.rows:,} rows ({part.digest[:12]})"
            for part in (spec.train, spec.validation, spec.test)
        ),
        "Base model": ", ".join(f"{base} ({digest[:12]})" for base, digest in bases.items()),
        **read,
        "Git commit": git_commit() or "not a checkout",
        "MLflow run": sweep.run_id,
        "Configuration": config.model_dump_json(indent=2, exclude={"reference"}),
    }
