"""Hidden states on disk: written once, unpadded, read batch by batch from a memory map.

    <store>/trunk/<key>/states.bin    the states of all rows, shortest text first
    <store>/trunk/<key>/index.json    lengths, width, dtype and the digest of states.bin

`index.json` is written last: without it there is no entry. A file that is truncated or not ours
shows by its digest.
"""

import json
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
import xxhash
from torch import Tensor

from tasks.errors import ThawError
from tasks.paths import store_dir
from tasks.storage import write_text

INDEX, STATES = "index.json", "states.bin"
DTYPES: dict[str, tuple[torch.dtype, type[np.generic]]] = {
    "float32": (torch.float32, np.float32),
    "bfloat16": (torch.bfloat16, np.int16),  # numpy has no bfloat16: its bits are kept
    "uint8": (torch.uint8, np.uint8),  # pictures
}
READ_BLOCK = 1 << 24


def trunk_dir() -> Path:
    """Where all entries lie."""
    return store_dir() / "trunk"


def storage_order(lengths: np.ndarray) -> np.ndarray:
    """Positions of the rows in the order in which they are stored: shortest text first."""
    return np.argsort(lengths, kind="stable")


@dataclass(frozen=True)
class HiddenStates:
    """An open entry: row i's states are (lengths[i], width).

    `order` lists the rows as they stand in the file.
    """

    folder: Path
    order: np.ndarray
    lengths: np.ndarray
    width: int
    dtype: str
    seconds: float

    @cached_property
    def _starts(self) -> np.ndarray:
        """First token of each row in the file, in row order."""
        starts = np.empty(len(self.order), dtype=np.int64)
        starts[self.order] = np.concatenate([[0], np.cumsum(self.lengths[self.order])[:-1]])
        return starts

    @cached_property
    def _states(self) -> np.memmap:
        tokens = int(self.lengths.sum())
        numpy_dtype = DTYPES[self.dtype][1]
        return np.memmap(
            self.folder / STATES, dtype=numpy_dtype, mode="r", shape=(tokens, self.width)
        )

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return int(self.lengths.sum()) * self.width * np.dtype(DTYPES[self.dtype][1]).itemsize

    def row(self, row: int) -> Tensor:
        """(length, width) in float32."""
        start = self._starts[row]
        block = np.array(self._states[start : start + self.lengths[row]])
        if self.dtype == "bfloat16":
            return torch.from_numpy(block).view(torch.bfloat16).float()
        return torch.from_numpy(block)


def open_states(key: str) -> HiddenStates | None:
    """The entry of that key; None if there is none or its file is not what was written.

    The whole file is read once for its digest, at several gigabytes a second.
    """
    folder = trunk_dir() / key
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index.get("key", key) != key or _digest(folder / STATES) != index["digest"]:
            return None
        os.utime(folder / INDEX)  # least recently used entries make room first
        return HiddenStates(
            folder=folder,
            order=np.asarray(index["order"], dtype=np.int64),
            lengths=np.asarray(index["lengths"], dtype=np.int64),
            width=index["width"],
            dtype=index["dtype"],
            seconds=index["seconds"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while block := stream.read(READ_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class StatesWriter:
    """Writes one entry, batch after batch in the given order, then makes it visible at once."""

    def __init__(
        self, key: str, order: np.ndarray, lengths: np.ndarray, width: int, dtype: str
    ) -> None:
        self.folder = trunk_dir() / key
        self._order, self._lengths, self._width, self._dtype = order, lengths, width, dtype
        self._digest = xxhash.xxh3_128()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._file: BinaryIO = (self.folder / STATES).open("wb")

    def write(self, states: Tensor) -> None:
        """Append (tokens, width) states of the next rows, without padding."""
        block = states.to(DTYPES[self._dtype][0]).contiguous()
        raw = block.view(torch.int16) if self._dtype == "bfloat16" else block
        content = raw.numpy().tobytes()
        self._digest.update(content)
        try:
            self._file.write(content)
        except OSError as error:
            self.discard()
            raise ThawError(
                f"Hidden states cannot be written below {self.folder}: {error}."
            ) from error

    def finish(self, seconds: float) -> HiddenStates:
        """Close the entry; `seconds` is what the pass took that made it."""
        self._file.close()
        index = {
            "key": self.folder.name,
            "digest": self._digest.hexdigest(),
            "order": self._order.tolist(),
            "lengths": self._lengths.tolist(),
            "width": self._width,
            "dtype": self._dtype,
            "seconds": seconds,
        }
        write_text(self.folder / INDEX, json.dumps(index))
        return HiddenStates(
            self.folder, self._order, self._lengths, self._width, self._dtype, seconds
        )

    def discard(self) -> None:
        """Remove what was written."""
        self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def make_room(needed: int, limit: int, keep: set[str]) -> str | None:
    """Remove least recently used entries until `needed` bytes fit below `limit`.

    Args:
        needed: bytes to come.
        limit: bytes that all entries may take together.
        keep: keys that must stay.

    Returns:
        None if it fits now, otherwise the reason why it cannot.
    """
    trunk_dir().mkdir(parents=True, exist_ok=True)
    entries = sorted((path.stat().st_mtime, path.parent) for path in trunk_dir().glob(f"*/{INDEX}"))
    sizes = {folder: (folder / STATES).stat().st_size for _, folder in entries}
    used = sum(sizes.values())
    for _, folder in entries:
        if used + needed <= limit:
            break
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
            used -= sizes[folder]
    if used + needed > limit:
        return (
            f"its hidden states need {needed / 1e9:.2f} GB, and training.trunk_limit_gb allows "
            f"{limit / 1e9:.2f} GB"
        )
    free = shutil.disk_usage(trunk_dir()).free
    if needed * 1.05 > free:
        return f"its hidden states need {needed / 1e9:.2f} GB, and {free / 1e9:.2f} GB are free"
    return None
