"""The comparison's tables, before they take the form of a terminal, Markdown or a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.config.strategies import WHOLE
from tasks.evaluation.findings import Comparison, Difference, Entry
from tasks.evaluation.wording import (
    amount,
    figure,
    lower_is_better,
    percent,
    ratio,
    share,
    signed,
    signed_span,
    span,
)

Tone = Literal["", "better", "worse", "even"]


@dataclass(frozen=True)
class Cell:
    """What a cell says, a smaller remark to it, and how it is to be shown.

    `better` and `worse` are differences that the test part bears out; `even` is one that it
    does not.
    """

    main: str
    remark: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Sheet:
    """A table: its heading, a note on how to read it, column names and rows of cells."""

    heading: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def quality(comparison: Comparison) -> Sheet:
    """Every entry's shown test metrics with their intervals."""
    seeds = max((len(arm.seeds) for arm in comparison.arms), default=1)
    over = f" and {seeds} seeds" if seeds > 1 else ""
    return Sheet(
        heading="Quality on the test part",
        note=(
            f"With each figure its {percent(comparison.confidence)} interval: bootstrap over "
            f"{comparison.test_rows:,} rows{over}, {comparison.resamples:,} resamples. "
            "Chosen: best on validation; ≈: not distinguishable from it in "
            f"{comparison.metric_title(comparison.primary)}."
        ),
        columns=("", *(_capital(comparison.metric_title(metric)) for metric in comparison.metrics)),
        rows=tuple(
            (
                _name(entry, comparison),
                *(
                    Cell(
                        figure(entry.metrics[metric].mean),
                        span(entry.metrics[metric].low, entry.metrics[metric].high),
                    )
                    for metric in comparison.metrics
                ),
            )
            for entry in comparison.entries
        ),
    )


def costs(comparison: Comparison) -> Sheet:
    """Every entry's costs, each with its ratio to `full` where that is in the sweep."""
    forms = {
        "trainable_parameters": ("Trainable parameters", amount),
        "trainable_share": ("Share of the model", share),
        "train_seconds": ("Training, seconds", amount),
        "trunk_seconds": ("Trunk pass, seconds", amount),
        "examples_per_second": ("Examples a second", amount),
        "tokens_per_second": ("Tokens a second", amount),
        "peak_memory_mb": ("Peak memory, MB", amount),
        "dollars": ("Dollars (estimate)", amount),
    }
    del forms["examples_per_second" if comparison.task == "completion" else "tokens_per_second"]
    if not comparison.hosted:  # only what runs at a server has a bill
        del forms["dollars"]
    rows = []
    for entry in comparison.entries:
        cells = [_name(entry, comparison)]
        for cost, (_, form) in forms.items():
            known = entry.costs.get(cost)
            compared = known.ratio if known and entry.strategy not in WHOLE else None
            cells.append(
                Cell(form(known.value if known else None), ratio(compared) if compared else "")
            )
        rows.append(tuple(cells))
    ratios = any(cost.ratio for entry in comparison.entries for cost in entry.costs.values())
    strategies = [entry.strategy for entry in comparison.entries]
    whole = next((name for name in strategies if name in WHOLE), None)
    shared = any("trunk_seconds" in entry.costs for entry in comparison.entries)
    notes = [
        f"With each cost, how many times that of {whole} it is." if ratios else "",
        "The trunk pass runs the frozen part once; arms of a sweep share it." if shared else "",
    ]
    return Sheet(
        heading="Cost",
        note=" ".join(filter(None, notes)),
        columns=("", *(title for title, _ in forms.values())),
        rows=tuple(rows),
    )


