"""Typed, frozen configuration of a case: what `conf/<case>.yaml`, a profile and overrides make.

Every field is documented where it stands; these texts are also the help in the Prefect form.
The loader is `tasks/loading.py`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tasks.training.strategies import Strategy

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(gt=0.0, lt=1.0)]


class Frozen(BaseModel):
    """Base of all configuration: immutable, and an unknown field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DataConfig(Frozen):
    """Where the examples come from and how a row becomes a text with labels."""

    sample: str | None = None
    """A file that ships with Thaw (the default profile)."""
    path: Path | None = None
    """A local CSV, TSV, JSON, JSONL or Parquet file."""
    hub: str | None = None
    """A dataset id on the Hugging Face hub."""
    hub_config: str | None = None
    """Configuration name of the hub dataset."""
    hub_split: str = "train"
    """Split of the hub dataset."""
    hub_revision: str | None = None
    """Commit, tag or branch of the hub dataset."""
    url: str | None = None
    """An http(s) address of a file or of a zip archive."""
    member: str | None = None
    """The file inside the zip archive, when the source is one."""
    sha256: str | None = None
    """Checksum of the downloaded file; a file that differs is refused."""

    format: Literal["csv", "tsv", "json", "jsonl", "parquet"] | None = None
    """File format; by default told from the file's extension."""
    separator: str | None = None
    """Column separator of a CSV file (default: comma; tab for TSV)."""
    header: tuple[str, ...] | None = None
    """Column names of a file that has no header row."""
    quotes_are_text: bool = False
    """Read quote characters as text (the UCI SMS file needs it)."""
    limit: Annotated[int, Field(gt=0)] | None = None
    """Take a seeded random sample of this many rows."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Role -> column name in the file; a role that is not listed is a column of its own name."""
    required: tuple[str, ...] = ()
    """Roles whose columns must exist."""
    optional: tuple[str, ...] = ()
    """Roles that are used where the file has them."""
    text_role: str = "text"
    """The role that a bare text stands for when the champion predicts."""
    label_role: str = "labels"
    """The role that holds the label or labels."""
    text: tuple[str, ...] = ("{text}",)
    """Template lines; a line is left out where one of its fields is missing or empty."""
    printable_only: bool = False
    """Drop characters outside printable ASCII, as the chapter does."""
    label_separator: str = ","
    """What stands between the labels of a row (multi-label cases)."""
    labels: tuple[str, ...] | None = None
    """The closed set of labels; a label outside it blocks. By default the data decides."""
    rename_labels: dict[str, str] = Field(default_factory=dict)
    """Label in the file -> label used; the empty string drops the label."""
    min_label_count: Annotated[int, Field(ge=1)] = 1
    """A label on fewer usable rows than this is reported and left out."""
    positive: str | None = None
    """The positive label of a two-class case."""

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
            parts = [self.hub, self.hub_config, self.hub_split, self.hub_revision]
            return "hub dataset " + "/".join(part for part in parts if part)
        if self.url:
            return f"{self.url}{f' member {self.member}' if self.member else ''}"
        return f"file {self.path}"

    def without_source(self) -> "DataConfig":
        """What this says about texts and labels, without where they came from."""
        nowhere = ("sample", "path", "hub", "hub_config", "hub_revision", "url", "member", "sha256")
        return self.model_copy(update=dict.fromkeys(nowhere))

    @property
    def roles(self) -> tuple[str, ...]:
        """All roles, required ones first."""
        return (*self.required, *(role for role in self.optional if role not in self.required))


class ModelConfig(Frozen):
    """The base model and what is put on top of it."""

    base: str
    """A name from `conf/base_models.yaml`, a hub id, or a local folder."""
    pooling: Literal["cls", "mean", "last", "first"] | None = None
    """What the head reads; the default is the base model's own (see base_models.yaml)."""
    head: Literal["linear", "dense"] = "linear"
    """`linear`: one layer; `dense`: layer, activation, dropout, layer (DistilBERT's)."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout before the head's last layer."""
    backbone_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Dropout inside the base model (default: as the base model was configured)."""
    max_length: Annotated[int, Field(ge=4)] = 128
    """Tokens per text; what is longer is cut and counted."""


class TrainingConfig(Frozen):
    """How each arm is trained. Anything else of TrainingArguments goes under `extra`."""

    epochs: Annotated[float, Field(gt=0)] = 3
    """Passes over the training part."""
    batch_size: Annotated[int, Field(ge=1)] = 16
    """Rows per step."""
    eval_batch_size: Annotated[int, Field(ge=1)] = 64
    """Rows per step outside training."""
    gradient_accumulation: Annotated[int, Field(ge=1)] = 1
    """Steps per update."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    """Peak learning rate of the base model's parameters."""
    head_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Peak learning rate of the head (default: `learning_rate`)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """AdamW's decoupled decay, on matrices only."""
    warmup: Fraction = 0.1
    """Share of the updates over which the learning rate rises."""
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    """How the learning rate falls after the warm-up."""
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0
    """Gradient clipping (0: none)."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many epochs without a better validation metric (none: never)."""
    select_by: str = "val/loss"
    """The validation metric that chooses the best epoch and the best arm."""
    class_weights: bool = False
    """Weight each label's positives by the inverse of its frequency (square root)."""
    balance: bool = False
    """Leave out training rows of the more frequent classes until all are equally frequent
    (single-label cases); validation and test keep their natural share."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 where the device has instructions for it."""
    padding: Literal["dynamic", "max"] = "dynamic"
    """`dynamic` pads to the longest text of a batch, `max` to `model.max_length`."""
    trunk: Literal["auto", "on", "off"] = "auto"
    """Run the frozen bottom once per example and train on its stored output. `auto`: wherever
    something is frozen and the store has room; `on`: fail where it cannot be; `off`: never."""
    trunk_limit_gb: Annotated[float, Field(gt=0)] = 8.0
    """Most that all stored hidden states may take on disk; the least recently used go first."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Any other field of transformers' TrainingArguments, checked by name."""


