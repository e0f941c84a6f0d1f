"""The configuration of a case, and its sections; every field is documented where it stands."""

from tasks.config.base import PARTS, Frozen, Part
from tasks.config.case import CaseConfig
from tasks.config.data import DataConfig
from tasks.config.evaluation import EvaluationConfig, SplitConfig, ValidationConfig
from tasks.config.hosted import HostedConfig
from tasks.config.kinds import (
    LabelsCase,
    NumbersCase,
    PicturesCase,
    PolicyCase,
    RankingCase,
    SingleLabelCase,
    WritingCase,
)
from tasks.config.language import LanguageConfig
from tasks.config.numbers import NumbersConfig
from tasks.config.preference import PreferenceConfig
from tasks.config.reference import NotebookConfig, ReferenceCheck, ReferenceConfig, ReferenceRow
from tasks.config.rl import RewardConfig, RLConfig
from tasks.config.running import (
    ExecutionConfig,
    GridConfig,
    RegistryConfig,
    ScheduleConfig,
    TrackingConfig,
)
from tasks.config.training import ModelConfig, TrainingConfig
from tasks.config.vqa import SmallConfig, VqaConfig

__all__ = [
    "PARTS",
    "CaseConfig",
    "DataConfig",
    "EvaluationConfig",
    "ExecutionConfig",
    "Frozen",
    "GridConfig",
    "HostedConfig",
    "LabelsCase",
    "LanguageConfig",
    "ModelConfig",
    "NotebookConfig",
    "NumbersCase",
    "NumbersConfig",
    "Part",
    "PicturesCase",
    "PolicyCase",
    "PreferenceConfig",
    "RLConfig",
    "RankingCase",
    "ReferenceCheck",
    "ReferenceConfig",
    "ReferenceRow",
    "RegistryConfig",
    "RewardConfig",
    "ScheduleConfig",
    "SingleLabelCase",
    "SmallConfig",
    "SplitConfig",
    "TrackingConfig",
    "TrainingConfig",
    "ValidationConfig",
    "VqaConfig",
    "WritingCase",
]
