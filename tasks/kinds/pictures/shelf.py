"""Rows that are computed once and kept in the trunk's store, in shards of bounded size.

    kept = shelve(Rows("image states", names, lengths, width, "bfloat16", content), compute, limit)
    kept.row(17)       (lengths[17], width)

A shard is an entry of its own (`tasks/training/hidden_store.py`): visible when it is whole, so
that a killed pass goes on behind the last whole one, and found again by every arm and run whose
rows begin alike.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import transformers
from torch import Tensor
from tqdm.auto import tqdm

from tasks.errors import ThawError
from tasks.locks import locked
from tasks.training.hidden_store import (
    DTYPES,
    HiddenStates,
    StatesWriter,
    make_room,
    open_states,
    storage_order,
    trunk_dir,
)

SHARD_BYTES = 256 * 2**20
Compute = Callable[[np.ndarray], Iterator[Tensor]]
"""Row numbers -> (tokens, width) of these rows one behind the other, in pieces of whole rows."""


@dataclass(frozen=True)
class Rows:
    """What is to be kept.

    Attributes:
        title: for the progress bar.
        names: what each row is of; rows of equal names are equal.
        lengths: tokens (or patches) of each row.
        width: of each.
        dtype: key of `hidden_store.DTYPES`.
        content: everything else that the rows depend on, as JSON.
    """

    title: str
    names: Sequence[str]
    lengths: np.ndarray
    width: int
    dtype: str
    content: dict[str, Any]

    @property
    def shard_rows(self) -> int:
        """Rows of a shard."""
        itemsize = np.dtype(DTYPES[self.dtype][1]).itemsize
        return max(1, SHARD_BYTES // (int(self.lengths.max()) * self.width * itemsize))

    def shards(self) -> Iterator[tuple[str, np.ndarray]]:
        """The key of each shard, and the numbers of its rows."""
        for start in range(0, len(self.names), self.shard_rows):
            rows = np.arange(start, min(start + self.shard_rows, len(self.names)))
            sha = hashlib.sha256(
                json.dumps(
                    {
                        **self.content,
                        "width": self.width,
                        "dtype": self.dtype,
                        "transformers": transformers.__version__,
                        "format": 1,
                    },
                    sort_keys=True,
                ).encode()
            )
            for row in rows.tolist():
                sha.update(f"\n{self.names[row]}".encode())
            yield sha.hexdigest()[:24], rows

    def bytes_of(self, rows: np.ndarray) -> int:
        """What these rows take on disk."""
        itemsize = np.dtype(DTYPES[self.dtype][1]).itemsize
        return int(self.lengths[rows].sum()) * self.width * itemsize


@dataclass(frozen=True)
class Shelf:
    """Kept rows, open for reading."""

    shards: tuple[HiddenStates, ...]
    shard_rows: int

    def row(self, row: int) -> Tensor:
        """(length, width); float32, or bytes as they are."""
        shard, place = divmod(row, self.shard_rows)
        return self.shards[shard].row(place)

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def seconds(self) -> float:
        """What the passes took that made them."""
        return sum(shard.seconds for shard in self.shards)


def shelve(rows: Rows, compute: Compute, limit: int) -> Shelf:
    """The rows from the store; those that are not there are computed, shard by shard.

    Args:
        rows: what is to be kept.
        compute: see `Compute`.
        limit: bytes that all entries of the store may take together.

    Raises:
        ThawError: they do not fit, or cannot be written.
    """
    shards = list(rows.shards())
    found = {key: open_states(key) for key, _ in shards}
    if missing := [(key, numbers) for key, numbers in shards if found[key] is None]:
        with locked(trunk_dir() / ".lock"):
            # Another run may have written them while this one waited.
            missing = [(key, numbers) for key, numbers in missing if open_states(key) is None]
            needed = sum(rows.bytes_of(numbers) for _, numbers in missing)
            if reason := make_room(needed, limit, keep=set(found)):
                raise ThawError(reason)
            total = sum(len(numbers) for _, numbers in missing)
            with tqdm(total=total, desc=rows.title, disable=not sys.stderr.isatty()) as bar:
                for key, numbers in missing:
                    _write(rows, key, numbers, compute)
                    bar.update(len(numbers))
        found = {key: states or open_states(key) for key, states in found.items()}
    opened = [states for states in found.values() if states is not None]
    if len(opened) != len(shards):
        raise ThawError(f"{rows.title} cannot be read back from {trunk_dir()}")
    return Shelf(tuple(opened), rows.shard_rows)


def _write(rows: Rows, key: str, numbers: np.ndarray, compute: Compute) -> None:
    lengths = rows.lengths[numbers]
    order = storage_order(lengths)
    writer = StatesWriter(key, order, lengths, rows.width, rows.dtype)
    started = time.perf_counter()
    try:
        for piece in compute(numbers[order]):
            writer.write(piece)
    except BaseException:
        writer.discard()
        raise
    writer.finish(time.perf_counter() - started)
