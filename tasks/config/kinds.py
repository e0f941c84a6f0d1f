"""What each kind of case has beside the common sections: configuration is a sum.

A case holds the sections of its own kind alone, and so do `thaw show` and its form in the Prefect
UI. A kind's class stands here, not in its wing, because a case is read before its wing is imported.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from tasks.config.base import Task
from tasks.config.case import CaseConfig
from tasks.config.hosted import HostedConfig
from tasks.config.language import LanguageConfig
from tasks.config.numbers import NumbersConfig
from tasks.config.preference import PreferenceConfig
from tasks.config.rl import RewardConfig, RLConfig
from tasks.config.running import GridConfig
from tasks.config.strategies import OF_PARTS, Family
from tasks.config.vqa import VqaConfig
from tasks.config.zero_shot import ZeroShotConfig


class LabelsCase(CaseConfig):
    """A case whose rows have labels."""

    has_classes: ClassVar[bool] = True
    reads_pairs: ClassVar[bool] = True
    of_its_own: ClassVar[tuple[str, ...]] = (
        *("data.min_label_count", "data.label_separator", "data.rename_labels"),
    )

    hosted: HostedConfig = HostedConfig()


class MultiLabelCase(LabelsCase):
    """Any number of labels a row."""

    no_single_label: ClassVar[str] = "is multi-label"
    has_several_labels: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "data": {"required": ["text", "labels"]},
        "training": {"select_by": "val/average_precision_micro"},
        "evaluation": {
            "primary": "test/f1_micro_tuned",
            "table": [
                *("f1_micro_tuned", "f1_macro_tuned", "average_precision_macro"),
                *("roc_auc_macro", "jaccard_samples_tuned"),
            ],
        },
    }

    task: Literal["multi_label"]


class SingleLabelCase(LabelsCase):
    """Exactly one label a row."""

    no_single_label: ClassVar[str] = ""
    defaults: ClassVar[Mapping[str, Any]] = {
        "data": {"required": ["text", "label"], "label_role": "label", "label_separator": ""},
        "training": {"select_by": "val/f1_macro"},
        "evaluation": {
            "primary": "test/f1_macro",
            "table": ["f1_macro", "accuracy", "balanced_accuracy", "f1_weighted", "loss"],
        },
    }

    task: Literal["single_label"]
    zero_shot: ZeroShotConfig = ZeroShotConfig()


class NumbersGrid(GridConfig):
    """Values to try in cases that learn a number."""

    numbers: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Field of how numbers are learned -> values."""


class NumbersCase(CaseConfig):
    """A case whose rows have a number."""

    layouts: ClassVar[tuple[str, ...]] = ("table",)
    reads_pairs: ClassVar[bool] = True
    of_its_own: ClassVar[tuple[str, ...]] = ("numbers.unit", "numbers.decimal", "numbers.loss")
    defaults: ClassVar[Mapping[str, Any]] = {
        "data": {"required": ["text", "number"], "label_role": "number", "label_separator": ""},
        "training": {"select_by": "val/mae"},
        "evaluation": {"primary": "test/mae", "table": ["mae", "rmse", "r2", "spearman"]},
    }

    task: Literal["regression"]
    numbers: NumbersConfig = NumbersConfig()
    grid: NumbersGrid = NumbersGrid()


class WritingCase(CaseConfig):
    """A case that learns to write a text for a text."""

    of_its_own: ClassVar[tuple[str, ...]] = (
        *("language.instruction", "language.max_new_tokens", "language.beams"),
        "language.few_shot",
    )
    defaults: ClassVar[Mapping[str, Any]] = {
        "data": {
            "required": ["prompt", "completion"],
            "text_role": "prompt",
            "label_role": "completion",
            "label_separator": "",
            "text": ["{prompt}"],
        },
        "evaluation": {
            "primary": "test/perplexity",
            "table": [
                "perplexity",
                "loss",
                "rouge_l",
                "distinct_2",
                "repetition_4",
                "words",
                "stops",
            ],
        },
        "language": {"scores": "text", "few_shot": 0},
    }

    task: Literal["completion"]
    language: LanguageConfig = LanguageConfig()

    @property
    def packs(self) -> bool:
        """TRL's trainer can put several examples into one row."""
        return self.language.trainer == "trl"


