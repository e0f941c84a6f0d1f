"""What travels between the steps of the chain: small values and references, never data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pandas as pd
from pydantic import BaseModel

from tasks.config import CaseConfig
from tasks.evaluation.examples import Examples
from tasks.evaluation.exchanges import Exchange
from tasks.evaluation.findings import Comparison, LeftOut
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.tables import Sheet
from tasks.ingestion.usable import Usable
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec

Parts = dict[str, TableRef]
"""`train`, `validation` and `test`."""
Records = list[dict[str, Any]]


C = TypeVar("C", bound=CaseConfig)


@dataclass(frozen=True)
class Start(Generic[C]):
    """What every arm of a sweep starts from, located and fixed.

    Attributes:
        config: the case, with versions in place of aliases.
        digest: identity of the base models' weights.
        bases: base model -> the same, where a grid names several.
        blocks: transformer blocks of the base model; 0 where strategies count none.
        evidence: digests of the other models that the sweep rests on.
        params: what the sweep's run says of the models.
    """

    config: C
    digest: str
    blocks: int = 0
    evidence: tuple[str, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    bases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """A case's rows on their way from the source to the split.

    Attributes:
        table: as they are now.
        told: what was read, in a line.
        warnings: what was left out, a line each.
        usable: labels, and what could not be used; None before that is known.
    """

    table: TableRef
    told: str = ""
    warnings: tuple[str, ...] = ()
    usable: Usable | None = None


@dataclass(frozen=True)
class Division:
    """The rows divided.

    Attributes:
        folds: the parts of the one split, or of each fold.
        report: what is kept of it.
        told: the same for the log, a line each.
        left_out: rows that are in no part, a line a reason.
    """

    folds: tuple[Parts, ...]
    report: BaseModel
    told: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arms:
    """The arms of a sweep.

    Attributes:
        specs: all that came to an outcome.
        outcomes: of each by itself, with its curve and its model.
        best: the chosen one, its folds pooled.
        left_out: those that diverged, and baselines that did.
    """

    specs: tuple[ArmSpec, ...]
    outcomes: tuple[Outcome, ...]
    best: Outcome
    left_out: tuple[LeftOut, ...] = ()

    @property
    def first(self) -> list[ArmSpec]:
        """An arm of each fold: what most references have to know of a sweep.

        Of arms that learn from shares of the rows, one of the largest; where every seed has folds
        of its own, of those of the first.
        """
        share = max(spec.training.share for spec in self.specs)
        specs = [spec for spec in self.specs if spec.training.share == share]
        whole = {spec.fold for spec in specs if spec.seed == specs[0].seed}
        found = {spec.fold: spec for spec in reversed(specs) if spec.fold in whole}
        return [*found.values()][::-1]

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each arm learned from, by its name; of folds, the first's."""
        return {spec.name: spec.train.rows for spec in reversed(self.specs)}

    @property
    def chosen(self) -> list[ArmSpec]:
        """The best arm, that of each fold."""
        best = (self.best.name, self.best.seed)
        return [spec for spec in self.specs if (spec.name, spec.seed) == best]


@dataclass(frozen=True)
class Measuring:
    """Where a reference is measured: an open run, and whether a finished one is trained anew."""

    tracker: Tracker
    run_id: str
    anew: bool


@dataclass(frozen=True)
class Extras:
    """What the report of this kind has beside the tables and plots of all.

    Attributes:
        plots: file name -> an SVG, or a PNG.
        files: path below the sweep's artifacts -> text.
        labels: how the chosen arm does on each, see `label_table.per_label`.
        answers: the same prompts before and after.
        sheets: tables.
        texts: what several models wrote, a column each.
        examples: test rows that the chosen arm got wrong and right.
    """

    plots: dict[str, bytes] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    labels: pd.DataFrame | None = None
    answers: Sequence[Exchange] = ()
    sheets: Sequence[Sheet] = ()
    texts: Sheet | None = None
    examples: Examples | None = None


S = TypeVar("S", bound=Start[Any])
R = TypeVar("R", bound=Rows)


@dataclass(frozen=True)
class Compared(Generic[S, R]):
    """A sweep that is compared: all that reports and model cards are made of."""

    start: S
    rows: R
    division: Division
    arms: Arms
    outcomes: tuple[Outcome, ...]
    comparison: Comparison
    run_id: str

    def test_texts(self) -> dict[str, str]:
        """The texts of the test part (of every fold), by example id."""
        tables = [parts["test"].read(["id", "text"]) for parts in self.division.folds]
        return dict(pd.concat(tables).itertuples(index=False, name=None))

    @property
    def config(self) -> CaseConfig:
        """The case, as every kind has it."""
        config: CaseConfig = self.start.config
        return config
