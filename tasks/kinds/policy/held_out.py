"""Prompts that the policy never learns from, answered with the same draws each time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tasks.config import RLConfig
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Reward, Scores
from tasks.kinds.policy.rollout import Query, figures_of, sample


@dataclass(frozen=True)
class Measured:
    """How a policy answers held-out prompts; row i is prompt i.

    Attributes:
        texts: its answers.
        scores: what they earned, KL penalty not included.
        kl: log pi - log pi_ref summed over each answer, float64 (prompts,).
        tokens: of each answer, the end token included, (prompts,).
        stopped: which ended by themselves, bool (prompts,).
        figures: means, under the names of `figures_of`.
    """

    texts: list[str]
    scores: Scores
    kl: np.ndarray
    tokens: np.ndarray
    stopped: np.ndarray
    figures: dict[str, float]


def measure(
    policy: Policy, queries: Sequence[Query], rewards: Sequence[Reward], config: RLConfig
) -> Measured:
    """Answer and score every prompt.

    The draws are seeded anew, so that two policies differ in nothing but what they are, and a
    measurement in the middle of training changes nothing in what follows.

    Raises:
        ThawError: a reward is not a number; see `score_answers`.
    """
    generator = torch.Generator(policy.device).manual_seed(config.seed)
    parts = [
        sample(policy, queries[start : start + config.batch_size], rewards, config, generator)
        for start in range(0, len(queries), config.batch_size)
    ]
    names, end = parts[0].scores.parts, policy.tokenizer.eos_token_id
    return Measured(
        texts=[text for part in parts for text in part.texts],
        scores=Scores(
            total=np.concatenate([part.scores.total for part in parts]),
            parts={
                name: np.concatenate([part.scores.parts[name] for part in parts]) for name in names
            },
        ),
        kl=torch.cat([part.kl for part in parts]).double().cpu().numpy(),
        tokens=torch.cat([part.answers.lengths for part in parts]).cpu().numpy(),
        stopped=np.array([row[-1:] == [end] for part in parts for row in part.answers.rows()]),
        figures=figures_of(parts),
    )
