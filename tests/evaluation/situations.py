"""Comparisons made by hand: figures in, a table out, in which nothing is left to chance."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from tasks.evaluation.conclusion import conclude
from tasks.evaluation.findings import Comparison, Cost, Difference, Entry, Interval

Apart = Callable[[str, str], bool]


def entry(
    name: str,
    figure: float,
    *,
    kind: str = "arm",
    selection: float | None = None,
    seconds: float | None = None,
    trunk: float | None = None,
    seeds: Sequence[int] = (42,),
    metric: str = "f1_micro",
) -> Entry:
    """One row of the table."""
    costs = {}
    if seconds is not None:
        costs = {
            "train_seconds": Cost(value=seconds),
            "seconds_with_trunk": Cost(value=seconds + (trunk or 0.0)),
        }
    if trunk is not None:
        costs["trunk_seconds"] = Cost(value=trunk)
    return Entry(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        strategy=name if kind == "arm" else None,
        point={},
        seeds=tuple(seeds) if kind == "arm" else (),
        selection=figure if selection is None else selection,
        metrics={metric: Interval(mean=figure, low=figure - 0.02, high=figure + 0.02)},
        costs=costs,
    )


def comparison(
    entries: Sequence[Entry],
    reach: float = 0.05,
    apart: Apart | None = None,
    metric: str = "f1_micro",
    test_rows: int = 1000,
) -> Comparison:
    """A table of these entries, with its conclusion.

    Args:
        entries: the rows; of the arms validation chooses the best `selection`.
        reach: half the width of every interval.
        apart: which pairs differ (default: those further apart than `reach`).
        metric: that decides and chooses.
        test_rows: of the table.
    """
    sign = -1 if metric in ("loss", "mae") else 1
    arms = [each for each in entries if each.kind == "arm"]
    best = max(arms, key=lambda each: sign * each.selection)
    gaps = []
    for one, two in combinations(entries, 2):
        gap = one.metrics[metric].mean - two.metrics[metric].mean
        real = abs(gap) > reach if apart is None else gap != 0 and apart(one.name, two.name)
        shared = set(one.seeds) & set(two.seeds) or set(one.seeds) | set(two.seeds) or {0}
        half = min(reach, abs(gap) / 2) if real else max(reach, abs(gap))
        gaps.append(
            Difference(
                metric=metric,
                first=one.name,
                second=two.name,
                difference=gap,
                low=gap - half,
                high=gap + half,
                p=0.001 if real else 1.0,
                seeds=len(shared),
                real=real,
            )
        )
    made = Comparison(
        case="made",
        title="Made by hand",
        data="nothing",
        base_model="none",
        primary=metric,
        select_by=f"val/{metric}",
        metrics=(metric,),
        confidence=0.95,
        resamples=1000,
        test_rows=test_rows,
        labels=3,
        entries=tuple(entries),
        differences=tuple(gaps),
        best=best.name,
        best_seed=42,
        indistinguishable=(),
        reference_source="",
        reference=(),
    )
    even = [
        arm.name
        for arm in arms
        if arm.name != best.name and made.verdict(arm.name, best.name) == "even"
    ]
    made = made.model_copy(update={"indistinguishable": tuple(even)})
    return made.model_copy(update={"conclusion": conclude(made)})


def read_situation(given: Mapping[str, Any]) -> Comparison:
    """A situation of `first_sentences.yaml`."""
    metric = given.get("metric", "f1_micro")
    seeds = given.get("seeds", [42])
    entries = [
        entry(name, row.pop("figure"), metric=metric, seeds=seeds, **row)
        for name, row in ((name, dict(row)) for name, row in given["entries"].items())
    ]
    return comparison(entries, given.get("reach", 0.05), metric=metric)
