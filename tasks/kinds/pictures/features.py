"""What frozen encoders make of questions and pictures: each computed once, kept for all arms.

A frozen encoder gives the same states for a question in every epoch, and for a picture with every
question about it. So each different question and each picture goes through its encoder once, in
evaluation mode; arms of a sweep, and later runs on the same data, read the states from the store.
They are kept as the arm computes: bf16 where it has bf16, float32 under training.precision=fp32.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import xxhash
from torch import Tensor, nn

from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.kinds.pictures.model.processing import MultimodalProcessor
from tasks.kinds.pictures.pixels import from_files, processor_key
from tasks.kinds.pictures.questions import Asked, EncodedTexts
from tasks.kinds.pictures.shelf import Rows, Shelf, shelve
from tasks.training.batching import PaddingCollator
from tasks.training.device import uses_gpu
from tasks.training.trunk_pass import token_batches

PICTURES_AT_ONCE = 16
PICTURES_AT_ONCE_GPU = 128


def kept_texts(
    texts: EncodedTexts,
    model: MultimodalModel,
    processor: MultimodalProcessor,
    dtype: str,
    limit: int,
) -> Shelf:
    """The text encoder's states of every different question: (tokens, width) each.

    Args:
        texts: tokens of the different questions.
        model: whose text encoder is frozen.
        processor: pads.
        dtype: of computation and store, `bfloat16` or `float32`.
        limit: bytes that all entries of the store may take.

    Raises:
        ThawError: they do not fit.
    """
    collate = PaddingCollator(int(processor.questions.pad_token_id or 0))
    device = _device()

    def compute(numbers: np.ndarray) -> Iterator[Tensor]:
        lengths = texts.lengths[numbers]
        with _running(model.text_encoder, dtype):
            for some in token_batches(lengths, np.arange(len(numbers)), device):
                ids = [{"input_ids": texts.questions[row]} for row in numbers[some]]
                batch = collate(ids)
                mask = batch["attention_mask"].bool()
                states = model.text_features(**{k: v.to(device) for k, v in batch.items()})
                yield states.float().cpu()[mask]

    rows = Rows(
        title="encoding questions",
        names=[json.dumps(row) for row in texts.questions],
        lengths=texts.lengths,
        width=model.config.text_encoder.hidden_size,
        dtype=dtype,
        content={"kind": "text states", "encoder": weights_digest(model.text_encoder)},
    )
    return shelve(rows, compute, limit)


def kept_images(
    asked: Asked,
    model: MultimodalModel,
    processor: MultimodalProcessor,
    dtype: str,
    limit: int,
) -> Shelf:
    """The image encoder's states of every picture: (patches, width) each.

    Other arguments and errors are those of `kept_texts`.

    Args:
        asked: names the pictures.
        model: whose image encoder is frozen.
        processor: prepares pictures.
        dtype: see there.
        limit: see there.
    """
    read = from_files(asked, processor)
    device = _device()
    size = PICTURES_AT_ONCE_GPU if uses_gpu() else PICTURES_AT_ONCE

    def compute(numbers: np.ndarray) -> Iterator[Tensor]:
        with _running(model.image_encoder, dtype):
            for start in range(0, len(numbers), size):
                pixels = read(numbers[start : start + size].tolist())
                yield model.image_features(pixels.to(device)).float().cpu().flatten(0, 1)

    with _running(model.image_encoder, dtype):
        places = model.image_features(read([0]).to(device)).shape[1]
    rows = Rows(
        title="encoding pictures",
        names=asked.pictures,
        lengths=np.full(len(asked.pictures), places, dtype=np.int64),
        width=model.config.image_encoder.hidden_size,
        dtype=dtype,
        content={
            "kind": "image states",
            "encoder": weights_digest(model.image_encoder),
            "processor": processor_key(processor.images),
        },
    )
    return shelve(rows, compute, limit)


def weights_digest(module: nn.Module) -> str:
    """Of all weights by name, wherever they came from."""
    digest = xxhash.xxh3_128()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _device() -> torch.device:
    return torch.device("cuda" if uses_gpu() else "cpu")


@contextmanager
def _running(encoder: nn.Module, dtype: str) -> Iterator[None]:
    """The encoder on its device, in evaluation mode, without gradients, in the given precision."""
    device = _device()
    was_training = encoder.training
    encoder.to(device).eval()
    try:
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bfloat16"),
        ):
            yield
    finally:
        encoder.train(was_training)
