"""Batches of pairs in which every answer goes through the model once.

Pairs of one query follow each other in an epoch, so that an answer that is in several pairs of a
batch is computed for all of them in one forward pass: of four answers with six pairs, four rows
instead of twelve (Ouyang et al. 2022, section 3.5, who also found that pairs of a query that are
spread over an epoch let a model overfit).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

from tasks.training.encoding import rows_at
from tasks.training.predicting import Collator


@dataclass(frozen=True)
class PairCollator:
    """From pairs to what the model reads, and which rows of it make which pair.

    Attributes:
        responses: rows of `EncodedPairs.responses`: token ids, or places in a trunk's store.
        collate: makes a batch of some of them.
    """

    responses: Dataset
    collate: Collator

    def __call__(self, pairs: list[dict[str, Any]]) -> dict[str, Tensor]:
        """The model's inputs for the responses of these pairs, each once; and of (pairs,):
        `chosen` and `rejected`, rows of the batch, and `margin`."""
        ends = ("chosen", "rejected")
        wanted = sorted({pair[end] for pair in pairs for end in ends})
        row = {response: at for at, response in enumerate(wanted)}
        batch = self.collate(rows_at(self.responses, wanted, self.responses.column_names))
        for end in ends:
            batch[end] = torch.tensor([row[pair[end]] for pair in pairs])
        batch["margin"] = torch.tensor([pair["margin"] for pair in pairs], dtype=torch.float32)
        return batch


class QueryOrder(Sampler[int]):
    """A new random order of the queries in each epoch, with the pairs of each together.

    Random numbers are the process's own, which checkpoints keep: a resumed epoch has the order
    that it would have had.
    """

    def __init__(self, pairs: Dataset, batch_size: int, by_length: bool) -> None:
        """What is to be ordered.

        Args:
            pairs: rows of `EncodedPairs.rows`.
            batch_size: pairs a step.
            by_length: keep queries with answers of like length together, where that saves padding.
        """
        query = np.asarray(pairs["query"], dtype=np.int64)
        ends = np.cumsum(np.bincount(query))
        self.pairs_of = np.split(np.argsort(query, kind="stable"), ends[:-1])
        sums = np.bincount(query, weights=np.asarray(pairs["length"], dtype=np.float64))
        self.lengths = (sums / np.diff(ends, prepend=0)).tolist()
        self.queries_at_once = max(1, round(batch_size * len(self.pairs_of) / len(query)))
        self.by_length = by_length

    def __len__(self) -> int:
        return sum(map(len, self.pairs_of))

    def __iter__(self) -> Iterator[int]:
        if self.by_length:
            order = get_length_grouped_indices(self.lengths, self.queries_at_once)
        else:
            order = torch.randperm(len(self.pairs_of)).tolist()
        for query in order:
            yield from self.pairs_of[query].tolist()
