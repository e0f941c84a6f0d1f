"""The loss on completions: only where something is learnt, and in bounded memory.

A vocabulary of 49,152 makes 200 KB of float32 logits a position. So the output layer runs at
supervised positions alone, and over a few hundred of them at a time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tasks.language.pairs import IGNORED
from tasks.training.hidden_store import storage_order
from tasks.training.trunk_pass import token_batches

POSITIONS_AT_ONCE = 512  # 100 MB of float32 logits over 49,152 tokens

Collate = Callable[[list[dict[str, Any]]], dict[str, Tensor]]


def supervised(hidden: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The states that predict a label, and those labels.

    Position t predicts the token at t + 1.

    Args:
        hidden: (batch, tokens, width).
        labels: (batch, tokens), `IGNORED` where nothing is learnt.

    Returns:
        (positions, width) and (positions,).
    """
    targets = labels[:, 1:]
    chosen = targets != IGNORED
    return hidden[:, :-1][chosen], targets[chosen]


def cross_entropies(
    states: Tensor, targets: Tensor, head: nn.Module, at_once: int = POSITIONS_AT_ONCE
) -> Tensor:
    """-log softmax(head(state))[target] of each position: (positions,) in float32.

    Args:
        states: (positions, width).
        targets: (positions,) of token ids.
        head: the output layer, width -> vocabulary.
        at_once: positions whose logits exist at one time. Where gradients are wanted each such
            block is computed once more on the way back instead of being kept.
    """

    def block(states: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(head(states).float(), targets, reduction="none")

    if len(states) <= at_once:
        return block(states, targets)
    blocks = zip(states.split(at_once), targets.split(at_once), strict=True)
    if torch.is_grad_enabled():
        return torch.cat([checkpoint(block, *pair, use_reentrant=False) for pair in blocks])
    return torch.cat([block(*pair) for pair in blocks])


def row_nats(hidden: Tensor, labels: Tensor, head: nn.Module) -> Tensor:
    """The summed cross-entropy of each row's supervised tokens: (batch,) in float32.

    Args:
        hidden: (batch, tokens, width), after the final norm.
        labels: (batch, tokens).
        head: the output layer.
    """
    losses = cross_entropies(*supervised(hidden, labels), head)
    rows = (labels[:, 1:] != IGNORED).nonzero()[:, 0]
    return losses.new_zeros(len(labels)).index_add(0, rows, losses)


@dataclass(frozen=True)
class PartLoss:
    """Losses over a part, row by row.

    Attributes:
        nats: (rows,) summed cross-entropy of each row's supervised tokens.
        counts: (rows,) how many those are.
    """

    nats: np.ndarray
    counts: np.ndarray

    @property
    def tokens(self) -> int:
        """Supervised tokens in all rows."""
        return int(self.counts.sum())

    @property
    def loss(self) -> float:
        """The mean in nats over all supervised tokens; NaN where there are none."""
        return float(self.nats.sum() / self.tokens) if self.tokens else math.nan

    @property
    def perplexity(self) -> float:
        """exp(loss): between how many tokens the model hesitates, on average."""
        return math.exp(min(self.loss, 700.0))


def part_loss(model: nn.Module, rows: Dataset, collate: Collate, bf16: bool = False) -> PartLoss:
    """The loss of a model over a whole part, every token weighing the same.

    (The mean of the batches' means, which the Trainer reports, weighs a token by how few others
    its batch has.)

    Args:
        model: one of `tasks.language.tail`.
        rows: with `length`, and whatever `collate` needs.
        collate: makes a batch of rows, `labels` among them.
        bf16: compute under bf16 autocast.
    """
    device = next(model.parameters()).device
    lengths = np.asarray(rows["length"], dtype=np.int64)
    nats, counts = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            for places in token_batches(lengths, storage_order(lengths), device):
                batch = collate([rows[int(place)] for place in places])
                moved = {name: value.to(device) for name, value in batch.items()}
                nats[places] = model(**moved)["nats"].double().cpu().numpy()
                counts[places] = (batch["labels"][:, 1:] != IGNORED).sum(1).numpy()
    finally:
        model.train(was_training)
    return PartLoss(nats, counts)
