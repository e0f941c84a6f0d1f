"""The loss of a part another way than `row_losses`: from what the models give for each row."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from torch import nn

from tasks.language.losses import Collate
from tasks.language.pairs import IGNORED
from tasks.training.hidden_store import storage_order
from tasks.training.trunk_pass import token_batches


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
