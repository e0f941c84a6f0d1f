"""What a validation found: typed, frozen, and written as JSON by `model_dump_json()`."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.errors import RequestError


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Outcome:
    """What came of one expectation, in figures: a `Finding` says it to the reader."""

    passed: bool
    checked: int | None = None
    """Values that were looked at (nulls are not, unless they are what it is about)."""
    unexpected: int | None = None
    """Those of them that are not as expected."""
    observed: object = None
    """The figure found, where it is about a column or table as a whole."""
    offenders: tuple[int, ...] = ()
    """Positions of the first unexpected rows in the table."""
    missing: tuple[str, ...] = ()
    """Columns that it reads and the table lacks; nothing was checked."""

    @property
    def share(self) -> float | None:
        """unexpected / checked, where there is such a thing."""
        if self.unexpected is None or not self.checked:
            return None
        return self.unexpected / self.checked


class Offender(_Frozen):
    """One row that is not as expected, or one label where the expectation is about labels."""

    row: int | None
    """Record number in the file (from 1, the header not counted); none for a label."""
    id: str | None
    """The row's id, or the label itself."""
    values: dict[str, str | None]
    """Column -> value, shortened (none where it is missing), for the columns worth showing."""

    def __str__(self) -> str:
        """`row 7 (id a12): title = Cowboy, synopsis = null`, or `Drama: count = 3`."""
        shown = ", ".join(
            f"{column} = {'null' if value is None else value}"
            for column, value in self.values.items()
        )
        if self.row is None:
            return f"{self.id}: {shown}"
        return f"row {self.row}{f' (id {self.id})' if self.id is not None else ''}: {shown}"


class Finding(_Frozen):
    """What came of one expectation, fulfilled or not."""

    severity: Literal["block", "warn"]
    """Whether the run may go on where it is not fulfilled."""
    passed: bool
    expectation: str
    """Great Expectations' name of it."""
    table: Literal["examples", "labels"]
    column: str | None
    """The column that it is about; none where it is about the table."""
    sentence: str
    """Expected and found, in plain English."""
    advice: str
    """What would make it pass; may be empty."""
    checked: int | None
    """Values that were looked at, where it is about single values."""
    unexpected: int | None
    """Those of them that are not as expected."""
    share: float | None
    """unexpected / checked, 0 to 1."""
    observed: str | None
    """The figure found, where it is about the column or the table as a whole."""
    offenders: tuple[Offender, ...]
    """The first five rows or labels that are not as expected."""

    def __str__(self) -> str:
        """The expectation, column, counts, advice and offending rows, in one line."""
        on = f" on column {self.column}" if self.column else f" on the {self.table}"
        shown = "; ".join(map(str, self.offenders))
        if shown:
            shown = f" {'Most frequent' if self.observed else 'First of them'}: {shown}."
        advice = f" {self.advice}" if self.advice else ""
        return f"{self.expectation}{on}: {self.sentence}{advice}{shown}"


class LabelCount(_Frozen):
    """How often a label occurs, among the rows that have a text."""

    label: str
    count: int
    share: float
    """count / rows that have a text and any label."""
    usable: bool
    """Frequent enough to be learned, and inside the closed set if there is one."""


class ValidationReport(_Frozen):
    """The outcome of every expectation of a case's suite, with the counts around it."""

    case: str
    suite: str
    source: str
    """Where the rows came from, in words."""
    passed: bool
    """Nothing blocks; there may be warnings."""
    rows: int
    usable_rows: int
    """Rows that have a text and, where the case has labels, a usable label."""
    findings: tuple[Finding, ...]
    """In the order of the suite."""
    label_total: int
    """How many labels there are."""
    labels: tuple[LabelCount, ...]
    """The 200 most frequent of them, in that order."""
    noun: str = "label"
    """What they are called; of numbers they are ranges."""

    def failed(self, severity: Literal["block", "warn"]) -> tuple[Finding, ...]:
        """The findings of that severity which are not fulfilled."""
        return tuple(
            found for found in self.findings if found.severity == severity and not found.passed
        )

    def raise_if_blocked(self) -> None:
        """Stop a run that the data cannot carry.

        Raises:
            RequestError: one message with a line for each expectation that blocks.
        """
        blocking = self.failed("block")
        if blocking:
            lines = "".join(f"\n- {found}" for found in blocking)
            expectations = "expectation" if len(blocking) == 1 else "expectations"
            raise RequestError(
                f"The data ({self.source}, {self.rows:,} rows) do not pass {len(blocking)} "
                f"blocking {expectations} of suite {self.suite}:{lines}"
            )
