"""From a stored part to token ids and targets: tokenised once a run, shared by its arms."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from datasets import Dataset

from tasks.models.base_models import LocatedModel, load_tokenizer
from tasks.storage import TableRef
from tasks.training.batching import token_ids


@dataclass(frozen=True)
class EncodedPart:
    """One part of the data, ready for a model.

    Attributes:
        rows: `input_ids` (list of int), `labels` and `length` for each example.
        ids: example ids in the same order.
        truth: (n, labels) of 0 and 1.
        truncated: how many texts were longer than `max_length` tokens.
    """

    rows: Dataset
    ids: list[str]
    truth: np.ndarray
    truncated: int

    @property
    def tokens(self) -> int:
        """Tokens in all rows, without padding."""
        return int(sum(self.rows["length"]))


def multi_hot(labels: list[list[str]], names: list[str]) -> np.ndarray:
    """(n, labels) of 0 and 1; labels that are not among `names` are left out."""
    index = {name: position for position, name in enumerate(names)}
    truth = np.zeros((len(labels), len(names)), dtype=np.int8)
    for row, given in enumerate(labels):
        for label in given:
            if label in index:
                truth[row, index[label]] = 1
    return truth


@lru_cache(maxsize=6)
def encode(
    part: TableRef, names: tuple[str, ...], task: str, located: LocatedModel, max_length: int
) -> EncodedPart:
    """Tokenise one stored part (columns `id`, `text`, `labels`); the arms of a sweep share it."""
    tokenizer = load_tokenizer(located)
    frame = part.read(["id", "text", "labels"])
    truth = multi_hot(frame["labels"].tolist(), list(names))
    ids, truncated = token_ids(frame["text"].tolist(), tokenizer, max_length)
    targets: list[Any] = (
        truth.astype(np.float32).tolist() if task == "multi_label" else truth.argmax(1).tolist()
    )
    rows = Dataset.from_dict(
        {"input_ids": ids, "labels": targets, "length": [len(row) for row in ids]}
    )
    return EncodedPart(rows=rows, ids=frame["id"].tolist(), truth=truth, truncated=truncated)
