"""One part of the figures of a table, under many row weightings at once; and the simplest part."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Support:
    """What a figure rests on.

    Attributes:
        rows: how many test rows bear it: of a recall, the positive ones.
        fewest: the positives of the rarest label that it is about; infinite for a figure that is
            about no label in particular.
    """

    rows: float
    fewest: float = np.inf


def support_of_all(positives: np.ndarray, rows: int) -> Support:
    """Of a mean over labels: `positives` (labels,) of so many rows."""
    rarer = np.minimum(positives, rows - positives).sum()
    return Support(max(1.0, float(rarer)), float(positives.min(initial=rows)))


class Part(ABC):
    """Some of the metrics of a table, as functions of row weights."""

    @abstractmethod
    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,), under weights of (n, draws)."""

    @abstractmethod
    def linear(self) -> "Linear":
        """The same metrics as functions of sums over rows, which is what a swap test takes."""

    def row_means(self) -> "Sequence[RowMeans]":
        """Those of the metrics that are means over rows."""
        return ()

    def rests(self) -> dict[str, Support]:
        """What metrics rest on, where that is not simply all the rows they are made of."""
        return {}


class Linear(Part):
    """Metrics that are functions of sums over rows.

    Args:
        sums: (sums, n), what each row adds to each of them.
    """

    def __init__(self, sums: np.ndarray) -> None:
        self.sums = np.ascontiguousarray(sums, dtype=np.float64)

    @abstractmethod
    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,), from sums of (sums, draws)."""

    def at(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,)."""
        return self.of(self.sums @ weights)

    def linear(self) -> "Linear":
        """This."""
        return self


class RowMeans(Linear):
    """Metrics that are weighted means of a figure of each row: name -> (n,).

    Args:
        by_row: the figures.
        among: bool (n,), the rows that have them (default: all).
    """

    def __init__(self, by_row: Mapping[str, np.ndarray], among: np.ndarray | None = None) -> None:
        rows = len(next(iter(by_row.values())))
        self.among = np.ones(rows, dtype=bool) if among is None else among
        self.by_row = {name: np.where(self.among, values, 0) for name, values in by_row.items()}
        super().__init__(np.stack([*self.by_row.values(), self.among]))

    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,); NaN where the sums hold no row that has the figures."""
        with np.errstate(invalid="ignore"):
            return dict(zip(self.by_row, sums[:-1] / sums[-1], strict=True))

    def row_means(self) -> "Sequence[RowMeans]":
        """These."""
        return [self]


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(0) / known.sum(0)


def once(parts: Sequence[Part], rows: int) -> dict[str, float]:
    """The metrics of all parts, with every row counted once."""
    weights = np.ones((rows, 1))
    return {name: float(value[0]) for part in parts for name, value in part.at(weights).items()}
