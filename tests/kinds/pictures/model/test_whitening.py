"""Whitened features: uncorrelated, of one scale, the strongest first."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from tasks.kinds.pictures.model.whitening import Whitening


def states(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    """Correlated ones whose directions differ in scale by a hundred."""
    chance = torch.Generator().manual_seed(seed)
    scales = torch.logspace(1, -1, width)
    mixed = torch.randn(rows, width, generator=chance) * scales
    return mixed @ torch.linalg.qr(torch.randn(width, width, generator=chance))[0] + 5


@settings(max_examples=20, deadline=None)
@given(width=st.integers(2, 24), kept=st.integers(1, 24), seed=st.integers(0, 99))
def test_components_are_uncorrelated_and_of_unit_variance(width: int, kept: int, seed: int) -> None:
    kept = min(width, kept)
    given_states = states(40 * width, width, seed)
    whitening = Whitening(width, kept)
    whitening.fit(given_states)
    found = whitening(given_states).double()
    assert found.shape == (40 * width, kept)
    assert torch.allclose(found.mean(0), torch.zeros(kept).double(), atol=1e-3)
    covariance = torch.cov(found.T, correction=0).view(kept, kept)
    assert torch.allclose(covariance, torch.eye(kept).double(), atol=2e-3)


def test_it_is_what_scikit_learn_finds() -> None:
    given_states = states(500, 12)
    whitening = Whitening(12, 5)
    whitening.fit(given_states)
    wanted = PCA(5, whiten=True, svd_solver="full").fit_transform(given_states.double().numpy())
    wanted *= np.sqrt(500 / 499)  # it divides by n - 1
    found = whitening(given_states).numpy()
    signs = np.sign((found * wanted).sum(0))  # a direction may point either way
    assert found == pytest.approx(wanted * signs, abs=1e-3)


def test_directions_that_do_not_vary_stay_small() -> None:
    flat = torch.cat([states(300, 4), torch.full((300, 4), 3.0)], 1)
    whitening = Whitening(8, 8)
    whitening.fit(flat)
    found = whitening(flat)
    assert torch.isfinite(found).all()
    assert found.abs().max() < 10
    whitening.fit(torch.ones(3, 8))  # one picture of one colour
    assert torch.isfinite(whitening(torch.ones(3, 8))).all()


def test_the_mean_may_be_taken_before_or_after_and_in_half_precision() -> None:
    given_states = states(64, 8)
    whitening = Whitening(8, 4)
    assert torch.equal(whitening(given_states), given_states[:, :4])  # not fitted yet
    whitening.fit(given_states)
    by_picture = given_states.view(4, 16, 8)
    assert torch.allclose(whitening(by_picture).mean(1), whitening(by_picture.mean(1)), atol=1e-3)
    assert whitening(by_picture.bfloat16()).dtype == torch.float32
    assert not list(whitening.parameters())
    assert set(whitening.state_dict()) == {"mean", "matrix"}
