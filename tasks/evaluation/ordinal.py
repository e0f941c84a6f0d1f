"""The figures of cases whose labels are numbers on a scale (stars), where some mistakes are worse.

All but `mae_expected` are about the answer, the most probable class:

    mae           mean distance of the answer from the truth, in the labels' own unit
    off_by_one    share of answers at most 1 away from the truth
    good_bad      share of rows that are told on the right side of the scale's middle, over the
                  rows whose truth is on a side: of 1 to 5, rows of 4 and 5 that are answered with
                  4 or 5, and rows of 1 and 2 answered with 1 or 2. Rows whose truth is the middle
                  (3) do not count; an answer of 3 to a row that does is wrong.
    top_or_rest   share of answers that are the highest label just where the truth is: what the
                  book's notebook calls good/bad
    mae_expected  mean distance of the expected label (the mean weighted by the probabilities)
                  from the truth

The answer minimises neither error by itself: the median of the probabilities would serve `mae`
best, and their mean the squared error.
"""

from collections.abc import Sequence

import numpy as np

from tasks.errors import RequestError
from tasks.evaluation.weighted_part import RowMeans

OF_SCALE = ("mae", "off_by_one", "good_bad", "top_or_rest", "mae_expected")
UNBOUNDED = ("mae", "mae_expected")
"""Figures that are not shares."""

Scale = tuple[float, ...]
"""The number that each class stands for, in column order."""


def scale_of(labels: Sequence[str], ordered: bool) -> Scale | None:
    """The labels as numbers, in their order; None where the case is not ordered.

    Raises:
        RequestError: a label is no number.
    """
    if not ordered:
        return None
    try:
        return tuple(float(label) for label in labels)
    except ValueError as error:
        raise RequestError(
            f"evaluation.ordered=true wants labels that are numbers, and they are "
            f"{', '.join(labels)}: rename them with data.rename_labels, or set it to false."
        ) from error


def ordinal_by_row(truth: np.ndarray, probabilities: np.ndarray, scale: Scale) -> np.ndarray:
    """Each row's contribution to each figure of `OF_SCALE`: (figures, n), NaN where it has none.

    A figure is the mean over the rows that contribute to it.

    Args:
        truth: (n, classes), one 1 in each row.
        probabilities: (n, classes), summing to 1 in each row.
        scale: (classes,).
    """
    values = np.asarray(scale, dtype=np.float64)
    right, answer = values[truth.argmax(1)], values[probabilities.argmax(1)]
    expected = probabilities.astype(np.float64) @ values
    middle, top = (values.min() + values.max()) / 2, values.max()
    side = np.sign(right - middle)
    same_side = (np.sign(answer - middle) == side).astype(np.float64)
    return np.stack(
        [
            np.abs(answer - right),
            (np.abs(answer - right) <= 1).astype(np.float64),
            np.where(side == 0, np.nan, same_side),
            ((answer == top) == (right == top)).astype(np.float64),
            np.abs(expected - right),
        ]
    )


def ordinal_metrics(truth: np.ndarray, probabilities: np.ndarray, scale: Scale) -> dict[str, float]:
    """The figures of `OF_SCALE`; NaN where no row contributes. Arguments as `ordinal_by_row`."""
    figures = {}
    for name, rows in zip(OF_SCALE, ordinal_by_row(truth, probabilities, scale), strict=True):
        known = rows[~np.isnan(rows)]
        figures[name] = float(known.mean()) if len(known) else float("nan")
    return figures


def scale_figures(truth: np.ndarray, probabilities: np.ndarray, scale: Scale) -> list[RowMeans]:
    """The figures of `OF_SCALE` under many row weightings at once (see `weighted.py`)."""
    rows = ordinal_by_row(truth, probabilities, scale)
    return [
        RowMeans({name: values}, ~np.isnan(values))
        for name, values in zip(OF_SCALE, rows, strict=True)
    ]
