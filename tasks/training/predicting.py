"""Predictions of a classifier over a whole part: length-sorted batches, original order."""

import numpy as np
import torch

from tasks.models.classifier import TextClassifier
from tasks.training.batching import PaddingCollator
from tasks.training.encoding import EncodedPart


def device_of(model: torch.nn.Module) -> torch.device:
    """The device that holds the model's parameters."""
    return next(model.parameters()).device


def predict_logits(
    model: TextClassifier,
    part: EncodedPart,
    collator: PaddingCollator,
    batch_size: int,
    bf16: bool = False,
) -> np.ndarray:
    """Logits of (n, labels), row i for example i of the part.

    Batches are cut from the rows sorted by length, so that hardly anything is padded.
    """
    order = np.argsort(np.asarray(part.rows["length"]), kind="stable")
    device = device_of(model)
    found: list[np.ndarray] = []
    was_training = model.training
    model.eval()
    ids = part.rows["input_ids"]
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for start in range(0, len(order), batch_size):
            batch = collator(
                [{"input_ids": ids[int(row)]} for row in order[start : start + batch_size]]
            )
            logits = model(**{name: value.to(device) for name, value in batch.items()})["logits"]
            found.append(logits.float().cpu().numpy())
    model.train(was_training)
    logits_in_order = np.empty_like(merged := np.concatenate(found))
    logits_in_order[order] = merged
    return logits_in_order