class SplitConfig(Frozen):
    """How the rows become three parts."""

    validation: Rate = 0.15
    """Share of the rows for selection, early stopping and thresholds."""
    test: Rate = 0.15
    """Share of the rows that is read once, at the end."""
    seed: int = 42
    """Seed of the assignment."""
    group_by: Literal["none", "franchise"] = "none"
    """`franchise`: sequels and seasons, found from the titles, stay in one part."""
    group_role: str = "title"
    """The role that `group_by` reads."""
    near_duplicates: Annotated[float, Field(gt=0.0, le=1.0)] | None = 0.8
    """Jaccard similarity of word 3-shingles from which two texts count as one (none: off)."""
    drop_duplicates: bool = True
    """Keep one row of each exactly repeated text."""

    @model_validator(mode="after")
    def _leaves_training(self) -> "SplitConfig":
        if self.validation + self.test > 0.9:
            raise ValueError("validation and test together leave less than a tenth for training")
        return self


class ValidationConfig(Frozen):
    """Which expectation suite is used."""

    suite: str | None = None
    """File in `conf/expectations/` (default: the case's own name)."""


class EvaluationConfig(Frozen):
    """How intervals and baselines are made."""

    bootstrap: Annotated[int, Field(ge=100)] = 1000
    """Resamples of the paired bootstrap."""
    confidence: Rate = 0.95
    """Coverage of every interval."""
    primary: str = "test/f1_micro_tuned"
    """The test metric by which the champion is judged."""
    baseline_c: tuple[float, ...] = (0.25, 1.0, 4.0, 16.0, 64.0)
    """Inverse regularisation strengths tried for TF-IDF with logistic regression."""
    table: tuple[str, ...] = ()
    """Metrics shown in the comparison table (the rest is in the artifacts)."""


class RegistryConfig(Frozen):
    """What happens to the best arm."""

    enabled: bool = True
    """Register the best arm and let it stand for champion."""
    name: str | None = None
    """Registered model name (default: the case's name)."""


class ExecutionConfig(Frozen):
    """Where arms run."""

    runner: Literal["sequential", "threads", "dask", "ray"] = "sequential"
    """Prefect task runner over which arms fan out."""
    workers: Annotated[int, Field(ge=1)] = 1
    """Arms at a time (runners other than `sequential`)."""
    address: str | None = None
    """Address of an existing Dask or Ray cluster."""


class TrackingConfig(Frozen):
    """MLflow's address."""

    uri: str | None = None
    """Tracking and registry URI (default: sqlite in `mlruns/`)."""


class ScheduleConfig(Frozen):
    """When `thaw serve` runs the case by itself."""

    cron: str | None = None
    """Five-field cron expression (none: only on request)."""
    timezone: str = "UTC"
    """IANA time zone of the expression."""


class ReferenceRow(Frozen):
    """One logged result of the book's chapter."""

    name: str
    """The chapter's name for the run."""
    strategy: str | None = None
    """Thaw's name for what trained."""
    metrics: dict[str, float]
    """Metric name -> the chapter's figure."""


class ReferenceConfig(Frozen):
    """The chapter's own results, shown beside ours."""

    source: str = ""
    """Where the figures come from."""
    rows: tuple[ReferenceRow, ...] = ()
    """One row a run."""


class GridConfig(Frozen):
    """Values to try: arms are strategies x seeds x grid points."""

    training: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Training field -> values."""
    model: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Model field -> values."""


class CaseConfig(Frozen):
    """Everything that one flow run needs to know."""

    case: str
    """The case's name: that of its file, flow, experiment and registered model."""
    title: str
    """One line, as `thaw list` shows it."""
    task: Literal["multi_label", "single_label"]
    """What the labels mean."""
    profile: str = "sample"
    """The profile that was applied."""
    strategies: tuple[Strategy, ...]
    """What trains: `full`, `freeze_<n>`, `last_<n>`, `head`."""
    seeds: tuple[int, ...] = (42,)
    """One arm for each strategy and seed."""
    data: DataConfig
    model: ModelConfig
    training: TrainingConfig = TrainingConfig()
    grid: GridConfig = GridConfig()
    split: SplitConfig = SplitConfig()
    validation: ValidationConfig = ValidationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    registry: RegistryConfig = RegistryConfig()
    execution: ExecutionConfig = ExecutionConfig()
    tracking: TrackingConfig = TrackingConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    reference: ReferenceConfig = ReferenceConfig()

    @field_validator("strategies", "seeds")
    @classmethod
    def _some_and_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not values:
            raise ValueError("is empty: give at least one")
        twice = sorted({str(value) for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} twice: name each once")
        return values

    @model_validator(mode="after")
    def _has_a_source(self) -> "CaseConfig":
        sources = [self.data.sample, self.data.path, self.data.hub, self.data.url]
        given = sum(source is not None for source in sources)
        if given != 1:
            raise ValueError(
                f"data has {given} sources: give exactly one of data.sample, data.path, "
                "data.hub and data.url"
            )
        return self
