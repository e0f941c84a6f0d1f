"""The comparison's tables, before they take the form of a terminal, Markdown or a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.config.strategies import WHOLE
from tasks.evaluation.findings import FEWEST, Comparison, Difference, Entry, ReferenceLine
from tasks.evaluation.wording import (
    NOT_ESTIMABLE,
    amount,
    figure,
    limits,
    over_seeds,
    percent,
    ratio,
    share,
    signed,
    signed_span,
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
    picture: str = ""
    """The address of one that stands above, on a page."""


@dataclass(frozen=True)
class Sheet:
    """A table: its heading, a note on how to read it, column names and rows of cells."""

    heading: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def quality(comparison: Comparison) -> Sheet:
    """Every entry's shown test metrics with their intervals, and what it costs to train."""
    passes = any("trunk_seconds" in entry.costs for entry in comparison.entries)
    fewest, seeds = comparison.seeds
    over = f" and {seeds} seeds" if seeds > 1 else ""
    scope = over_seeds(seeds)
    if fewest < seeds:
        over = f" and each arm's {fewest} to {seeds} seeds"
        scope = ", on the seeds that both have"
    return Sheet(
        heading="Quality on the test part",
        note=(
            f"With each figure its {percent(comparison.confidence)} interval over "
            f"{comparison.test_rows:,} rows{over}, {comparison.resamples:,} resamples. "
            "Chosen: best on validation; ≈: not distinguishable from it in "
            f"{comparison.metric_title(comparison.primary)}"
            f"{scope}.{_not_estimable(comparison)}{_passes(comparison)}"
        ),
        columns=(
            "",
            *(_capital(comparison.metric_title(metric)) for metric in comparison.metrics),
            "Training, seconds",
            *(["With the trunk's pass"] if passes else []),
        ),
        rows=tuple(
            (
                _name(entry, comparison),
                *(
                    Cell(
                        figure(found.mean, digits := comparison.digits(metric)),
                        limits(found.mean, found.low, found.high, digits),
                    )
                    for metric in comparison.metrics
                    if (found := entry.metrics[metric])
                ),
                _cost(entry, "train_seconds", amount),
                *([_cost(entry, "seconds_with_trunk", amount)] if passes else []),
            )
            for entry in comparison.entries
        )
        + tuple(
            (
                Cell(arm.title, "diverged"),
                *[Cell(figure(None))] * (len(comparison.metrics) + (2 if passes else 1)),
            )
            for arm in comparison.left_out
        ),
    )


def _not_estimable(comparison: Comparison) -> str:
    """What the words mean, where they stand."""
    known = [entry.metrics[name] for entry in comparison.entries for name in comparison.metrics]
    if all(interval.estimable for interval in known):
        return ""
    return (
        f" Not estimable: a label that the figure rests on has fewer than {FEWEST} test rows, too "
        "few to say how far others would differ."
    )


def _passes(comparison: Comparison) -> str:
    """Who shares whose pass of the trunk."""
    shared = {
        (entry.name, *comparison.sharing_trunk(entry))
        for entry in comparison.arms
        if comparison.sharing_trunk(entry)
    }
    named = {tuple(sorted(names)): names for names in sorted(shared)}
    return "".join(f" One pass of the trunk serves {', '.join(names)}." for names in named.values())


def _cost(entry: Entry, cost: str, form: Callable[[float | None], str]) -> Cell:
    """A cost, and how many times that of the whole model it is."""
    known = entry.costs.get(cost)
    compared = known.ratio if known and entry.strategy not in WHOLE else None
    return Cell(form(known.value if known else None), ratio(compared) if compared else "")


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
        cells = [_cost(entry, cost, form) for cost, (_, form) in forms.items()]
        rows.append((_name(entry, comparison), *cells))
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
    said = {"better": "better", "worse": "worse", "even": "not distinguishable"}
    rows = []
    for entry in comparison.entries:
        if entry.name != comparison.best:
            gap = comparison.difference(entry.name, comparison.best)
            cell = _gap(gap, comparison.digits(gap.metric))
            verdict = Cell(cell.main)
            if cell.tone:
                verdict = Cell(said[cell.tone], over_seeds(gap.seeds).strip(), cell.tone)
            cells = (Cell(cell.main), Cell(cell.remark), Cell(figure(gap.p)), verdict)
            rows.append((Cell(entry.name), *cells))
    pairs = len(comparison.entries) * (len(comparison.entries) - 1) // 2
    return Sheet(
        heading=f"Against {comparison.best} (chosen on validation)",
        note=(
            f"{_capital(comparison.metric_title(comparison.primary))} on the same test rows. The "
            "interval is each difference's own; p is that of a test that swaps the two's answers "
            f"at random, corrected for all {pairs} pairs of entries (Holm), and decides the "
            f"verdict at {1 - comparison.confidence:.2g}, where the interval bears it out."
        ),
        columns=(
            "",
            "Difference",
            f"{percent(comparison.confidence)} interval",
            "Corrected p",
            "Verdict",
        ),
        rows=tuple(rows),
    )


