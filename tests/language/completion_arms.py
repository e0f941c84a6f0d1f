"""Writing arms on the tiny Llama, trained here and looked at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.config import LanguageConfig, ModelConfig, TrainingConfig
from tasks.config.strategies import strategy
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.writing.training import WritingLearner
from tasks.models.base_models import locate
from tasks.storage import put_table
from tasks.training.arms import ArmSpec
from tasks.training.run import train_arm

MakeArm = Callable[..., ArmSpec]


def arm_maker(
    base: Path,
    case: str,
    rows: list[tuple[str, str, list[str]]],
    train: int,
    plan: str,
    **language: Any,
) -> MakeArm:
    """A function that makes arms; its `training=` and `language=` take fields to change.

    Args:
        base: folder of the base model.
        case: name of the case.
        rows: id, text, and the completion in a list.
        train: how many rows to train on; three more validate, and the rest is for the test.
        plan: the strategy, unless the arm names another.
        language: how its pairs become text.
    """
    frame = pd.DataFrame(rows, columns=["id", "text", "labels"])
    cuts = {
        "train": frame[:train],
        "validation": frame[train : train + 3],
        "test": frame[train + 3 :],
    }
    parts = {n: put_table(f.reset_index(drop=True), f"{n} of tests") for n, f in cuts.items()}
    given = {"max_new_tokens": 10} | language

    def make(**changes: Any) -> ArmSpec:
        training = {"epochs": 3, "batch_size": 4, "learning_rate": 5e-3, "precision": "fp32"}
        fields: dict[str, Any] = {
            "case": case,
            "task": "completion",
            "strategy": strategy(changes.pop("strategy", plan)),
            "seed": 1,
            "point": {},
            "model": ModelConfig(base=str(base), max_length=60),
            "training": TrainingConfig(
                **(training | {"select_by": "val/loss"} | changes.pop("training", {}))
            ),
            "language": LanguageConfig(**(given | changes.pop("language", {}))),
            "base_digest": locate(str(base)).digest,
            "labels": (),
            **parts,
        }
        return ArmSpec(**(fields | changes))

    return make


def train(spec: ArmSpec, **options: Any) -> Outcome:
    """The arm's outcome, with no tracking run."""
    return train_arm(spec, "run", WritingLearner, lambda *_: None, **options)


def figures(outcome: Outcome) -> dict[str, float]:
    """What was measured on validation and test, without costs."""
    return {n: v for n, v in outcome.metrics.items() if n.partition("/")[0] in ("val", "test")}
