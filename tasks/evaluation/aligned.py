"""The test tables of every entry over one common order of the rows, ready to be weighed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
from scipy.sparse import csr_array

from tasks.config.base import Task
from tasks.errors import ThawError
from tasks.evaluation.completions import Completions, read_completions
from tasks.evaluation.outcomes import Outcome, Predictions, read_predictions, thresholds_of
from tasks.evaluation.scored import METRICS as SCORED_METRICS
from tasks.evaluation.scored import Scored, read_scored
from tasks.evaluation.scoring import MULTI_LABEL, Scoring
from tasks.evaluation.weighted import Figures, WeightedMetrics

Table = Predictions | Completions | Scored
S = TypeVar("S", bound="Seeded")


@dataclass(frozen=True)
class Measures:
    """What is measured of a table: the metrics' names, and what they need to know."""

    metrics: tuple[str, ...]
    scoring: Scoring = MULTI_LABEL


@dataclass(frozen=True)
class Tested:
    """One outcome's test table in the common order.

    Attributes:
        seed: of the arm.
        table: as it was stored.
        order: int (n,), the positions in it of the common rows.
        thresholds: of each label, or of each in each row of the table; empty where there are none.
    """

    seed: int | None
    table: Table
    order: np.ndarray
    thresholds: Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Aligned:
    """The entries of a comparison.

    Attributes:
        entries: name -> its outcomes, one a seed.
        measures: what is measured of them.
        rows: how many test rows there are.
        groups: int (rows,), a number from 0 for each row, equal for rows that are no independent
            evidence (one franchise, query or picture); None where all are independent.
    """

    entries: dict[str, tuple[Tested, ...]]
    measures: Measures
    rows: int
    groups: np.ndarray | None

    @property
    def units(self) -> int:
        """How many independent units the rows are: what is drawn, and what is swapped."""
        return self.rows if self.groups is None else int(self.groups.max()) + 1

    @property
    def worth(self) -> float:
        """How many units of equal size the units are worth: fewer where some have most of the rows
        (Kish 1965, "Survey Sampling")."""
        if self.groups is None:
            return float(self.rows)
        return float(self.rows**2 / np.square(np.bincount(self.groups)).sum())

    def of_units(self, weights: np.ndarray) -> np.ndarray:
        """Weights of units, (units, draws), as float64 weights of rows, (rows, draws)."""
        rows = weights if self.groups is None else weights[self.groups]
        return np.ascontiguousarray(rows, dtype=np.float64)

    def by_unit(self, sums: np.ndarray) -> np.ndarray:
        """Sums of rows, (sums, rows), as sums of units, (sums, units)."""
        if self.groups is None:
            return sums
        members = csr_array(
            (np.ones(self.rows), (np.arange(self.rows), self.groups)),
            shape=(self.rows, self.units),
        )
        return np.asarray(sums @ members)

    def figures(self, tested: Tested) -> Figures:
        """The metrics of one table over the common rows."""
        measures, table, order = self.measures, tested.table, tested.order
        if isinstance(table, Completions):
            return Figures.of_completions(table.frame.iloc[order], measures.metrics)
        if isinstance(table, Scored):
            return Figures.of_scored(table.in_order(order), measures.metrics)
        return WeightedMetrics(
            table.truth[order],
            table.probabilities[order],
            np.asarray(tested.thresholds)[order]
            if np.ndim(tested.thresholds) == 2
            else tested.thresholds,
            measures.metrics,
            measures.scoring,
        )


def align(outcomes_by_entry: Mapping[str, Sequence[Outcome]], measures: Measures) -> Aligned:
    """Read the test table of every outcome and find each row of the first one in the others.

    Raises:
        ThawError: there is no outcome, or two were not tested on the same rows.
    """
    first: tuple[str, Table] | None = None
    entries: dict[str, tuple[Tested, ...]] = {}
    for name, outcomes in outcomes_by_entry.items():
        tested = []
        for outcome in outcomes:
            table = _read(outcome, measures.scoring.task)
            first = first or (name, table)
            order = _order(first, (name, table))
            own = thresholds_of(outcome, table) if isinstance(table, Predictions) else ()
            tested.append(Tested(outcome.seed, table, order, own))
        entries[name] = tuple(tested)
    if first is None:
        raise ThawError("There is nothing to compare: no entry has predictions.")
    aligned = Aligned(entries, measures, len(first[1].ids), None)
    return replace(aligned, groups=_groups(aligned))


class Seeded(Protocol):
    """Something that belongs to a seed, or to none."""

    @property
    def seed(self) -> int | None:
        """The seed."""
        ...


def partners(first: Sequence[S], second: Sequence[S]) -> list[tuple[S, S]]:
    """What of two entries is compared: outcomes of the seeds that both have.

    A baseline without seeds stands against every seed of an arm. Two entries of several seeds that
    have none in common are paired in order, as far as both go.
    """
    of_second = {each.seed: each for each in second if each.seed is not None}
    shared = [(each, of_second[each.seed]) for each in first if each.seed in of_second]
    if shared:
        return shared
    if len(first) == 1 or len(second) == 1:
        return [(one, two) for one in first for two in second]
    return list(zip(first, second, strict=False))


def _read(outcome: Outcome, task: Task) -> Table:
    if task == "completion":
        return read_completions(outcome.test)
    if task in SCORED_METRICS:
        return read_scored(outcome.test)
    return read_predictions(outcome.test)


def _groups(aligned: Aligned) -> np.ndarray | None:
    """The rows' groups, from the first table that names them; None where no two rows share one."""
    for tested in aligned.entries.values():
        for each in tested:
            if each.table.groups is not None:
                numbers = np.unique(each.table.groups[each.order], return_inverse=True)[1]
                return numbers if numbers.max() + 1 < aligned.rows else None
    return None


def _order(first: tuple[str, Table], other: tuple[str, Table]) -> np.ndarray:
    """Positions in the other table of the first one's rows, which must be the same examples."""
    position = {example: row for row, example in enumerate(other[1].ids)}
    ids = first[1].ids
    if len(position) != len(ids) or not position.keys() >= set(ids):
        raise ThawError(
            f"{other[0]} was tested on other rows than {first[0]} ({len(position)} and {len(ids)} "
            "examples): only predictions for the same test part can be compared."
        )
    order = np.array([position[example] for example in ids], dtype=np.intp)
    if not np.array_equal(first[1].truth, other[1].truth[order]):
        raise ThawError(
            f"The test labels of {other[0]} and {first[0]} differ: only predictions for the same "
            "test part can be compared."
        )
    return order
