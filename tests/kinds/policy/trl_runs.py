"""Runs of RLOO and GRPO through TRL on the tiny task of `rl_parts.py`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinds.policy.rl_parts import PROMPTS, make_queries, many_b, small_config

from tasks.config import RLConfig

if TYPE_CHECKING:
    from tasks.kinds.policy.checkpoint import Progress
    from tasks.kinds.policy.policy import Policy
    from tasks.kinds.policy.rewards import Reward

ALGORITHMS = ("rloo", "grpo")
QUERIES = make_queries(PROMPTS)


def config_of(algorithm: str, **changes: object) -> RLConfig:
    return small_config(**({"algorithm": algorithm, "generations": 4} | changes))


def start(
    policy: "Policy",
    folder: Path,
    config: RLConfig,
    rewards: Sequence["Reward"] = (),
    log: Any = None,
    held_out: int = 1,
) -> "Progress":
    from tasks.kinds.policy.with_trl import train_with_trl

    rewards = list(rewards) or [many_b()]
    return train_with_trl(policy, QUERIES[:8], QUERIES[8:] * held_out, rewards, config, folder, log)
