"""Learning from one round of experience: several epochs of clipped updates."""

import math
from collections import defaultdict

import torch
from torch import Tensor, nn

from tasks.config import RLConfig
from tasks.errors import DivergedError
from tasks.kinds.policy.formulas import masked_mean, policy_loss, value_loss
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rollout import Rollout


def make_optimizer(
    policy: Policy, learning_rate: float, value_learning_rate: float | None = None
) -> torch.optim.Optimizer:
    """Adam over what trains: one group for the model's parameters, one for the value head's.

    Its epsilon is that of OpenAI's PPO, 1e-5: at torch's 1e-8 a gradient that is only rounding
    (an attention key's bias has no other) moves its parameter as far as a real one.
    """
    head = list(policy.value_head.parameters())
    ours = {id(value) for value in head}
    model = [value for value in policy.trained().values() if id(value) not in ours]
    groups = [
        {"params": model, "lr": learning_rate},
        {"params": head, "lr": value_learning_rate or learning_rate},
    ]
    return torch.optim.Adam(groups, eps=1e-5)


def set_learning_rates(optimizer: torch.optim.Optimizer, config: RLConfig, step: int) -> None:
    """Those of a step: the first `warmup` ones rise in a line to the full rate.

    Args:
        optimizer: of `make_optimizer`.
        config: the full rates, and `warmup`.
        step: how many are done.
    """
    share = min(1.0, (step + 1) / (config.warmup + 1))
    for group, rate in zip(optimizer.param_groups, config.learning_rates, strict=True):
        group["lr"] = rate * share


def diverged(config: RLConfig) -> DivergedError:
    """What is said of a loss that is not a number."""
    return DivergedError(
        f"The loss of {config.algorithm} is not a number any more: lower rl.learning_rate (now "
        f"{config.learning_rate:g}) or set rl.precision=fp32."
    )


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
        DivergedError: the loss is not a number any more.
    """
    parameters = list(policy.trained().values())
    lengths = rollout.sampled.answers.lengths.cpu()
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(config.epochs):
        order = torch.randperm(len(lengths), generator=generator)
        for rows in order.split(config.mini_batch_size):
            optimizer.zero_grad()
            figures: defaultdict[str, float] = defaultdict(float)
            tokens = lengths[rows].sum().clamp(min=1)
            # The parts of a mini-batch add up to it in whatever order, so those of like length go
            # together; the mini-batches themselves stay drawn at random.
            for part in rows[lengths[rows].argsort()].split(config.answers_a_pass):
                share = float(lengths[part].sum() / tokens) if len(part) < len(rows) else 1.0
                loss, found = _loss(policy, rollout, part, config)
                if not math.isfinite(loss.item()):
                    raise diverged(config)
                (loss * share).backward()
                for name, figure in found.items():
                    figures[name] += figure.item() * share
            norm = nn.utils.clip_grad_norm_(parameters, config.max_grad_norm or math.inf)
            optimizer.step()
            for name, value in {**figures, "grad_norm": norm.item()}.items():
                seen[name].append(value)
    return {name: sum(values) / len(values) for name, values in seen.items()}


def _loss(
    policy: Policy, rollout: Rollout, rows: Tensor, config: RLConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of some answers, with gradients, and its figures: means over their tokens."""
    sampled = rollout.sampled
    answers = sampled.answers.take(rows)
    mask, tokens = answers.mask, (rows, slice(answers.ids.shape[1]))
    found = policy.evaluate(sampled.prompts.take(rows), answers)
    old, expected = sampled.log_probs[tokens], sampled.values[tokens]
    loss, clipped = policy_loss(found.log_probs, old, rollout.advantages[tokens], mask, config.clip)
    error, cut = value_loss(
        found.values, expected, rollout.returns[tokens], mask, config.value_clip
    )
    with torch.no_grad():
        moved = masked_mean((found.log_probs - old) ** 2, mask) / 2
    return loss + config.value_weight * error, {
        "loss/policy": loss,
        "loss/value": error,
        "clip/policy": clipped,
        "clip/value": cut,
        "entropy": masked_mean(found.entropy, mask),
        "approximate_kl": moved,
    }
