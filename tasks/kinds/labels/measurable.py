"""Whether a part has the rows that a metric is about: asked before anything is trained."""

from collections.abc import Mapping

import numpy as np

from tasks.config import CaseConfig
from tasks.errors import RequestError
from tasks.evaluation.metrics import compute
from tasks.training.arms import ArmSpec
from tasks.training.encoding import multi_hot

MOST_NAMED = 5


def check_measurable(config: CaseConfig, spec: ArmSpec) -> None:
    """Refuse a split in which the selecting or the primary metric has no value.

    Asked of the metric itself, for an answer that knows nothing: whether it has a value depends
    on the rows of the part alone.

    Args:
        config: names the two metrics.
        spec: an arm, for the parts, the labels and what they mean.

    Raises:
        RequestError: with the part, the labels that it lacks, and what would be right.
    """
    labels = list(spec.labels)
    held = {
        name: multi_hot(table.read(["labels"])["labels"].tolist(), labels)
        for name, table in (
            ("train", spec.train),
            ("validation", spec.validation),
            ("test", spec.test),
        )
    }
    for field, metric, part in (
        ("training.select_by", config.training.select_by, "validation"),
        ("evaluation.primary", config.evaluation.primary, "test"),
    ):
        if spec.fold is not None and part == "test":
            continue  # it is judged with the other folds' rows
        truth = held[part]
        knows_nothing = np.full(truth.shape, 1 / max(1, len(labels)), dtype=np.float32)
        thresholds = (0.5,) * len(labels) if spec.task == "multi_label" else None
        figures = compute(
            spec.scoring,
            truth,
            knows_nothing,
            thresholds,
        )
        if np.isnan(figures[metric.partition("/")[2]]):
            raise RequestError(_refusal(field, metric, part, held, labels))


def _refusal(
    field: str, metric: str, part: str, held: Mapping[str, np.ndarray], labels: list[str]
) -> str:
    rows = len(held[part])
    total = sum(truth.sum(0) for truth in held.values())
    absent = np.flatnonzero(held[part].sum(0) == 0).tolist()
    if absent:
        named = [f"{labels[label]!r} ({total[label]:,} in all)" for label in absent[:MOST_NAMED]]
        more = f" and {len(absent) - MOST_NAMED} more labels" if len(absent) > MOST_NAMED else ""
        why = f"none of its {rows:,} rows has the label {', '.join(named)}{more}"
        rows_wanted = "rows of that label"
    else:
        why = f"all of its {rows:,} rows have the same labels"
        rows_wanted = "rows without them"
    loss = "val/loss" if part == "validation" else "test/loss"
    return (
        f"{field}={metric} has no value on the {part} part: {why}. Give more {rows_wanted}, a "
        f"larger split.{part}, or set {field}={loss}."
    )
