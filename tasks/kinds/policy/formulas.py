"""The equations of PPO for texts, on tensors of (answers, tokens).

One answer is one episode, one token one action. Every tensor here has a row for each answer and a
column for each of its tokens; `mask` is 1 where the row has a token and 0 behind its end. Sources:

- PPO: Schulman, Wolski, Dhariwal, Radford and Klimov, Proximal Policy Optimization Algorithms,
  2017 (arXiv 1707.06347).
- GAE: Schulman, Moritz, Levine, Jordan and Abbeel, High-Dimensional Continuous Control Using
  Generalized Advantage Estimation, 2016 (arXiv 1506.02438).
- The reward less a penalty for leaving the reference: Ziegler, Stiennon, Wu, Brown, Radford,
  Amodei, Christiano and Irving, Fine-Tuning Language Models from Human Preferences, 2019 (arXiv
  1909.08593); Stiennon et al., Learning to Summarize from Human Feedback, 2020 (arXiv 2009.01325).

They agree with the last PPOTrainer that TRL had (0.11.4): `tests/rl/test_agreement.py`.
"""

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of all rows together, a scalar; 0 where there is no token.

    Args:
        values: (answers, tokens), finite behind the end too.
        mask: (answers, tokens).
    """
    return (values * mask).sum() / mask.sum().clamp(min=1)


def whiten(values: Tensor, mask: Tensor, shift_mean: bool = True) -> Tensor:
    """Values at variance 1 over all tokens, and at mean 0 unless `shift_mean` is off.

    The variance is the unbiased one. A single token, which has none, becomes its mean.

    Args:
        values: (answers, tokens).
        mask: (answers, tokens).

    Returns:
        (answers, tokens), of no meaning where `mask` is 0.
    """
    mean = masked_mean(values, mask)
    tokens = mask.sum()
    centred = values - mean
    variance = (centred**2 * mask).sum() / (tokens - 1).clamp(min=1)
    whitened = centred * torch.rsqrt(variance + 1e-8)
    return whitened if shift_mean else whitened + mean


def token_rewards(
    scores: Tensor, log_probs: Tensor, reference: Tensor, mask: Tensor, coefficient: float
) -> Tensor:
    """What each token earns: its KL penalty, and at the answer's last token the score too.

        r_t = -beta (log pi(a_t) - log pi_ref(a_t)) + [t is the last token] score

    Ziegler et al. 2019, equation 2, and Stiennon et al. 2020, section 3.4, write it for the whole
    answer; the sum over its tokens is the same.

    Args:
        scores: (answers,) of the reward.
        log_probs: (answers, tokens) under the policy that wrote the answers.
        reference: (answers, tokens) under the reference.
        mask: (answers, tokens).
        coefficient: beta.

    Returns:
        (answers, tokens), 0 behind the end. An answer of no tokens has no action to reward.
    """
    rewards = -coefficient * (log_probs - reference) * mask
    last = (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).argmax(1)
    rows = mask.bool().any(1).nonzero().squeeze(1)
    rewards[rows, last[rows]] += scores[rows].to(rewards.dtype)
    return rewards


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates, and what the value head should have said.

        delta_t = r_t + gamma V_{t+1} - V_t
        A_t = sum_l (gamma lambda)^l delta_{t+l}          (Schulman et al. 2016, equation 16)
        R_t = A_t + V_t

    Nothing is worth anything behind an answer's last token, an answer that was cut included:
    the reward was given for the text as it stands.

    Args:
        rewards: (answers, tokens).
        values: (answers, tokens), V_t as the value head saw it before token t was drawn.
        mask: (answers, tokens).

    Returns:
        Advantages, not yet whitened, and returns; (answers, tokens) each, 0 behind the end.
    """
    rewards, values = rewards * mask, values * mask
    following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
    deltas = rewards + gamma * following - values
    advantages = torch.zeros_like(values)
    running = torch.zeros_like(values[:, 0])
    for token in reversed(range(values.shape[1])):
        running = deltas[:, token] + gamma * lam * running
        advantages[:, token] = running
    return advantages, advantages + values


def policy_loss(
    log_probs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """The clipped surrogate, to be made small, and the share of tokens that it clipped.

        ratio_t = pi(a_t) / pi_old(a_t)
        L = -mean min(ratio_t A_t, clip(ratio_t, 1 - epsilon, 1 + epsilon) A_t)

    Schulman et al. 2017, equation 7.

    Args:
        log_probs: (answers, tokens) under the policy, with gradients.
        old: (answers, tokens) under the policy that wrote the answers.
        advantages: (answers, tokens), whitened.
        mask: (answers, tokens).
        clip: epsilon.
    """
    ratio = torch.exp(log_probs - old)
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip, 1 + clip)
    share = masked_mean((clipped > plain).float(), mask)
    return masked_mean(torch.maximum(plain, clipped), mask), share


def value_loss(
    values: Tensor, old: Tensor, returns: Tensor, mask: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """Half the squared error of the value head, clipped, and the share of tokens clipped.

        L = 1/2 mean max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2)

    Schulman et al. 2017, equation 9, has the plain square. The clipping is that of the code
    behind their paper, which Ziegler et al. 2019 and TRL took over: a value moves as little in
    one update as the policy does.

    Args:
        values: (answers, tokens), with gradients.
        old: (answers, tokens), from before the update.
        returns: (answers, tokens).
        mask: (answers, tokens).
        clip: c.
    """
    near = torch.maximum(torch.minimum(values, old + clip), old - clip)
    plain, clipped = (values - returns) ** 2, (near - returns) ** 2
    share = masked_mean((clipped > plain).float(), mask)
    return 0.5 * masked_mean(torch.maximum(plain, clipped), mask), share


def chosen_log_probs(log_probs: Tensor, ids: Tensor) -> Tensor:
    """log pi of each token that stands there.

    Args:
        log_probs: (answers, tokens, vocabulary), of every token that could.
        ids: (answers, tokens).

    Returns:
        (answers, tokens).
    """
    return log_probs.gather(2, ids.unsqueeze(2)).squeeze(2)


def entropy_of(log_probs: Tensor) -> Tensor:
    """Entropy of each next token's distribution in nats, without gradients.

    It is watched, not rewarded: a policy whose entropy falls to 0 has stopped exploring.

    Args:
        log_probs: (answers, tokens, vocabulary).

    Returns:
        (answers, tokens).
    """
    log_probs = log_probs.detach()
    return -(log_probs.exp().mul_(log_probs)).sum(2)
