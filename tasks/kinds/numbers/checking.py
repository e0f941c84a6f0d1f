"""What a case that learns a number cannot do is refused before anything is trained."""

import numpy as np

from tasks.config import NumbersCase
from tasks.errors import RequestError
from tasks.evaluation.numeric import AT_MOST_ONE, CORRELATIONS
from tasks.kinds.numbers.figures import numbers_of_part
from tasks.kinds.refusing import refuse_without_effect, require_judge
from tasks.training.arms import ArmSpec

JUDGES = ("mae", "rmse", "r2", "loss")
"""Figures by which one model can stand for another; a rank correlation does not see numbers that
are all far off."""
_KEPT = {
    "training.backend": ("local", "it trains here"),
    "training.class_weights": (False, "there are no labels"),
    "training.solve_head": (True, "heads of labels alone are solved"),
    "training.start_from_head": (False, "heads of labels alone are solved"),
    "data.labels": (None, "there are no labels"),
    "data.rename_labels": ({}, "there are no labels"),
    "data.numeric_labels": (False, "every number is read as one"),
    "data.positive": (None, "there are no classes"),
    "data.min_label_count": (1, "numbers need not occur twice"),
}
"""Field -> the value that it has to keep, and why."""


def check_numbers(config: NumbersCase) -> None:
    """Refuse fields that mean nothing where a number is learned.

    Raises:
        RequestError: the first of them.
    """
    refuse_without_effect(config, {"model.head": ("tokens", "linear", "a number is no word")})
    for field, (kept, reason) in _KEPT.items():
        section, _, name = field.partition(".")
        value = getattr(getattr(config, section), name)
        if value != kept:
            raise RequestError(
                f"{field}={str(value).lower()} does not go with {config.case}, since {reason}: "
                f"leave it at {str(kept).lower()}."
            )
    if config.data.label_role is None:
        raise RequestError(
            f"{config.case} learns a number and names no role that holds it: set data.label_role."
        )
    require_judge(config, JUDGES)


def check_spread(config: NumbersCase, spec: ArmSpec) -> None:
    """Refuse parts whose numbers are all equal, where that leaves nothing to learn or to measure.

    Raises:
        RequestError: with the part and its number.
    """
    asked = [("train", spec.train, "nothing can be learned from it")]
    for field, metric, name in (
        ("training.select_by", config.training.select_by, "validation"),
        ("evaluation.primary", config.evaluation.primary, "test"),
    ):
        if metric.partition("/")[2] in (*AT_MOST_ONE, *CORRELATIONS):
            asked.append((name, getattr(spec, name), f"{field}={metric} has no value on it"))
    for name, part, so in asked:
        numbers = numbers_of_part(part)
        if np.ptp(numbers) == 0:
            raise RequestError(
                f"All {len(numbers):,} rows of the {name} part have the number {numbers[0]:g}, so "
                f"{so}: give rows with other numbers."
            )
        if not np.isfinite(numbers.std()):
            raise RequestError(
                f"The numbers of the {name} part are so large that their spread cannot be told: "
                "give them in a larger unit."
            )
