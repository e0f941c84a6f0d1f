"""Learning from one round of experience: several epochs of clipped updates."""

import math
from collections import defaultdict

import torch
from torch import nn

from tasks.config import RLConfig
from tasks.errors import ThawError
from tasks.rl.formulas import masked_mean, policy_loss, value_loss
from tasks.rl.policy import Policy
from tasks.rl.rollout import Rollout


def make_optimizer(policy: Policy, learning_rate: float) -> torch.optim.Optimizer:
    """Adam over what trains.

    Its epsilon is that of OpenAI's PPO, 1e-5: at torch's 1e-8 a gradient that is only rounding
    (an attention key's bias has no other) moves its parameter as far as a real one.
    """
    return torch.optim.Adam(list(policy.trained().values()), lr=learning_rate, eps=1e-5)


def learn(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    config: RLConfig,
    generator: torch.Generator,
) -> dict[str, float]:
    """Update the policy and its value head: Schulman et al. 2017, algorithm 1.

    The loss is the policy loss plus `value_weight` times the value loss, each a mean over the
    tokens of a mini-batch.

    Args:
        policy: the one that drew the answers.
        optimizer: over what trains of it.
        rollout: one round.
        config: how.
        generator: on the CPU, for the order of the answers.

    Returns:
        Means over all updates: `loss/policy`, `loss/value`, `clip/policy` and `clip/value` (the
        shares of tokens that were clipped), `entropy` in nats, `approximate_kl` between the policy
        and the one that drew, `grad_norm` before clipping.

    Raises:
        ThawError: the loss is not a number any more.
    """
    parameters = list(policy.trained().values())
    sampled = rollout.sampled
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(config.epochs):
        order = torch.randperm(len(sampled.answers), generator=generator)
        for rows in order.split(config.mini_batch_size):
            answers = sampled.answers.take(rows)
            tokens = (rows, slice(answers.ids.shape[1]))
            found = policy.evaluate(sampled.prompts.take(rows), answers)
            old, mask = sampled.log_probs[tokens], answers.mask
            loss, clipped = policy_loss(
                found.log_probs, old, rollout.advantages[tokens], mask, config.clip
            )
            error, cut = value_loss(
                found.values,
                sampled.values[tokens],
                rollout.returns[tokens],
                mask,
                config.value_clip,
            )
            total = loss + config.value_weight * error
            if not math.isfinite(total.item()):
                raise ThawError(
                    "The loss of PPO is not a number any more: lower rl.learning_rate (now "
                    f"{config.learning_rate:g}) or set rl.precision=fp32."
                )
            optimizer.zero_grad()
            total.backward()
            norm = nn.utils.clip_grad_norm_(parameters, config.max_grad_norm or math.inf)
            optimizer.step()
            with torch.no_grad():
                moved = masked_mean((found.log_probs - old) ** 2, mask) / 2
            figures = {
                "loss/policy": loss,
                "loss/value": error,
                "clip/policy": clipped,
                "clip/value": cut,
                "entropy": masked_mean(found.entropy, mask),
                "approximate_kl": moved,
                "grad_norm": norm,
            }
            for name, value in figures.items():
                seen[name].append(value.item())
    return {name: sum(values) / len(values) for name, values in seen.items()}