def matrix(comparison: Comparison, metric: str) -> Sheet:
    """Differences of every pair of entries on one metric: row minus column."""
    names = [entry.name for entry in comparison.entries]
    return Sheet(
        heading=f"Differences in {comparison.metric_title(metric)}",
        note=(
            "Row minus column, on the same test rows, with the interval of each difference alone. "
            "Differences that stand out are real with all pairs of this table counted; the others "
            "cannot be told apart."
        ),
        columns=("", *names),
        rows=tuple(
            (
                Cell(row),
                *(
                    Cell("")
                    if row == other
                    else _gap(comparison.difference(row, other, metric), comparison.digits(metric))
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
                    Cell(
                        figure(found.mean, digits := comparison.digits(metric)),
                        f"± {figure(found.deviation, digits)}",
                    )
                    if (found := entry.folds.get(metric))
                    else Cell(figure(None))
                    for metric in comparison.metrics
                ),
            )
            for entry in comparison.entries
        ),
    )


def chapter(comparison: Comparison) -> Sheet | None:
    """What the chapter's text prints, each followed by ours of the same strategy; None without."""
    return _beside(comparison, "chapter", comparison.reference_source, comparison.reference)


def notebook(comparison: Comparison) -> Sheet | None:
    """The same of what the chapter's notebooks came to."""
    source = comparison.notebook_source
    return _beside(comparison, "notebook", source, comparison.notebook)


def _beside(
    comparison: Comparison, what: str, source: str, lines: Sequence[ReferenceLine]
) -> Sheet | None:
    if not lines:
        return None
    metrics = list(dict.fromkeys(name for row in lines for name in row.chapter))
    rows = []
    for line in lines:
        rows.append((Cell(line.name, what), *_figures(metrics, line.chapter)))
        if line.ours:
            rows.append((Cell(line.ours, "this run"), *_figures(metrics, line.here)))
    return Sheet(
        heading="Beside the chapter" if what == "chapter" else "Beside the chapter's notebook",
        note=(
            f"{source}. Here: {comparison.data}, {comparison.base_model}; "
            "figures compare only as far as data, model and split are the same."
        ),
        columns=("", *(_capital(_titled(comparison, metric)) for metric in metrics)),
        rows=tuple(rows),
    )


def _titled(comparison: Comparison, metric: str) -> str:
    """A metric's title, with its part where that is not the test part."""
    part = {"train": ", training", "val": ", validation"}.get(metric.partition("/")[0], "")
    return f"{comparison.metric_title(metric)}{part}"


def _name(entry: Entry, comparison: Comparison) -> Cell:
    if entry.name == comparison.best:
        return Cell(entry.name, "chosen")
    if entry.name in comparison.indistinguishable:
        return Cell(entry.name, "≈ chosen")
    return Cell(entry.name, "" if entry.kind == "arm" else entry.kind)


def _gap(gap: Difference, digits: int) -> Cell:
    shown = signed(gap.difference, digits)
    interval = signed_span(gap.low, gap.high, digits)
    if gap.verdict == "unknown":
        return Cell(shown, interval)
    return Cell(shown, NOT_ESTIMABLE if np.isnan(gap.low) else interval, gap.verdict)


def _figures(metrics: Sequence[str], values: dict[str, float]) -> list[Cell]:
    return [
        Cell(amount(values.get(metric)) if metric == "seconds" else figure(values.get(metric)))
        for metric in metrics
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