class RankingGrid(GridConfig):
    """Values to try in cases that rank."""

    preference: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Field of learning from comparisons -> values."""


class RankingCase(CaseConfig):
    """A case that learns which of two answers is better."""

    layouts: ClassVar[tuple[str, ...]] = ("comparisons",)
    of_its_own: ClassVar[tuple[str, ...]] = ("preference.margin", "preference.margin_scale")
    defaults: ClassVar[Mapping[str, Any]] = {
        "data": {
            "layout": "comparisons",
            "required": ["query", "chosen", "rejected"],
            "optional": ["gap", "chosen_source", "rejected_source"],
            "text_role": "query",
            "label_role": None,
            "keep_lines": True,
            "text": ["{query}"],
        },
        "evaluation": {
            "primary": "test/pair_accuracy",
            "table": ["pair_accuracy", "pair_accuracy_matched", "margin", "loss"],
        },
    }

    task: Literal["preference"]
    preference: PreferenceConfig = PreferenceConfig()
    grid: RankingGrid = RankingGrid()


class PolicyGrid(GridConfig):
    """Values to try in cases that learn from rewards."""

    rl: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Field of learning from rewards -> values."""


class PolicyCase(CaseConfig):
    """A case that learns to write what earns rewards."""

    has_folds: ClassVar[bool] = False
    commonest: ClassVar[tuple[str, ...]] = (
        *("rl.steps", "rl.batch_size", "rl.learning_rate"),
        *("model.base", "model.max_length"),
        *("data.path", "data.columns", "data.limit"),
    )
    defaults: ClassVar[Mapping[str, Any]] = {
        "data": {"label_role": None},
        "training": {"select_by": "val/reward"},
        "evaluation": {
            "primary": "test/reward",
            "table": ["reward", "greedy_reward", "kl", "tokens", "distinct_2", "repetition_4"],
        },
    }

    task: Literal["policy"]
    language: LanguageConfig = LanguageConfig()
    rl: RLConfig = RLConfig()
    rewards: tuple[RewardConfig, ...] = ()
    """What answers earn: a weighted sum."""
    grid: PolicyGrid = PolicyGrid()


class PicturesGrid(GridConfig):
    """Values to try in cases about pictures."""

    vqa: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Field of answering questions about pictures -> values."""


class PicturesCase(CaseConfig):
    """A case that learns to answer questions about pictures."""

    reads_file: ClassVar[bool] = False
    commonest: ClassVar[tuple[str, ...]] = (
        *("training.epochs", "training.batch_size", "training.learning_rate"),
        *("model.base", "vqa.text_encoder", "vqa.image_encoder", "vqa.max_images", "data.path"),
    )
    families: ClassVar[tuple[Family, ...]] = OF_PARTS
    defaults: ClassVar[Mapping[str, Any]] = {
        "evaluation": {
            "primary": "test/vqa_accuracy",
            "table": ["vqa_accuracy", "exact_match", "yes_no", "number", "other", "stops", "loss"],
        },
    }

    task: Literal["vqa"]
    vqa: VqaConfig = VqaConfig()
    grid: PicturesGrid = PicturesGrid()

    @property
    def base_model(self) -> str:
        """All three models."""
        return f"{self.vqa.text_encoder} + {self.vqa.image_encoder} + {self.model.base}"


CASES: dict[Task, type[CaseConfig]] = {
    "multi_label": MultiLabelCase,
    "single_label": SingleLabelCase,
    "regression": NumbersCase,
    "completion": WritingCase,
    "preference": RankingCase,
    "policy": PolicyCase,
    "vqa": PicturesCase,
}
"""The YAML's `task:` -> what such a case's configuration holds."""


def case_of_json(text: str) -> CaseConfig:
    """A resolved configuration as its run keeps it.

    Runs of earlier releases name the sections of every kind: those of other kinds go.

    Raises:
        ValueError: it is none that this version reads.
    """
    fields = json.loads(text)
    kind = CASES[fields["task"]]
    others = {name for other in CASES.values() for name in other.model_fields}
    others -= set(kind.model_fields)
    own = {name: value for name, value in fields.items() if name not in others}
    grid = kind.model_fields["grid"].annotation.model_fields  # type: ignore[union-attr]
    own["grid"] = {name: value for name, value in own.get("grid", {}).items() if name in grid}
    return kind.model_validate(own)
