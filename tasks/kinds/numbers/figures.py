"""What a model, or a reference, makes of a part's numbers: a row each, and the figures of them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.config import NumbersConfig
from tasks.errors import DivergedError
from tasks.evaluation.numeric import NUMBER, PREDICTED, numeric_parts
from tasks.evaluation.outcomes import groups_of
from tasks.evaluation.scored import put_scored, table_metrics
from tasks.kinds.numbers.reading import numbers_in
from tasks.storage import TableRef


@dataclass(frozen=True)
class Scale:
    """What numbers are learned on: their distance from the training part's mean, in its standard
    deviations."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, train: TableRef) -> Self:
        """That of a stored training part."""
        numbers = numbers_of_part(train)
        return cls(float(numbers.mean()), float(numbers.std()))

    def standard(self, numbers: np.ndarray) -> np.ndarray:
        """In units to standardised."""
        return (numbers - self.mean) / self.deviation

    def in_units(self, standard: np.ndarray) -> np.ndarray:
        """Standardised to in units."""
        return standard * self.deviation + self.mean


def numbers_of_part(part: TableRef) -> np.ndarray:
    """(rows,) in units."""
    return numbers_in(part.read(["labels"]))


def losses(errors: np.ndarray, config: NumbersConfig | None) -> np.ndarray:
    """The loss of each standardised error, as `training.LOSSES` has it."""
    squares = errors**2
    if config is None or config.loss != "huber":
        return squares
    return np.where(np.abs(errors) <= 1, squares / 2, np.abs(errors) - 0.5)


def number_table(
    part: TableRef,
    predicted: np.ndarray,
    scale: Scale,
    config: NumbersConfig | None,
    origin: str,
) -> tuple[TableRef, dict[str, float]]:
    """Store what was predicted of a part's rows, and measure it.

    Args:
        part: columns `id`, `text`, `labels`.
        predicted: (rows,) in units.
        scale: of the training part, for the loss.
        config: which loss.
        origin: in words.

    Returns:
        The table, and its figures by short name.

    Raises:
        DivergedError: a prediction is not a number.
    """
    if not np.isfinite(predicted).all():
        rows = int((~np.isfinite(predicted)).sum())
        raise DivergedError(f"{origin}: {rows:,} of {len(predicted):,} rows have no number.")
    frame = part.read(["id", "text", "labels"])
    numbers = numbers_in(frame)
    groups = groups_of(part)
    table = put_scored(
        frame["id"].tolist(),
        [labels[0] for labels in frame["labels"]],
        {
            "mae": np.abs(predicted - numbers),
            "loss": losses((predicted - numbers) / scale.deviation, config),
        },
        {NUMBER: numbers, PREDICTED: predicted, "text": frame["text"].tolist()},
        origin,
        None if groups is None else [str(group) for group in groups],
    )
    return table, table_metrics(table)


def measured(
    numbers: np.ndarray, predicted: np.ndarray, scale: Scale, config: NumbersConfig | None
) -> dict[str, float]:
    """The same figures without a table; NaN where one has no value."""
    errors, once = predicted - numbers, np.ones((len(numbers), 1))
    found = {
        "mae": float(np.abs(errors).mean()),
        "loss": float(losses(errors / scale.deviation, config).mean()),
    }
    for part in numeric_parts(numbers, predicted):
        found |= {name: float(values[0]) for name, values in part.at(once).items()}
    return found
