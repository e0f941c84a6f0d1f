"""Policy arms on tiny models: prompts, a reward that is easy to learn, and their specification."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from kinds.policy.rl_parts import small_config

from tasks.storage import TableRef, put_table

if TYPE_CHECKING:  # at run time inside the functions: the import costs seconds
    from tasks.training.arms import ArmSpec

PROMPTS = [f"{word} {number}" for number in range(8) for word in ("cat", "dog", "cow")]
LONG = {"function": "length", "name": "words", "weight": 1.0}
"""An easy lesson: every word is worth one, and a space begins a new one."""


def prompt_parts() -> dict[str, TableRef]:
    """`train`, `validation` and `test` of 12, 6 and 6 prompts."""
    stored = {}
    rows = pd.DataFrame({"id": [f"row-{n}" for n in range(24)], "text": PROMPTS})
    for name, start, stop in (("train", 0, 12), ("validation", 12, 18), ("test", 18, 24)):
        stored[name] = put_table(rows[start:stop], f"test prompts, {name}")
    return stored


def policy_spec(base: Path, **changes: Any) -> "ArmSpec":
    """An arm on a tiny model; `rl=` takes fields to change."""
    from tasks.config import LanguageConfig, ModelConfig, RewardConfig, TrainingConfig
    from tasks.config.strategies import strategy
    from tasks.models.base_models import locate
    from tasks.training.arms import ArmSpec

    rl = {"max_new_tokens": 8, "learning_rate": 1e-2} | changes.pop("rl", {})
    fields: dict[str, Any] = {
        "case": "sawyer_rl",
        "task": "policy",
        "strategy": strategy(changes.pop("strategy", "last_2")),
        "seed": 1,
        "point": {},
        "model": ModelConfig(base=str(base), max_length=32),
        "training": TrainingConfig(select_by="val/reward"),
        "language": LanguageConfig(source_name="Q", target_name="A"),
        "rl": small_config(**rl),
        "rewards": tuple(RewardConfig(**each) for each in changes.pop("rewards", [LONG])),
        "reward_digests": ("",),
        "base_digest": locate(str(base)).digest,
        "labels": (),
        **prompt_parts(),
    }
    return ArmSpec(**(fields | changes))
