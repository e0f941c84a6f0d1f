"""The comparison of a sweep: every strategy and baseline, with intervals, costs and a verdict.

The best arm is chosen on validation; test figures describe it and say which others cannot be
told apart from it, and never choose.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

import numpy as np

from tasks.config import CaseConfig, ReferenceRow
from tasks.config.strategies import WHOLE
from tasks.errors import ThawError
from tasks.evaluation.bootstrap import differences, intervals, resample
from tasks.evaluation.conclusion import conclude
from tasks.evaluation.findings import (
    Comparison,
    Cost,
    Difference,
    Entry,
    Interval,
    LeftOut,
    ReferenceLine,
    Spread,
)
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.wording import lower_is_better, short_name

COSTS = (
    "trainable_parameters",
    "trainable_share",
    "train_seconds",
    "trunk_seconds",
    "seconds_with_trunk",
    "examples_per_second",
    "tokens_per_second",
    "peak_memory_mb",
    "dollars",
)

Groups = Mapping[str, Sequence[Outcome]]


def compare(
    outcomes: Sequence[Outcome],
    config: CaseConfig,
    labels: Sequence[str],
    left_out: Sequence[LeftOut] = (),
    floor: str = "",
) -> Comparison:
    """Compare the arms and baselines of one sweep.

    Args:
        outcomes: all of them, in the order in which tables shall show them; those of one name
            are one entry over several seeds.
        config: says which metrics are shown, which decides, and what the chapter found.
        labels: the labels' names.
        left_out: arms that came to no outcome.
        floor: name of the trivial answer among the baselines.

    Raises:
        RequestError: the configuration names a positive class that there is not.
        ThawError: no arm is among the outcomes, or two of them saw different test rows.
    """
    groups = by_name(outcomes)
    best = best_outcome(outcomes, config)
    primary = short_name(config.evaluation.primary)
    shown = tuple(dict.fromkeys([primary, *map(short_name, config.evaluation.table)]))
    draws = resample(
        groups,
        shown,
        config.evaluation,
        seed=config.split.seed,
        scoring=Scoring.of(config, labels),
    )
    measured, pairs = intervals(draws), differences(draws)
    entries = tuple(_entry(name, groups, config, measured[name]) for name in groups)
    comparison = Comparison(
        case=config.case,
        title=config.title,
        data=config.data.source,
        base_model=config.base_model,
        task=config.task,
        positive=config.data.positive,
        primary=primary,
        select_by=config.training.select_by,
        metrics=shown,
        confidence=config.evaluation.confidence,
        resamples=config.evaluation.bootstrap,
        test_rows=draws.rows,
        labels=len(labels),
        entries=entries,
        differences=pairs,
        best=best.name,
        best_seed=best.seed,
        indistinguishable=_indistinguishable(best.name, entries, pairs, primary),
        reference_source=config.reference.source,
        reference=_reference(config.reference.rows, groups, config),
        notebook_source=config.reference.notebook.source,
        notebook=_reference(config.reference.notebook.rows, groups, config),
        left_out=tuple(left_out),
        floor=floor,
    )
    return comparison.model_copy(update={"conclusion": conclude(comparison)})


def best_outcome(outcomes: Sequence[Outcome], config: CaseConfig) -> Outcome:
    """The arm to register: of the entry that is best on validation, its best seed.

    An entry counts with the mean over its seeds, so that a lucky seed does not win for it; of
    equals, the one that trains fewer parameters.

    Raises:
        ThawError: there is no arm with a usable validation metric.
    """
    metric = config.training.select_by

    def rank(arms: Sequence[Outcome]) -> tuple[float, float]:
        score = _mean(arms, metric)
        parameters = _mean(arms, "cost/trainable_parameters")
        return (-score if lower_is_better(metric) else score, -np.nan_to_num(parameters))

    groups = [
        arms
        for arms in by_name([one for one in outcomes if one.kind == "arm"]).values()
        if not np.isnan(_mean(arms, metric))
    ]
    if not groups:
        raise ThawError(f"No finished arm has a value of {metric}, so none can be chosen.")
    best = max(groups, key=rank)
    return max(best, key=lambda outcome: rank([outcome]))


def by_name(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Outcomes by entry name, each entry's in the order of its seeds, so that they pair up."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.name, []).append(outcome)
    return {
        name: sorted(group, key=lambda outcome: -1 if outcome.seed is None else outcome.seed)
        for name, group in groups.items()
    }


def _mean(outcomes: Sequence[Outcome], metric: str) -> float:
    """Mean over seeds; NaN where a seed lacks the metric."""
    return fmean(outcome.metrics.get(metric, np.nan) for outcome in outcomes)


def _entry(name: str, groups: Groups, config: CaseConfig, metrics: dict[str, Interval]) -> Entry:
    group = groups[name]
    full = next(
        (
            others
            for others in groups.values()
            if others[0].strategy in WHOLE and others[0].point == group[0].point
        ),
        (),
    )
    costs = {}
    for cost in COSTS:
        value = _cost(group, cost)
        reference = _cost(full, cost) if full else np.nan
        if not np.isnan(value):
            known = reference > 0  # False for NaN, too
            costs[cost] = Cost(value=value, ratio=value / reference if known else None)
    return Entry(
        name=name,
        kind=group[0].kind,
        strategy=group[0].strategy,
        point=group[0].point,
        seeds=tuple(outcome.seed for outcome in group if outcome.seed is not None),
        selection=_mean(group, config.training.select_by),
        metrics=metrics,
        costs=costs,
        folds=_folds(group, metrics),
    )


def _cost(outcomes: Sequence[Outcome], cost: str) -> float:
    """Mean over seeds; `seconds_with_trunk` has the whole pass of the trunk, shared or not."""
    if cost != "seconds_with_trunk":
        return _mean(outcomes, f"cost/{cost}")
    trunk = np.nan_to_num(_mean(outcomes, "cost/trunk_seconds"))
    return _mean(outcomes, "cost/train_seconds") + float(trunk)


def _folds(group: Sequence[Outcome], metrics: Iterable[str]) -> dict[str, Spread]:
    """What `pooling.pool_folds` found; nothing without folds."""
    found = {}
    for metric in metrics:
        mean = _mean(group, f"test/{metric}_fold_mean")
        if not np.isnan(mean):
            deviation = _mean(group, f"test/{metric}_fold_std")
            found[metric] = Spread(mean=mean, deviation=deviation)
    return found


def _indistinguishable(
    best: str, entries: Sequence[Entry], pairs: Sequence[Difference], primary: str
) -> tuple[str, ...]:
    arms = {entry.name for entry in entries if entry.kind == "arm"}
    close = {
        pair.second if pair.first == best else pair.first
        for pair in pairs
        if pair.metric == primary
        and best in (pair.first, pair.second)
        and not (pair.real or np.isnan(pair.difference))
    }
    return tuple(entry.name for entry in entries if entry.name in close & arms)


def _reference(
    rows: Sequence[ReferenceRow], groups: Groups, config: CaseConfig
) -> tuple[ReferenceLine, ...]:
    """The chapter's rows, each with the arm of the same strategy that validation prefers, or with
    the baseline of that name."""
    lines = []
    for row in rows:
        same = [
            outcome
            for group in groups.values()
            for outcome in group
            if outcome.kind == "arm" and outcome.strategy == row.strategy
        ]
        named = row.strategy if row.strategy in groups else None
        ours = best_outcome(same, config).name if same else named
        here = {}
        for metric in row.metrics:
            source = metric if "/" in metric else f"test/{metric}"
            source = "cost/train_seconds" if metric == "seconds" else source
            value = _mean(groups[ours], source) if ours else np.nan
            if not np.isnan(value):
                here[metric] = value
        lines.append(ReferenceLine(name=row.name, ours=ours, chapter=row.metrics, here=here))
    return tuple(lines)
