"""One round of experience: answers drawn, scored, and turned into advantages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tasks.config import RLConfig
from tasks.errors import RequestError
from tasks.kinds.policy.formulas import advantages_and_returns, masked_mean, token_rewards, whiten
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rewards import Reward, Scores, score_answers
from tasks.kinds.policy.tokens import Answers, Prompts
from tasks.texts import repetition


@dataclass(frozen=True)
class Query:
    """A prompt.

    Attributes:
        name: of its row, as messages say it.
        ids: what the policy reads; at least one token.
        text: what the rewards see of it.
    """

    name: str
    ids: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Sampled:
    """Answers to queries, and what three parties say of them; figures are (answers, tokens).

    Attributes:
        prompts: as the policy read them.
        answers: what it drew.
        texts: the same for readers.
        scores: of the rewards.
        log_probs: under the policy that drew.
        values: of its value head.
        reference: log-probabilities under the reference.
    """

    prompts: Prompts
    answers: Answers
    texts: list[str]
    scores: Scores
    log_probs: Tensor
    values: Tensor
    reference: Tensor

    @property
    def kl(self) -> Tensor:
        """log pi - log pi_ref summed over each answer's tokens, (answers,): its mean estimates
        the KL divergence from the reference in nats an answer."""
        return ((self.log_probs - self.reference) * self.answers.mask).sum(1)


def figures_of(sampled: Sequence[Sampled]) -> dict[str, float]:
    """What is logged of answers: means of KL, reward and its parts, length and repetition.

    `kl` is in nats an answer, `tokens` counts the end token, `repetition` is the share of
    repeated 4-grams, `reward/<name>` is a part before weighting.
    """
    kl = torch.cat([part.kl.double().cpu() for part in sampled])
    tokens = torch.cat([part.answers.lengths.cpu() for part in sampled]).double()
    rewards = np.concatenate([part.scores.total for part in sampled])
    texts = [text for part in sampled for text in part.texts]
    figures = {
        "kl": float(kl.mean()),
        "kl_per_token": float(kl.sum() / tokens.sum().clamp(min=1)),
        "reward": float(rewards.mean()),
        "reward_sd": float(rewards.std()),
        "tokens": float(tokens.mean()),
        "words": float(np.mean([len(text.split()) for text in texts])),
        "repetition": float(np.mean([repetition(text) for text in texts])),
    }
    for name in sampled[0].scores.parts:
        figures[f"reward/{name}"] = float(
            np.concatenate([part.scores.parts[name] for part in sampled]).mean()
        )
    return figures


@dataclass(frozen=True)
class Rollout:
    """What the update learns from.

    Attributes:
        sampled: the answers.
        advantages: whitened, (answers, tokens).
        returns: (answers, tokens).
    """

    sampled: Sampled
    advantages: Tensor
    returns: Tensor


def check_queries(policy: Policy, queries: Sequence[Query], max_new_tokens: int) -> None:
    """Refuse prompts that leave no room for an answer.

    Raises:
        RequestError: naming the first row that is empty or too long.
    """
    room = policy.context
    if room is not None and policy.shares_context:
        room -= max_new_tokens
    for query in queries:
        if not query.ids:
            raise RequestError(f"The prompt of row {query.name} is empty: give it a text.")
        if room is not None and len(query.ids) > room:
            beside = f" beside {max_new_tokens} new ones" if policy.shares_context else ""
            raise RequestError(
                f"The prompt of row {query.name} has {len(query.ids)} tokens, and the model's "
                f"context has room for {max(room, 0)}{beside}: shorten it, or lower "
                "rl.max_new_tokens."
            )


def sample(
    policy: Policy,
    queries: Sequence[Query],
    rewards: Sequence[Reward],
    config: RLConfig,
    generator: torch.Generator,
) -> Sampled:
    """Let the policy answer, and score what it wrote.

    Raises:
        ThawError: a reward is not a number; see `score_answers`.
    """
    prompts = policy.read([query.ids for query in queries])
    prompts, answers = policy.sample(prompts, config.max_new_tokens, generator)
    texts = policy.texts(answers)
    scores = score_answers(
        rewards, [query.text for query in queries], texts, [query.name for query in queries]
    )
    log_probs, values, reference = torch.zeros((3, *answers.ids.shape), device=policy.device)
    with torch.no_grad():
        for rows in answers.by_length(config.answers_a_pass):
            asked, given = prompts.take(rows), answers.take(rows)
            width = given.ids.shape[1]
            found = policy.evaluate(asked, given)
            log_probs[rows, :width] = found.log_probs
            values[rows, :width] = found.values
            reference[rows, :width] = policy.reference_log_probs(asked, given)
    return Sampled(prompts, answers, texts, scores, log_probs, values, reference)


def collect(sampled: Sampled, coefficient: float, config: RLConfig) -> Rollout:
    """Rewards less the KL penalty, advantages and returns of what was sampled."""
    mask = sampled.answers.mask
    scores = torch.as_tensor(sampled.scores.total, dtype=torch.float32, device=mask.device)
    rewards = token_rewards(scores, sampled.log_probs, sampled.reference, mask, coefficient)
    if config.whiten_rewards:
        rewards = whiten(rewards, mask, shift_mean=False)
    advantages, returns = advantages_and_returns(
        rewards, sampled.values, mask, config.gamma, config.lam
    )
    return Rollout(sampled, whiten(advantages, mask) * mask, returns)


def explained_variance(rollout: Rollout) -> float:
    """1 - Var(R - V) / Var(R): 1 for a value head that knew, 0 for one that says the mean."""
    mask = rollout.sampled.answers.mask
    returns = rollout.returns

    def variance(values: Tensor) -> Tensor:
        return masked_mean((values - masked_mean(values, mask)) ** 2, mask)

    spread = variance(returns)
    if float(spread) == 0:
        return 0.0
    return float(1 - variance(returns - rollout.sampled.values) / spread)
