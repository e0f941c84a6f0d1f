"""Where a case's examples come from."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tasks.address import Address
from tasks.config.base import Frozen, Part
from tasks.errors import RequestError

GIVEN_PART, GIVEN_TIME, GIVEN_GROUP = "given_part", "given_time", "given_group"
"""The roles of `data.split_column`, `data.time_column` and `data.group_column`."""
PART_NAMES: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What `data.split_column` may say, in small letters -> the part."""


class DataConfig(Frozen):
    """Where the examples come from and how a row becomes a text with labels."""

    sample: str | None = None
    """A file that ships with Thaw (the default profile); in cases about pictures `scenes`, which
    are drawn on first use."""
    path: Path | None = None
    """A local CSV, TSV, JSON, JSONL or Parquet file, also zipped or compressed (.gz, .bz2, .zst);
    in cases about pictures a folder in the layout of VQA v2."""
    hub: str | None = None
    """A dataset id on the Hugging Face hub."""
    hub_config: str | None = None
    """Configuration name of the hub dataset."""
    hub_split: str = "train"
    """Split of the hub dataset."""
    hub_test_split: str | None = None
    """Second split of the hub dataset, read behind the first; a column `split` then says `train`
    or `test` (see `split.test_role`)."""
    hub_validation_split: str | None = None
    """The same for validation; the column then says `validation` (see `data.split_column`)."""
    hub_revision: str | None = None
    """Commit, tag or branch of the hub dataset."""
    url: Address | None = None
    """An http(s) address of a file or of a zip archive. A password or token in it is written as
    ${NAME}, the name of an environment variable."""
    archives: tuple[Address, ...] = ()
    """Addresses of zip archives that are unpacked into one folder in the layout of VQA v2 (cases
    about pictures). Their sizes are said before they are fetched."""
    member: str | None = None
    """The file inside the zip archive, when the source is one."""
    sha256: str | None = None
    """Checksum of the downloaded file; a file that differs is refused."""

    format: Literal["csv", "tsv", "json", "jsonl", "parquet"] | None = None
    """File format; by default told from the file's extension."""
    encoding: str | None = None
    """Encoding of a text file that is not UTF-8: `cp1252` (Windows), `utf-16`, …"""
    separator: str | None = None
    """Column separator of a CSV file (default: comma; tab for TSV)."""
    header: tuple[str, ...] | None = None
    """Column names of a file that has no header row."""
    quotes_are_text: bool = False
    """Read quote characters as text (the UCI SMS file needs it)."""
    limit: Annotated[int, Field(gt=0)] | None = None
    """Take a seeded random sample of this many rows."""
    layout: Literal["table", "dialogues", "comparisons"] = "table"
    """`table`: a column a role; `dialogues`: instructions, prompts with completions, chat messages
    or OIG text, told from the columns, whose roles are `prompt` and `completion`; `comparisons`:
    scored responses to a query, or a chosen and a rejected answer, whose roles are `query`,
    `chosen` and `rejected`."""
    on_bad_line: Literal["raise", "skip"] = "raise"
    """What a record of such a layout that cannot be used does, or a prompt that does not fit in
    cases that learn from rewards: end the run, naming its line or row, or be left out and
    counted."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Role -> column name in the file; a role that is not listed is a column of its own name."""
    required: tuple[str, ...] = ()
    """Roles whose columns must exist."""
    optional: tuple[str, ...] = ()
    """Roles that are used where the file has them."""
    may_be_empty: tuple[str, ...] = ()
    """Required roles whose cells may be empty: the other lines of the template make the text."""
    text_role: str = "text"
    """The role that a bare text stands for when the champion predicts."""
    label_role: str | None = "labels"
    """The role that holds the label or labels (none: rows are prompts, and have none)."""
    text: tuple[str, ...] = ("{text}",)
    """Template lines; a line is left out where one of its fields is missing or empty."""
    pair: bool = False
    """The two lines of the template are two texts (question and answer, premise and claim), which
    the base model is given as a pair, in its tokenizer's own form."""
    printable_only: bool = False
    """Drop characters outside printable ASCII, as the chapter does."""
    keep_lines: bool = False
    """White space inside texts stays as it is, line breaks too (code, lists, verse)."""
    html: bool = False
    """Texts are HTML: breaks and tags go, entities (`&amp;`) become characters."""
    label_columns: tuple[str, ...] = ()
    """Columns that each say of one label whether a row has it (1 or 0); together they stand for
    the column of `label_role`."""
    label_separator: str = ","
    """What stands between the labels of a row (multi-label cases)."""
    labels: tuple[str, ...] | None = None
    """The closed set of labels; a label outside it blocks. By default the data decides."""
    numeric_labels: bool = False
    """Labels are whole numbers: `5`, `5.0` and ` 05 ` are the label 5."""
    rename_values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Role -> cell in the file -> what is read in its place (`{type: {TV: TV Show}}`)."""
    rename_labels: dict[str, str] = Field(default_factory=dict)
    """Label in the file -> label used; the empty string drops the label."""
    min_label_count: Annotated[int, Field(ge=1)] = 1
    """A label on fewer usable rows than this is reported and left out."""
    positive: str | None = None
    """The positive label of a two-class case."""
    split_column: str | None = None
    """The column that says which part each row belongs to: train, validation or test (or a usual
    name of one). A part that no row names is cut from train; validation or test has to be named."""
    time_column: str | None = None
    """The column with each row's time, which `split.after` reads."""
    group_column: str | None = None
    """The column that says which rows belong together (a customer, an author): they stay in one
    part. It sets `split.group_by` and `split.group_role`, which group by any role of a table."""
    keep: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Role -> values: rows with another value of that role are left out and counted. An empty
    list keeps every row."""
    sort_by: str | None = None
    """Role by which the rows are sorted before they are split. With `training.shuffle=false` the
    arms train in that order."""

    @field_validator("labels", "rename_labels", "positive")
    @classmethod
    def _composed(cls, labels: Any) -> Any:
        """Labels are compared in one form: an accent is part of its letter."""
        if isinstance(labels, str):
            return unicodedata.normalize("NFC", labels)
        if isinstance(labels, dict):
            return {cls._composed(name): cls._composed(label) for name, label in labels.items()}
        return None if labels is None else tuple(map(cls._composed, labels))

    @model_validator(mode="after")
    def _pairs_two(self) -> "DataConfig":
        if self.pair and (len(self.text) != 2 or self.may_be_empty):
            raise ValueError(
                "pair reads two texts: give data.text two lines, and no data.may_be_empty"
            )
        return self

    @field_validator("path")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path else None

    @property
    def source(self) -> str:
        """The source as a reader would name it."""
        if self.sample:
            return f"sample {self.sample}"
        if self.hub:
            splits = "+".join(
                filter(None, [self.hub_split, self.hub_validation_split, self.hub_test_split])
            )
            parts = [self.hub, self.hub_config, splits, self.hub_revision]
            return "hub dataset " + "/".join(part for part in parts if part)
        if self.url:
            return f"{self.url}{f' member {self.member}' if self.member else ''}"
        if self.archives:
            return f"{len(self.archives)} archives, {self.archives[0]} first"
        return f"file {self.path}"

    def without_source(self) -> "DataConfig":
        """What this says about texts and labels, without where they came from."""
        hub = ("hub", "hub_config", "hub_test_split", "hub_validation_split", "hub_revision")
        nowhere = ("sample", "path", *hub, "url", "member", "sha256")
        return self.model_copy(update=dict.fromkeys(nowhere) | {"archives": ()})

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles, required ones first."""
        return tuple(dict.fromkeys((*self.required, *self.optional, *self.carried)))

    @property
    def carried(self) -> dict[str, str]:
        """Role -> column, of what the split alone reads of a row."""
        said = {
            GIVEN_PART: self.split_column,
            GIVEN_TIME: self.time_column,
            GIVEN_GROUP: self.group_column,
        }
        return {role: column for role, column in said.items() if column is not None}

    @property
    def read_roles(self) -> tuple[str, ...]:
        """The roles that are columns of the source: not the labels, where each has its own."""
        made = self.label_role if self.label_columns else None
        return tuple(role for role in self.roles if role != made)


def positive_index(labels: Sequence[str], positive: str | None) -> int | None:
    """The column of the label that `data.positive` names; None where it names none.

    Raises:
        RequestError: there is no such label, or there are not two.
    """
    if positive is None:
        return None
    if positive not in labels or len(labels) != 2:
        raise RequestError(
            f"data.positive is {positive}, and the labels of the data are {', '.join(labels)}: "
            "it has to be one of exactly two."
        )
    return list(labels).index(positive)
