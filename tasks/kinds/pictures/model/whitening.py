"""Features of pictures on one scale: the principal components that matter, of unit variance.

A pretrained encoder's states vary a thousand times more in some directions than in others, and
what tells pictures apart need not lie in the largest. With the mean m and the covariance C of the
states of some pictures, and the eigenvectors V of C's k largest eigenvalues L,

    y = (x - m) V L^(-1/2)

has mean zero and the covariance I (PCA whitening; Kessy, Lewin and Strimmer 2018,
arXiv:1512.00809). It is fitted once, before training, and does not train.
"""

import torch
from torch import Tensor, nn

_SMALLEST = 1e-6
"""Of the largest eigenvalue: directions that vary less are noise, and are not blown up."""


class Whitening(nn.Module):
    """The map above; until it is fitted it passes the first components on as they are."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, width: int, components: int) -> None:
        """For states of `width`, of which `components` are kept."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("matrix", torch.eye(width, components))

    def forward(self, states: Tensor) -> Tensor:
        """(…, width) of any precision to (…, components) in that of the map."""
        return (states.to(self.matrix.dtype) - self.mean) @ self.matrix

    @torch.no_grad()
    def fit(self, states: Tensor) -> None:
        """Take mean and covariance from (n, width) states, in float64."""
        wide = states.double()
        mean = wide.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((wide - mean).T, correction=0))
        values, vectors = values.flip(0), vectors.flip(1)
        kept = self.matrix.shape[1]
        scale = values.clamp_min(values[0].clamp_min(1e-12) * _SMALLEST).rsqrt()
        self.mean.copy_(mean)
        self.matrix.copy_(vectors[:, :kept] * scale[:kept])
