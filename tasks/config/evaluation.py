"""How rows are checked and divided, and how results are measured."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tasks.config.base import Frozen, Part, Rate, Seed


class SplitConfig(Frozen):
    """How the rows become three parts."""

    validation: Rate = 0.15
    """Share of the rows for selection, early stopping and thresholds."""
    test: Rate = 0.15
    """Share of the rows that is read once, at the end."""
    test_role: str | None = None
    """Role that says which rows are the test part (none: cut it, by its share). `validation` is
    then a share of the other rows; of these, what repeats a test text is left out."""
    test_values: tuple[str, ...] = ("test",)
    """Values of `test_role` that put a row into the test part."""
    after: datetime | None = None
    """Rows at or after this time (of `data.time_column`) are the test part, those before it train
    and validation. A date is its midnight; without a zone both are taken for UTC."""
    rows: dict[Part, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    """Part -> at most so many of its rows: a seeded sample that keeps the labels' shares."""
    folds: Annotated[int, Field(ge=2)] | None = None
    """Cross-validation for small data: each of so many folds is the test part once, for every
    strategy; `validation` is then a share of the other rows. Nothing is registered then."""
    repeat_folds: bool = False
    """Each of `seeds` deals folds of its own: cross-validation is repeated as often. By default
    all seeds train on the same folds."""
    seed: Seed = 42
    """Seed of the assignment."""
    group_by: Literal["none", "franchise", "column"] = "none"
    """`franchise`: sequels and seasons, found from the titles, stay in one part; `column`: rows
    of one value do."""
    group_role: str = "title"
    """The role that `group_by` reads."""
    near_duplicates: Annotated[float, Field(gt=0.0, le=1.0)] | None = 0.8
    """Edit similarity (1 - Levenshtein distance / length) from which two texts count as one, .9 at
    least for texts of fewer than 24 bytes (none: off)."""
    drop_duplicates: bool = True
    """Keep one row of each exactly repeated text."""
    conflicts: Literal["first", "majority", "drop"] = "first"
    """What stands for a repeated text whose labels differ: its first row, the label that most of
    its rows have (none of them on a tie), or none of them. Conflicts are counted either way."""

    @model_validator(mode="after")
    def _repeats_something(self) -> "SplitConfig":
        if self.repeat_folds and self.folds is None:
            raise ValueError("repeat_folds repeats a cross-validation: give split.folds")
        return self

    @model_validator(mode="after")
    def _leaves_training(self) -> "SplitConfig":
        if self.validation + self.test > 0.9:
            raise ValueError("validation and test together leave less than a tenth for training")
        return self

    @field_validator("after", mode="before")
    @classmethod
    def _is_written_out(cls, after: Any) -> Any:
        if isinstance(after, int | float):  # else seconds since 1970
            raise ValueError("is no date: write it out (2026-01-31)")
        return after

    @field_validator("after")
    @classmethod
    def _has_a_zone(cls, after: datetime | None) -> datetime | None:
        return after if after is None or after.tzinfo else after.replace(tzinfo=UTC)


class ValidationConfig(Frozen):
    """Which expectation suite is used."""

    suite: str | None = None
    """File in `conf/expectations/` (default: that of the case's name, else that of its kind)."""


class EvaluationConfig(Frozen):
    """How intervals and baselines are made."""

    bootstrap: Annotated[int, Field(ge=100)] = 1000
    """Resamples of the paired bootstrap."""
    confidence: Rate = 0.95
    """Coverage of every interval."""
    ordered: bool = False
    """The labels are numbers on a scale (stars): adds the mean absolute error and its like."""
    calibrate: bool = False
    """Divide the logits by a temperature fitted on validation (single-label cases)."""
    primary: str = "test/f1_micro_tuned"
    """The test metric by which the champion is judged."""
    set_aside: tuple[str, ...] = ()
    """Labels that say nothing of a row (`Unknown`): they are learned and count in every figure, and
    a second table gives the figures without them and without the rows that have no other
    (multi-label cases)."""
    baseline_c: tuple[float, ...] = (0.25, 1.0, 4.0, 16.0, 64.0)
    """Inverse regularisation strengths tried for TF-IDF with logistic or ridge regression."""
    table: tuple[str, ...] = ()
    """Metrics shown in the comparison table (the rest is in the artifacts)."""