def against_best(comparison: Comparison) -> Sheet:
    """Every other entry's primary metric less that of the chosen arm, with a verdict."""
    verdicts = {"better": "better", "worse": "worse", "even": "not distinguishable"}
    rows = []
    for entry in comparison.entries:
        if entry.name != comparison.best:
            cell = _gap(comparison.difference(entry.name, comparison.best))
            verdict = Cell(verdicts[cell.tone], tone=cell.tone) if cell.tone else Cell(cell.main)
            rows.append((Cell(entry.name), Cell(cell.main), Cell(cell.remark), verdict))
    return Sheet(
        heading=f"Against {comparison.best} (chosen on validation)",
        note=f"{_capital(comparison.metric_title(comparison.primary))} on the same test rows.",
        columns=("", "Difference", f"{percent(comparison.confidence)} interval", "Verdict"),
        rows=tuple(rows),
    )


def matrix(comparison: Comparison, metric: str) -> Sheet:
    """Differences of every pair of entries on one metric: row minus column."""
    names = [entry.name for entry in comparison.entries]
    return Sheet(
        heading=f"Differences in {comparison.metric_title(metric)}",
        note=(
            "Row minus column, on the same test rows. Only where a difference stands out does "
            "its interval exclude zero; the others cannot be told apart. Intervals are not "
            "corrected for the number of pairs."
        ),
        columns=("", *names),
        rows=tuple(
            (
                Cell(row),
                *(
                    Cell("") if row == other else _gap(comparison.difference(row, other, metric))
                    for other in names
                ),
            )
            for row in names
        ),
    )


def over_folds(comparison: Comparison) -> Sheet | None:
    """Each entry's metrics as mean and standard deviation over folds; None without folds."""
    if not any(entry.folds for entry in comparison.entries):
        return None
    return Sheet(
        heading="Over the folds",
        note=(
            "Mean over the folds, and the standard deviation between them. The first table pools "
            "the folds: every row is tested once, and a fold counts by its rows."
        ),
        columns=("", *(_capital(comparison.metric_title(metric)) for metric in comparison.metrics)),
        rows=tuple(
            (
                _name(entry, comparison),
                *(
                    Cell(figure(found.mean), f"± {figure(found.deviation)}")
                    if (found := entry.folds.get(metric))
                    else Cell(figure(None))
                    for metric in comparison.metrics
                ),
            )
            for entry in comparison.entries
        ),
    )


def chapter(comparison: Comparison) -> Sheet | None:
    """The chapter's results, each followed by ours of the same strategy; None without any."""
    if not comparison.reference:
        return None
    metrics = list(dict.fromkeys(name for row in comparison.reference for name in row.chapter))
    rows = []
    for line in comparison.reference:
        rows.append((Cell(line.name, "chapter"), *_figures(metrics, line.chapter)))
        if line.ours:
            rows.append((Cell(line.ours, "this run"), *_figures(metrics, line.here)))
    return Sheet(
        heading="Beside the chapter",
        note=(
            f"{comparison.reference_source}. Here: {comparison.data}, {comparison.base_model}; "
            "figures compare only as far as data, model and split are the same."
        ),
        columns=("", *(_capital(comparison.metric_title(metric)) for metric in metrics)),
        rows=tuple(rows),
    )


def _name(entry: Entry, comparison: Comparison) -> Cell:
    if entry.name == comparison.best:
        return Cell(entry.name, "chosen")
    if entry.name in comparison.indistinguishable:
        return Cell(entry.name, "≈ chosen")
    return Cell(entry.name, "" if entry.kind == "arm" else entry.kind)


def _gap(gap: Difference) -> Cell:
    shown, interval = signed(gap.difference), signed_span(gap.low, gap.high)
    if np.isnan([gap.difference, gap.low, gap.high]).any():
        return Cell(shown, interval)
    if not gap.real:
        return Cell(shown, interval, "even")
    gained = (gap.low > 0) != lower_is_better(gap.metric)
    return Cell(shown, interval, "better" if gained else "worse")


def _figures(metrics: Sequence[str], values: dict[str, float]) -> list[Cell]:
    return [
        Cell(amount(values.get(metric)) if metric == "seconds" else figure(values.get(metric)))
        for metric in metrics
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
