"""The loss of pairs against a double loop that knows nothing of tensors' shapes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.kinds.ranking.training import bradley_terry

NUMBER = st.floats(-20, 20, width=32)
PAIRS = st.lists(st.tuples(NUMBER, NUMBER, st.floats(0, 9, width=32)), min_size=1, max_size=8)


@settings(deadline=None)
@given(pairs=PAIRS)
def test_each_pair_is_compared_with_its_own_partner_alone(pairs: list[tuple[float, ...]]) -> None:
    total = count = 0.0
    for i, (chosen, _, margin) in enumerate(pairs):
        for j, (_, rejected, _) in enumerate(pairs):
            if i == j:
                total += math.log1p(math.exp(-(chosen - rejected - margin)))
                count += 1
    found = bradley_terry(*torch.tensor(pairs, dtype=torch.float64).T)
    assert found.shape == ()
    assert float(found) == pytest.approx(total / count, abs=1e-9)


def test_a_pair_learns_nothing_from_the_gradient_of_another() -> None:
    chosen, rejected = torch.randn(2, 4, requires_grad=True, dtype=torch.float64).unbind()
    margin = torch.tensor([0.0, 3.0, 1.0, 7.0], dtype=torch.float64)
    (slope,) = torch.autograd.grad(bradley_terry(chosen, rejected, margin), chosen)
    wanted = -torch.sigmoid(-(chosen - rejected - margin)) / 4
    torch.testing.assert_close(slope, wanted.detach())


@pytest.mark.parametrize("shape", [(4, 1), (3,)])
def test_shapes_that_would_broadcast_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one number a pair is needed"):
        bradley_terry(torch.zeros(4), torch.zeros(shape), torch.zeros(4))
