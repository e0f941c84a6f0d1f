"""Predictions of a classifier over a whole part: length-sorted batches, original order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tasks.training.encoding import EncodedPart, rows_at

Collator = Callable[[list[dict[str, Any]]], dict[str, Tensor]]
"""Examples to a batch of what the model's forward takes."""


def device_of(model: nn.Module) -> torch.device:
    """The device that holds the model's parameters."""
    return next(model.parameters()).device


def predict_logits(
    model: nn.Module,
    part: EncodedPart,
    collator: Collator,
    batch_size: int,
    bf16: bool = False,
) -> np.ndarray:
    """Logits of (n, labels), row i for example i of the part.

    Batches are cut from the rows sorted by length, so that hardly anything is padded.
    """
    order = np.argsort(np.asarray(part.rows["length"]), kind="stable")
    device = device_of(model)
    names = [name for name in part.rows.column_names if name != "labels"]
    found: list[np.ndarray] = []
    was_training = model.training
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for start in range(0, len(order), batch_size):
            batch = collator(rows_at(part.rows, order[start : start + batch_size].tolist(), names))
            logits = model(**{name: value.to(device) for name, value in batch.items()})["logits"]
            found.append(logits.float().cpu().numpy())
    model.train(was_training)
    logits_in_order = np.empty_like(merged := np.concatenate(found))
    logits_in_order[order] = merged
    return logits_in_order
