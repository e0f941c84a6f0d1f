"""The comparison for readers: in the terminal, as Markdown, and as one self-contained page."""

import base64
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tasks.evaluation.findings import Comparison
from tasks.evaluation.label_table import labels_sheet, per_label
from tasks.evaluation.tables import (
    Cell,
    Sheet,
    against_best,
    chapter,
    costs,
    matrix,
    quality,
)

__all__ = ["html", "markdown", "per_label", "terminal"]

_STYLES = {"": "", "better": "green", "worse": "red", "even": "dim"}
_WIDTH = 100  # columns of the terminal that the tables are made for
_NAMES = 30  # at most, for the names on the left
_GAP = 3  # between two columns
_CAPTIONS = {
    "quality_against_cost": "Quality against cost: bars are the intervals of the table above, "
    "dashed lines the baselines.",
    "learning_curves": "Learning curves.",
    "precision_recall": "Precision and recall of the chosen arm on the test part.",
    "confusion_matrix": "Which classes the chosen arm takes for which, on the test part.",
    "reliability": "Whether the probabilities of the chosen arm mean what they say.",
}


def terminal(comparison: Comparison) -> RenderableType:
    """The comparison for a terminal of 100 columns; what does not fit goes into a second table."""
    parts: list[RenderableType] = [Text(comparison.conclusion), Text()]
    for sheet in _summary(comparison):
        parts += [*_slices(sheet), Text(sheet.note, style="dim"), Text()]
    return Group(*parts[:-1])


def markdown(comparison: Comparison) -> str:
    """The comparison as Markdown tables."""
    parts = [f"# {_plain(comparison.title)}", _plain(comparison.conclusion)]
    for sheet in [*_summary(comparison), matrix(comparison, comparison.primary)]:
        lines = [
            "| " + " | ".join(map(_plain, sheet.columns)) + " |",
            "|" + " --- |" + " ---: |" * (len(sheet.columns) - 1),
        ]
        for row in sheet.rows:
            lines.append("| " + " | ".join(map(_markdown_cell, row)) + " |")
        parts += [f"## {_plain(sheet.heading)}", "\n".join(lines), _plain(sheet.note)]
    return "\n\n".join(filter(None, parts)) + "\n"


def html(
    comparison: Comparison,
    plots: Mapping[str, bytes],
    per_label: pd.DataFrame,
    title: str,
    provenance: Mapping[str, str],
) -> str:
    """The comparison as one page that loads nothing: styles and pictures are inside it.

    Args:
        comparison: what to show.
        plots: file name -> PNG, as `plots.draw_all` gives them.
        per_label: of the chosen arm, as the function of that name gives it.
        title: the page's heading.
        provenance: what the figures rest on (data digest, commit, configuration); a value of
            several lines is shown as it stands.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    name = comparison.best
    if comparison.best_seed is not None and len(comparison.entry(name).seeds) > 1:
        name = f"{name}, seed {comparison.best_seed}"
    others = [metric for metric in comparison.metrics if metric != comparison.primary]
    return environment.get_template("report.html.j2").render(
        title=title,
        comparison=comparison,
        summary=_summary(comparison),
        matrix=matrix(comparison, comparison.primary),
        others=[(comparison.metric_title(metric), matrix(comparison, metric)) for metric in others],
        labels=labels_sheet(per_label, name),
        pictures=[
            (_CAPTIONS.get(Path(file).stem, file), base64.b64encode(picture).decode())
            for file, picture in plots.items()
        ],
        provenance=dict(provenance),
    )


def _summary(comparison: Comparison) -> list[Sheet]:
    """The tables that every form shows."""
    sheets = [quality(comparison), costs(comparison), chapter(comparison)]
    if len(comparison.entries) > 1:
        sheets.insert(2, against_best(comparison))
    return [sheet for sheet in sheets if sheet]


def _slices(sheet: Sheet) -> list[Table]:
    """A sheet as tables that fit the width, each with the names on its left."""
    widths = [_width(sheet, column) for column in range(len(sheet.columns))]
    widths[0] = min(widths[0], _NAMES)
    slices: list[list[int]] = []
    for column in range(1, len(widths)):
        used = widths[0] + sum(widths[other] + _GAP for other in slices[-1]) if slices else _WIDTH
        if used + _GAP + widths[column] > _WIDTH:
            slices.append([])
        slices[-1].append(column)
    tables: list[Table] = []
    for chosen in slices:
        table = Table(
            title=None if tables else Text(sheet.heading, style="bold"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
        )
        for column in (0, *chosen):
            table.add_column(
                Text(sheet.columns[column]),
                justify="right" if column else "left",
                width=widths[column],
                overflow="fold",
            )
        for row in sheet.rows:
            table.add_row(*(_terminal_cell(row[column]) for column in (0, *chosen)))
        tables.append(table)
    return tables


def _width(sheet: Sheet, column: int) -> int:
    """Room for the longest cell whole, and for the heading over at most three lines."""
    cells = [row[column] for row in sheet.rows]
    heading = sheet.columns[column]
    return max(
        *(len(text) for cell in cells for text in (cell.main, cell.remark)),
        *(len(word) for word in heading.split() or [""]),
        len(heading) // 3 + 2 if heading else 0,
    )


def _terminal_cell(cell: Cell) -> Text:
    text = Text(cell.main, style=_STYLES[cell.tone])
    return text.append(f"\n{cell.remark}", style="dim") if cell.remark else text


def _markdown_cell(cell: Cell) -> str:
    main = _plain(cell.main)
    if cell.tone in ("better", "worse"):
        main = f"**{main}**"
    return f"{main} ({_plain(cell.remark)})" if cell.remark else main


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands: names may hold `_`, `|` or `<`."""
    return re.sub(r"([\\`*_|<\[\]])", r"\\\1", text).replace("\n", " ")
