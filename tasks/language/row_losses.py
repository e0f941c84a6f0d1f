"""The loss of each row by itself: what a comparison resamples, and exact means are made of."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from tasks.language.encoding import CompletionPart
from tasks.language.losses import POSITIONS_AT_ONCE, Collate
from tasks.language.pairs import IGNORED, pad_right
from tasks.training.encoding import EncodedPart
from tasks.training.hidden_store import storage_order
from tasks.training.predicting import device_of


@dataclass(frozen=True)
class RowLosses:
    """Summed cross-entropy of each row in nats, and over how many tokens; float64 (rows,).

    `completion` is over the completion and the end token, `whole` over the prompt too. `right` is
    how many tokens of the completion are the most probable ones behind those before them.
    """

    completion: np.ndarray
    completion_tokens: np.ndarray
    right: np.ndarray
    whole: np.ndarray
    whole_tokens: np.ndarray

    @property
    def loss(self) -> float:
        """Mean over all completion tokens."""
        return float(self.completion.sum() / self.completion_tokens.sum())

    @property
    def token_accuracy(self) -> float:
        """Share of all completion tokens that the model would write next."""
        return float(self.right.sum() / self.completion_tokens.sum())

    @property
    def whole_text_loss(self) -> float:
        """Mean over all tokens but the first, which nothing predicts."""
        return float(self.whole.sum() / self.whole_tokens.sum())

    @property
    def perplexity(self) -> float:
        """exp(loss): between how many tokens the model hesitates, on average."""
        return math.exp(min(self.loss, 700.0))


def row_losses(
    model: nn.Module, part: CompletionPart, read: EncodedPart, collate: Collate, bf16: bool = False
) -> RowLosses:
    """The losses of every row of a part that fits into the context.

    Args:
        model: gives `logits` of (batch, tokens, vocabulary) without labels.
        part: the token ids.
        read: the same rows as the model reads them (token ids, or places of stored states).
        collate: makes a batch of `read.rows`, padded on the right.
        bf16: compute under bf16 autocast.
    """
    device = device_of(model)
    lengths = np.asarray(part.rows["length"], dtype=np.int64)
    sums = np.zeros((len(lengths), 3))
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            for places in _batches(lengths):
                batch = collate([read.rows[place] for place in places])
                batch.pop("labels")
                moved = {name: value.to(device) for name, value in batch.items()}
                logits = model(**moved)["logits"][:, :-1].float()
                ids = pad_right(part.rows[places]["input_ids"], IGNORED)[:, 1:].to(device)
                nats = nn.functional.cross_entropy(
                    logits.flatten(0, 1), ids.flatten(), ignore_index=IGNORED, reduction="none"
                ).view_as(ids)
                right = logits.argmax(-1) == ids
                for place, row, hits in zip(places, nats.double().cpu(), right.cpu(), strict=True):
                    answer = slice(part.starts[place] - 1, None)
                    sums[place] = row[answer].sum(), hits[answer].sum(), row.sum()
    finally:
        model.train(was_training)
    starts = np.asarray(part.starts, dtype=np.int64)
    return RowLosses(
        completion=sums[:, 0],
        completion_tokens=(lengths - starts).astype(float),
        right=sums[:, 1],
        whole=sums[:, 2],
        whole_tokens=(lengths - 1).astype(float),
    )


def _batches(lengths: np.ndarray) -> Iterator[list[int]]:
    """Rows of like length, as many as keep the logits of a batch small."""
    batch: list[int] = []
    for place in storage_order(lengths).tolist():
        longest = max([lengths[place], *(lengths[each] for each in batch)])
        if batch and longest * (len(batch) + 1) > POSITIONS_AT_ONCE:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
