"""Cross-validation in one line: the folds of an arm pooled, and how much they differ.

Over all folds every pair is tested once, by a model that has not seen it. So the pooled test
table has a row a pair, and its interval is one over rows, as in every comparison; it describes
the way of training, not any one of the k models.
"""

from collections.abc import Callable, Sequence
from math import isnan, nan
from statistics import fmean, stdev

import numpy as np
import pandas as pd

from tasks.errors import ThawError
from tasks.evaluation.completions import completion_metrics
from tasks.evaluation.findings import Spread
from tasks.evaluation.outcomes import THRESHOLDS, Outcome
from tasks.storage import TableRef, put_table

Figures = Callable[[TableRef], dict[str, float]]
"""The metrics of a test table."""


def figures_of_completions(table: TableRef) -> dict[str, float]:
    """Those of cases that write."""
    return completion_metrics(table.read())


def pool_folds(
    outcomes: Sequence[Outcome], figures: Figures = figures_of_completions
) -> list[Outcome]:
    """One outcome for each arm and seed, in the order of their first folds.

    Test figures are those of the pooled rows; validation figures and costs are means over the
    folds, and `test/<metric>_fold_mean` and `test/<metric>_fold_std` say how the folds differ. An
    outcome without a fold is handed on as it is.

    Args:
        outcomes: of arms, or of a baseline.
        figures: of the pooled rows.
    """
    groups: dict[tuple[str, int | None], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.name, outcome.seed), []).append(outcome)
    return [
        group[0] if group[0].fold is None else _pooled(group, figures) for group in groups.values()
    ]


def fold_spread(group: Sequence[Outcome], metric: str) -> Spread:
    """Mean and standard deviation (over k - 1) of a metric over the folds of one arm; a fold in
    which it has no value (no row of a label) has no say."""
    values = [value for each in group if not isnan(value := each.metrics[metric])]
    deviation = stdev(values) if len(values) > 1 else nan
    return Spread(mean=fmean(values) if values else nan, deviation=deviation)


def concatenated(tables: Sequence[TableRef], origin: str) -> TableRef:
    """Several tables of the same columns as one.

    Raises:
        ThawError: an id is in two of them.
    """
    frame = pd.concat([table.read() for table in tables], ignore_index=True)
    if frame["id"].duplicated().any():
        row = frame["id"][frame["id"].duplicated()].iloc[0]
        raise ThawError(f"The row {row} is in two folds of the {origin}: each is tested once.")
    return put_table(frame, origin)


def _decided(outcome: Outcome) -> TableRef:
    """A fold's test table; where labels have thresholds, with those of its model in every row."""
    if not outcome.thresholds:
        return outcome.test
    frame = outcome.test.read()
    each = pd.Series([np.array(outcome.thresholds)] * len(frame), index=frame.index)
    return put_table(frame.assign(**{THRESHOLDS: each}), outcome.test.origin)


def _pooled(group: list[Outcome], figures: Figures) -> Outcome:
    first = group[0]
    test = concatenated(list(map(_decided, group)), f"{first.name} on all folds")
    common = set.intersection(*(set(each.metrics) for each in group))
    metrics = {
        name: fmean(each.metrics[name] for each in group)
        for name in first.metrics
        if name in common
    }
    for name, value in figures(test).items():
        if f"test/{name}" not in common:  # a fold of which nothing fits has no loss
            continue
        spread = fold_spread(group, f"test/{name}")
        metrics[f"test/{name}"] = value
        metrics[f"test/{name}_fold_mean"] = spread.mean
        metrics[f"test/{name}_fold_std"] = spread.deviation
    return first.model_copy(
        update={
            "metrics": metrics,
            "test": test,
            "thresholds": (),
            "temperature": 1.0,
            "run_id": "",
            "key": "",
            "folder": None,
            "fold": None,
            "curve": (),
        }
    )
