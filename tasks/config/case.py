"""Typed, frozen configuration of a case: what `conf/<case>.yaml`, a profile and overrides make.

Here is what all cases have; `kinds.py` adds what only one kind has. The sections stand beside this
file, every field documented there; these texts are also the help in the Prefect form. The loader
is `loading.py`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator, model_validator

from tasks.config.base import Frozen, Seed, Task
from tasks.config.costs import CostsConfig
from tasks.config.data import GIVEN_GROUP, DataConfig
from tasks.config.evaluation import EvaluationConfig, SplitConfig, ValidationConfig
from tasks.config.reference import ReferenceConfig
from tasks.config.running import (
    ExecutionConfig,
    GridConfig,
    RegistryConfig,
    ScheduleConfig,
    TrackingConfig,
)
from tasks.config.strategies import OF_TEXT, Family, Strategy, check_families
from tasks.config.training import ModelConfig, TrainingConfig
from tasks.limits import model_name

_OFTEN = (
    *("data.url", "data.hub", "data.hub_config", "data.format", "data.separator"),
    *("split.validation", "split.test", "split.folds", "split.seed", "split.group_by"),
    *("evaluation.primary", "evaluation.bootstrap", "evaluation.confidence"),
    *("registry.enabled", "registry.name", "registry.beats"),
    *("execution.runner", "execution.workers"),
)
"""Fields of every kind that people change now and then."""


class CaseConfig(Frozen):
    """What every flow run needs to know, whatever its kind."""

    families: ClassVar[tuple[Family, ...]] = OF_TEXT
    """The strategies that go with a case of this kind."""
    no_single_label: ClassVar[str] = "has no labels"
    """Why nothing that is for rows with one label each means something; empty where it does."""
    has_folds: ClassVar[bool] = True
    """Whether such cases can be cross-validated."""
    has_several_labels: ClassVar[bool] = False
    """Whether a row can have several labels."""
    has_classes: ClassVar[bool] = False
    """Whether rows have labels out of a set."""
    reads_file: ClassVar[bool] = True
    """Whether `data.path` is a file of records, and no folder."""
    layouts: ClassVar[tuple[str, ...]] = ()
    """The layouts of its file, where it learns from some alone."""
    reads_pairs: ClassVar[bool] = False
    """Whether such a case can read two texts as a pair."""
    defaults: ClassVar[Mapping[str, Any]] = {}
    """What holds of this kind where neither the case's file nor an override says otherwise."""
    commonest: ClassVar[tuple[str, ...]] = (
        *("training.epochs", "training.batch_size", "training.learning_rate"),
        *("model.base", "model.max_length"),
        *("data.path", "data.columns", "data.limit"),
    )
    """What people change most, after strategies and seeds: the first fields of the Prefect form."""
    of_its_own: ClassVar[tuple[str, ...]] = ()
    """What else of its own sections, or for its data, stands in the form of this kind."""

    case: str
    """The case's name: that of its file, flow, experiment and registered model."""
    title: str
    """One line, as `thaw list` shows it."""
    task: Task
    """What is learned: any number of labels a row (`multi_label`), exactly one (`single_label`), a
    number (`regression`), to write a text (`completion`), which of two answers is better
    (`preference`), to earn rewards (`policy`), to answer questions about pictures (`vqa`)."""
    profile: str = "sample"
    """The profile that was applied; `own` where a case has none, or a run brings its own data."""
    strategies: tuple[Strategy, ...]
    """What trains: `full`, `freeze_<n>`, `last_<n>`, `unfreeze_<n>`, `head`, `prompt_<n>`,
    `lora_<r>`, `dora_<r>`, `ia3`, `bitfit`; in cases about pictures (`vqa`) which parts are frozen:
    `nothing`, `text_encoder`, `image_encoder`, `encoders`, `decoder`, `all`."""
    seeds: tuple[Seed, ...] = (42,)
    """One arm for each strategy and seed."""
    top_seeds: Annotated[int, Field(ge=1)] = 1
    """At least so many seeds for strategies that train the top alone (`head`, `last_<n>`), which
    cost little beside the trunk that they share: those of `seeds`, and the numbers after."""
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
    costs: CostsConfig = CostsConfig()

    @classmethod
    def on_the_form(cls) -> tuple[str, ...]:
        """The fields in the Prefect form beside strategies and seeds, a section after the other."""
        often = (name for name in _OFTEN if cls.has_folds or name != "split.folds")
        return (*cls.commonest, *cls.of_its_own, *often)

    def seeds_of(self, strategy: Strategy) -> tuple[int, ...]:
        """The seeds of a strategy's arms."""
        seeds = list(self.seeds)
        while strategy.top_alone and len(seeds) < self.top_seeds:
            seeds.append(max(seeds) + 1)
        return tuple(seeds)

    @property
    def base_model(self) -> str:
        """What training starts from, as a reader would name it."""
        return ", ".join(map(str, self.grid.model.get("base", (self.model.base,))))

    @property
    def packs(self) -> bool:
        """Whether several examples can be put into one row."""
        return False

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
    def _names_a_model(self) -> "CaseConfig":
        model_name(self.registry.name or self.case)
        return self

    @model_validator(mode="after")
    def _has_a_source(self) -> "CaseConfig":
        data = self.data
        sources = [data.sample, data.path, data.hub, data.url, data.archives or None]
        given = sum(source is not None for source in sources)
        if given != 1:
            raise ValueError(
                f"data has {given} sources: give exactly one of data.sample, data.path, "
                "data.hub, data.url and data.archives"
            )
        return self

    @model_validator(mode="after")
    def _freezes_what_it_has(self) -> "CaseConfig":
        check_families(self.strategies, self.families, self.task)
        return self

    @model_validator(mode="after")
    def _starts_prompts(self) -> "CaseConfig":
        given = self.model.prompt_text or any(self.grid.model.get("prompt_text", ()))
        if given and not any(each.prompt_tokens for each in self.strategies):
            raise ValueError(
                "model.prompt_text is what soft prompts start as, and no strategy here is one: add "
                "prompt_<n>, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _evaluates_classes(self) -> "CaseConfig":
        for field in ("calibrate", "ordered"):
            if self.no_single_label and getattr(self.evaluation, field):
                raise ValueError(
                    f"evaluation.{field} is for cases whose rows have one label each, and this "
                    f"one {self.no_single_label}: set it to false"
                )
        return self

    @model_validator(mode="after")
    def _balances_classes(self) -> "CaseConfig":
        asked = {self.training.balance, *self.grid.training.get("balance", ())}
        if self.no_single_label and not asked <= {"none", False}:
            raise ValueError(
                "training.balance is for cases whose rows have one label each, and this one "
                f"{self.no_single_label}: set it to none"
            )
        return self

    @model_validator(mode="after")
    def _compares_costs(self) -> "CaseConfig":
        costs = self.costs
        if costs.machine_hour is None:
            return self
        if costs.input_tokens is None and self.training.backend != "hosted":
            raise ValueError(
                "costs.machine_hour is one of two prices, and no hosted model is named: give "
                "costs.input_tokens and costs.prompt_tokens"
            )
        if not self.registry.enabled or self.split.folds is not None:
            raise ValueError(
                "costs are drawn from how fast the packaged model answers, and this run packages "
                "none: set registry.enabled=true and split.folds=null, or costs.machine_hour=null"
            )
        return self

    @model_validator(mode="after")
    def _sets_labels_aside(self) -> "CaseConfig":
        if self.evaluation.set_aside and not self.has_several_labels:
            raise ValueError("evaluation.set_aside is for cases with any number of labels a row")
        return self

    @model_validator(mode="after")
    def _stops_early_at_the_best(self) -> "CaseConfig":
        keeps = {self.training.keep, *self.grid.training.get("keep", ())}
        waits = {self.training.patience, *self.grid.training.get("patience", ())}
        if "last" in keeps and waits != {None}:
            raise ValueError(
                "training.patience stops when the best epoch is some time ago, which says nothing "
                "for training.keep=last: leave one of them"
            )
        return self

    @model_validator(mode="after")
    def _packs_where_it_can(self) -> "CaseConfig":
        wanted = (self.training.packing, *self.grid.training.get("packing", ()))
        if any(wanted) and not self.packs:
            raise ValueError(
                "training.packing is for cases that write and train through TRL "
                "(language.trainer=trl): set it to false"
            )
        return self

    @model_validator(mode="after")
    def _pairs_where_it_can(self) -> "CaseConfig":
        if self.data.pair and not self.reads_pairs:
            raise ValueError(
                f"data.pair is for cases that learn labels or numbers, and task: {self.task} is "
                "another: set it to false"
            )
        return self

    @model_validator(mode="after")
    def _divides_in_one_way(self) -> "CaseConfig":
        ways = {
            "split.test_role": self.split.test_role,
            "data.split_column": self.data.split_column,
            "split.after": self.split.after,
            "split.folds": self.split.folds,
        }
        said = [name for name, value in ways.items() if value is not None]
        if len(said) > 1:
            raise ValueError(
                f"{' and '.join(said)} each say which rows are the test part: set one to null"
            )
        if self.split.after is not None and self.data.time_column is None:
            raise ValueError("split.after reads data.time_column: name the column with the times")
        return self

    @model_validator(mode="after")
    def _has_its_layout(self) -> "CaseConfig":
        if self.layouts and self.data.layout not in self.layouts:
            raise ValueError(
                f"data.layout={self.data.layout} does not go with task: {self.task}: use "
                f"{' or '.join(self.layouts)}"
            )
        return self

    @model_validator(mode="after")
    def _groups_in_one_way(self) -> "CaseConfig":
        by = self.split.group_by
        if self.data.group_column is not None and self.split.group_role != GIVEN_GROUP:
            raise ValueError(
                f"data.group_column and split.group_by={by} each say which rows belong together: "
                "set split.group_by=none for the column, or data.group_column=null"
            )
        return self

    @model_validator(mode="after")
    def _has_folds_where_it_can(self) -> "CaseConfig":
        if self.split.folds is not None and not self.has_folds:
            raise ValueError(
                f"split.folds is not for cases that learn from rewards (task: {self.task}), which "
                "are judged by what they write: set split.folds=null"
            )
        return self
