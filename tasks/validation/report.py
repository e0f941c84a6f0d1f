"""The validation report as one HTML page that needs no network (its JSON: `model_dump_json`)."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.validation.findings import Finding, ValidationReport
from tasks.validation.sentences import percent


def render_html(report: ValidationReport, title: str, origin: str) -> str:
    """A self-contained page: status, counts, every expectation, and the labels as bars.

    Args:
        report: what a validation found.
        title: heading of the page.
        origin: the data in words, as the reader knows it (file, digest).
    """
    # Everything that is shown may come from the data: autoescape holds for all of it.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    return environment.get_template("report.html.j2").render(
        report=report,
        title=title,
        origin=origin,
        blocking=report.failed("block"),
        warnings=report.failed("warn"),
        findings=sorted(report.findings, key=_urgency),
        widest=max((label.share for label in report.labels), default=0.0) or 1.0,
    )


def _urgency(finding: Finding) -> int:
    """Sort key: what blocks, what warns, what is fulfilled (the suite's order within each)."""
    if finding.passed:
        return 2
    return 0 if finding.severity == "block" else 1


def render_markdown(report: ValidationReport) -> str:
    """The same in brief, for Prefect's artifact page: counts, and a row for each expectation."""
    lines = [
        f"**{'Passed' if report.passed else 'Blocked'}**: {report.rows:,} rows from "
        f"{report.source}, {report.usable_rows:,} of them usable.",
        "",
        "| | expectation | column | found |",
        "| --- | --- | --- | --- |",
    ]
    for finding in sorted(report.findings, key=_urgency):
        mark = "ok" if finding.passed else finding.severity
        cells = (mark, finding.expectation, finding.column or finding.table, finding.sentence)
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
