"""From a stored part to token ids and targets: tokenised once a run, shared by its arms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset

from tasks.models.base_models import LocatedModel
from tasks.models.loading import load_tokenizer
from tasks.storage import TableRef
from tasks.training.batching import token_rows

TEXTS_AT_ONCE = 512  # a tokenizer keeps kilobytes for each text of a call


@dataclass(frozen=True)
class EncodedPart:
    """One part of the data, ready for a model.

    Attributes:
        rows: `input_ids` (list of int), `labels` and `length` for each example.
        ids: example ids in the same order.
        truth: (n, labels) of 0 and 1; in other kinds what `labels` is made from.
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

    def take(self, rows: np.ndarray) -> Self:
        """The part reduced to some of its rows; places in a trunk's store stay as they were."""
        truth = self.truth[rows] if len(self.truth) else self.truth
        taken = self.rows.select(rows.tolist())
        return replace(self, rows=taken, ids=[self.ids[row] for row in rows], truth=truth)


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
    part: TableRef,
    names: tuple[str, ...],
    task: str,
    located: LocatedModel,
    max_length: int,
    prompt_end: str = "",
) -> EncodedPart:
    """Tokenise one stored part (columns `id`, `text`, `labels`); the arms of a sweep share it."""
    frame = part.read(["id", "text", "labels"])
    truth = multi_hot(frame["labels"].tolist(), list(names))
    columns, truncated = token_columns(frame["text"].tolist(), located, max_length, prompt_end)
    return EncodedPart(
        rows=Dataset(pa.table({**columns, "labels": _targets(truth, task)})),
        ids=frame["id"].tolist(),
        truth=truth,
        truncated=truncated,
    )


def token_columns(
    texts: list[str], located: LocatedModel, max_length: int, prompt_end: str = ""
) -> tuple[dict[str, pa.ChunkedArray], int]:
    """`input_ids` and `length` of each text, and how many were longer than `max_length` tokens;
    of pairs `token_type_ids` too, where the tokenizer has them."""
    tokenizer = load_tokenizer(located)
    chunks: dict[str, list[pa.Array]] = {"input_ids": []}
    truncated = 0
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        some = texts[start : start + TEXTS_AT_ONCE]
        found, longer = token_rows(some, tokenizer, max_length, prompt_end)
        for name, rows in found.items():
            chunks.setdefault(name, []).append(pa.array(rows, pa.list_(pa.int32())))
        truncated += longer
    columns = {name: pa.chunked_array(some, pa.list_(pa.int32())) for name, some in chunks.items()}
    return columns | {"length": pc.list_value_length(columns["input_ids"])}, truncated


def _targets(truth: np.ndarray, task: str) -> pa.Array:
    """What the loss compares with: rows of 0.0 and 1.0, or class numbers."""
    if task == "single_label":
        return pa.array(truth.argmax(1), pa.int64())
    offsets = pa.array(np.arange(len(truth) + 1) * truth.shape[1], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(truth.astype(np.float32).ravel()))


def rows_at(rows: Dataset, places: Sequence[int], names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows as the collators take them: those of these columns that there are."""
    columns = rows[list(places)]
    present = [name for name in names if name in columns]
    cells = zip(*(columns[name] for name in present), strict=True)
    return [dict(zip(present, each, strict=True)) for each in cells]
