"""The equations, against sums written out from the papers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.kinds.policy.formulas import (
    advantages_and_returns,
    chosen_log_probs,
    entropy_of,
    masked_mean,
    policy_loss,
    token_rewards,
    value_loss,
    whiten,
)

small = st.floats(-5, 5, width=32)
shares = st.floats(0, 1, width=32)


@st.composite
def tables(draw: st.DrawFn, count: int) -> tuple[torch.Tensor, ...]:
    """Some tensors of (answers, tokens) and a mask of the answers' lengths, 0 included."""
    rows, width = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    cells = st.lists(st.lists(small, min_size=width, max_size=width), min_size=rows, max_size=rows)
    lengths = draw(st.lists(st.integers(0, width), min_size=rows, max_size=rows))
    mask = torch.tensor([[int(place < length) for place in range(width)] for length in lengths])
    return *(torch.tensor(draw(cells), dtype=torch.float64) for _ in range(count)), mask


@settings(deadline=None, max_examples=60)
@given(tables(2), shares, shares)
def test_gae_is_the_direct_sum(given: tuple, gamma: float, lam: float) -> None:
    rewards, values, mask = given
    advantages, returns = advantages_and_returns(rewards, values, mask, gamma, lam)
    for row, length in enumerate(mask.sum(1).tolist()):
        # V of what comes behind the last token is 0.
        r, v = rewards[row].tolist(), [*values[row, :length].tolist(), 0.0]
        for t in range(mask.shape[1]):
            direct = sum(
                (gamma * lam) ** (s - t) * (r[s] + gamma * v[s + 1] - v[s])
                for s in range(t, length)
            )
            assert advantages[row, t].item() == pytest.approx(direct, abs=1e-9)
            told = direct + (v[t] if t < length else 0.0)
            assert returns[row, t].item() == pytest.approx(told, abs=1e-9)


@settings(deadline=None)
@given(tables(2))
def test_with_lambda_and_gamma_1_the_return_is_the_sum_of_rewards_to_come(given: tuple) -> None:
    rewards, values, mask = given
    _, returns = advantages_and_returns(rewards, values, mask, 1.0, 1.0)
    to_come = (rewards * mask).flip(1).cumsum(1).flip(1)
    assert torch.allclose(returns * mask, to_come * mask)


@settings(deadline=None)
@given(tables(1), small)
def test_whitening_gives_mean_0_and_variance_1_whatever_stands_behind_the_end(
    given: tuple, other: float
) -> None:
    values, mask = given
    found = whiten(values, mask)[mask.bool()]
    changed = torch.where(mask.bool(), values, torch.tensor(other, dtype=values.dtype))
    assert torch.allclose(found, whiten(changed, mask)[mask.bool()])
    if len(found) > 1 and values[mask.bool()].std() > 0.1:
        assert found.mean().item() == pytest.approx(0, abs=1e-6)
        assert found.std().item() == pytest.approx(1, abs=1e-5)
        kept = whiten(values, mask, shift_mean=False)[mask.bool()]
        assert kept.mean().item() == pytest.approx(values[mask.bool()].mean().item(), abs=1e-6)
    assert torch.isfinite(found).all()


def test_a_single_token_whitens_to_nothing_instead_of_nan() -> None:
    values, mask = torch.tensor([[3.0, 9.0]]), torch.tensor([[1, 0]])
    assert whiten(values, mask)[0, 0] == 0
    assert whiten(values, mask, shift_mean=False)[0, 0] == 3


@settings(deadline=None)
@given(tables(1))
def test_the_masked_mean_is_that_of_the_real_tokens(given: tuple) -> None:
    values, mask = given
    real = values[mask.bool()]
    wanted = real.mean().item() if len(real) else 0.0
    assert masked_mean(values, mask).item() == pytest.approx(wanted, abs=1e-9)


@settings(deadline=None)
@given(tables(2), st.floats(0, 2))
def test_rewards_add_up_to_the_score_less_the_kl(given: tuple, coefficient: float) -> None:
    log_probs, reference, mask = given
    scores = torch.arange(1.0, len(mask) + 1).double()
    rewards = token_rewards(scores, log_probs, reference, mask, coefficient)
    kl = ((log_probs - reference) * mask).sum(1)
    wanted = torch.where(mask.bool().any(1), scores, 0.0) - coefficient * kl
    assert torch.allclose(rewards.sum(1), wanted)
    assert (rewards[mask == 0] == 0).all()


def test_the_score_is_paid_at_the_last_token() -> None:
    zeros = torch.zeros(3, 4)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    rewards = token_rewards(torch.tensor([5.0, 7.0, 9.0]), zeros, zeros, mask, 0.2)
    assert rewards.tolist() == [[0, 5, 0, 0], [0, 0, 0, 7], [0, 0, 0, 0]]


def test_a_ratio_beyond_the_clip_learns_nothing_more_in_its_direction() -> None:
    old, mask = torch.zeros(1, 4), torch.ones(1, 4)
    # Twice as probable and half as probable, each with a good and a bad advantage.
    new = torch.tensor([[2.0, 2.0, 0.5, 0.5]]).log().requires_grad_()
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    loss, clipped = policy_loss(new, old, advantages, mask, 0.2)
    assert loss.item() == pytest.approx(-(1.2 - 2.0 + 0.5 - 0.8) / 4)
    assert clipped.item() == 0.5
    loss.backward()
    assert [value != 0 for value in new.grad[0].tolist()] == [False, True, True, False]


def test_the_value_loss_takes_the_worse_of_clipped_and_not() -> None:
    mask, old = torch.ones(1, 2), torch.zeros(1, 2)
    values, returns = torch.tensor([[1.0, 0.1]]), torch.tensor([[1.0, 1.0]])
    loss, clipped = value_loss(values, old, returns, mask, 0.2)
    assert loss.item() == pytest.approx(0.5 * (0.8**2 + 0.9**2) / 2)
    assert clipped.item() == 0.5


def test_log_probabilities_and_entropy_of_a_known_distribution() -> None:
    chances = torch.tensor([0.5, 0.25, 0.25])
    log_probs = chances.log().expand(1, 2, 3)
    found = chosen_log_probs(log_probs, torch.tensor([[0, 2]]))
    assert torch.allclose(found, torch.tensor([[0.5, 0.25]]).log())
    assert torch.allclose(entropy_of(log_probs), torch.full((1, 2), 1.5 * math.log(2)))
