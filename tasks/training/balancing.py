"""Balancing the training part of a single-label case by leaving rows out."""

from dataclasses import replace

import numpy as np

from tasks.training.encoding import EncodedPart


def balanced_rows(truth: np.ndarray, seed: int) -> np.ndarray:
    """Positions of a seeded sample in which every class is as frequent as the rarest.

    Args:
        truth: (n, classes), one 1 a row; a class without rows is left aside.
        seed: of the sample.

    Returns:
        Positions in rising order.
    """
    classes = [np.flatnonzero(column) for column in truth.T if column.any()]
    size = min(len(rows) for rows in classes)
    generator = np.random.default_rng(seed)
    chosen = [generator.choice(rows, size, replace=False) for rows in classes]
    return np.sort(np.concatenate(chosen))


def take(part: EncodedPart, rows: np.ndarray) -> EncodedPart:
    """The part reduced to some of its rows; places in a trunk's store stay as they were."""
    return replace(
        part,
        rows=part.rows.select(rows.tolist()),
        ids=[part.ids[row] for row in rows],
        truth=part.truth[rows],
    )
