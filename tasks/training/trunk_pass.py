"""One pass of a frozen trunk over one part of the data, storing every depth that is missing."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from tasks.models.anatomy import OnBackbone, anatomy_of
from tasks.models.classifier import TextClassifier, pool
from tasks.models.cutting import read_states, tail_of
from tasks.training.batching import INPUTS, PaddingCollator
from tasks.training.device import uses_gpu
from tasks.training.encoding import EncodedPart, rows_at
from tasks.training.hidden_store import HiddenStates, StatesWriter, open_states, storage_order

Depth = int | Literal["pooled"]
TOKENS_A_BATCH = 4096  # enough to fill two cores' matrix units, and little memory
TOKENS_A_BATCH_GPU = 65_536


def rank(depth: Depth) -> float:
    """Depths in order: block numbers, then the pooled vector at the very top."""
    return float("inf") if depth == "pooled" else depth


@dataclass(frozen=True)
class Pass:
    """What a pass is to do.

    Attributes:
        model: its base model is run; a classifier's pooling is used for `pooled`.
        part: the encoded rows.
        keys: depth -> key of the entry, for each depth that shall be there afterwards.
        key_below: the key of any other depth, to look for a shallower start.
        dtype: `float32` or `bfloat16`, of the computation and of the stored states.
        collator: pads token ids.
        title: for the progress bar.
    """

    model: OnBackbone
    part: EncodedPart
    keys: dict[Depth, str]
    key_below: Callable[[int], str]
    dtype: str
    collator: PaddingCollator
    title: str

    @property
    def can_split(self) -> bool:
        """Whether the states of a block are stored for others to go on from."""
        return any(depth != "pooled" for depth in self.keys)


def run_pass(task: Pass) -> dict[Depth, HiddenStates]:
    """Store the missing depths of `task.keys`; returns all of them, opened.

    It starts from the deepest states below that are stored already, or from the tokens. The
    seconds of the pass are kept with each depth that it made.
    """
    lengths = np.asarray(task.part.rows["length"], dtype=np.int64)
    order = storage_order(lengths)
    found = {depth: open_states(key) for depth, key in task.keys.items()}
    missing = [depth for depth, states in found.items() if states is None]
    below = _deepest_below(task, min(map(rank, missing)))
    anatomy = anatomy_of(task.model.backbone)
    writers = {
        depth: StatesWriter(
            task.keys[depth],
            order,
            np.ones_like(lengths) if depth == "pooled" else lengths,
            anatomy.width if depth == "pooled" else anatomy.inner,
            "float32" if depth == "pooled" else task.dtype,
        )
        for depth in missing
    }
    started = time.perf_counter()
    try:
        for states in _batches(task, lengths, order, missing, below):
            for depth, rows in states.items():
                writers[depth].write(rows)
    except BaseException:
        for writer in writers.values():
            writer.discard()
        raise
    seconds = time.perf_counter() - started
    made = {depth: writer.finish(seconds) for depth, writer in writers.items()}
    return {depth: states for depth, states in found.items() if states is not None} | made


def _batches(
    task: Pass,
    lengths: np.ndarray,
    order: np.ndarray,
    missing: list[Depth],
    below: tuple[int, HiddenStates] | None,
) -> Iterator[dict[Depth, Tensor]]:
    """The states of consecutive rows in storage order, unpadded, at each missing depth."""
    device = torch.device("cuda" if uses_gpu() else "cpu")
    was_training = task.model.training
    task.model.to(device).eval()
    bar = tqdm(
        total=int(lengths.sum()),
        desc=task.title,
        unit="token",
        unit_scale=True,
        disable=not sys.stderr.isatty(),
    )
    try:
        with (
            bar,
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=task.dtype == "bfloat16"),
        ):
            reads = _reader(task, missing, below[0] if below else None)
            for rows in token_batches(lengths, order, device):
                if below:
                    batch = stack([below[1].row(int(row)) for row in rows])
                else:
                    batch = task.collator(rows_at(task.part.rows, rows.tolist(), INPUTS))
                mask = batch["attention_mask"].bool()
                states = reads({name: value.to(device) for name, value in batch.items()})
                yield {
                    depth: value.float().cpu() if depth == "pooled" else value.float().cpu()[mask]
                    for depth, value in states.items()
                }
                bar.update(int(mask.sum()))
    finally:
        task.model.train(was_training)


def _deepest_below(task: Pass, lowest: float) -> tuple[int, HiddenStates] | None:
    """The deepest stored states below the lowest missing depth."""
    if not task.can_split:
        return None
    top = int(min(lowest - 1, anatomy_of(task.model.backbone).count))
    for depth in range(top, -1, -1):
        if (states := open_states(task.key_below(depth))) is not None:
            return depth, states
    return None


def _reader(
    task: Pass, missing: list[Depth], start: int | None
) -> Callable[[dict[str, Tensor]], dict[Depth, Tensor]]:
    """A function from a batch to the padded states at each missing depth."""
    backbone = task.model.backbone
    part = backbone if start is None else tail_of(backbone, start).eval()
    depths = [depth for depth in missing if depth != "pooled"]

    def reads(batch: dict[str, Tensor]) -> dict[Depth, Tensor]:
        named = {"inputs_embeds" if name == "hidden" else name: v for name, v in batch.items()}
        states, last = read_states(part, backbone, depths, named, end="pooled" in missing)
        found: dict[Depth, Tensor] = dict(states.items())
        if last is not None and isinstance(task.model, TextClassifier):
            pooling = task.model.head_config.pooling
            found["pooled"] = pool(last.float(), batch["attention_mask"], pooling)
        return found

    return reads


def token_batches(
    lengths: np.ndarray, order: np.ndarray, device: torch.device
) -> Iterator[np.ndarray]:
    """Rows in storage order, cut so that a padded batch stays below the token budget."""
    budget = TOKENS_A_BATCH_GPU if device.type == "cuda" else TOKENS_A_BATCH
    begin = 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and (end - begin + 1) * lengths[order[end]] <= budget:
            end += 1
        yield order[begin:end]
        begin = end


def stack(states: list[Tensor]) -> dict[str, Tensor]:
    """Rows of (length, width) as one padded batch: `hidden` and `attention_mask`."""
    longest = max(len(row) for row in states)
    hidden = torch.zeros(len(states), longest, states[0].shape[1])
    mask = torch.zeros(len(states), longest, dtype=torch.long)
    for position, row in enumerate(states):
        hidden[position, : len(row)] = row
        mask[position, : len(row)] = 1
    return {"hidden": hidden, "attention_mask": mask}
