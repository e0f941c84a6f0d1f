"""How many operations training costs, and how many a second this machine does."""

import time
from typing import Any

import torch
from torch import nn

from benchmarks.setting import Setting
from tasks.models.anatomy import blocks_of
from tasks.models.classifier import TextClassifier


def tail_flops(model: TextClassifier, setting: Setting) -> float:
    """Arithmetic of the trainable matrices over all epochs, forward and backward."""
    a_token = trained_forward(model) + backward_flops(model)
    return float(a_token * setting.train_tokens * setting.epochs)


def forward_flops(model: TextClassifier) -> int:
    """Arithmetic of a token's way through all blocks: two operations a weight.

    Attention's own products are left out, which understates long texts a little.
    """
    return 2 * sum(w.numel() for w in _matrices(model))


def trained_forward(model: TextClassifier) -> int:
    """The share of `forward_flops` that lies in what trains."""
    return 2 * sum(w.numel() for w in _matrices(model) if w.requires_grad)


def backward_flops(model: TextClassifier) -> int:
    """Arithmetic of the backward pass for a token: four operations a trainable weight."""
    return 4 * sum(w.numel() for w in _matrices(model) if w.requires_grad)


def _matrices(model: TextClassifier) -> list[nn.Parameter]:
    """The blocks' matrices: embeddings are looked up, and the head reads one vector a text."""
    return [w for w in blocks_of(model.backbone).parameters() if w.ndim >= 2]


def matmul_rate(
    dtype: torch.dtype, size: int = 1024, seconds: float = 0.5, device: str = "cpu"
) -> float:
    """Operations a second of a device's square matrix product, measured now."""

    def wait() -> None:
        if device != "cpu":
            torch.cuda.synchronize()

    a: Any = torch.randn(size, size).to(device, dtype)
    b: Any = torch.randn(size, size).to(device, dtype)
    for _ in range(3):
        a @ b
    wait()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        a @ b
        wait()
        count += 1
    return 2.0 * size**3 * count / (time.perf_counter() - started)
