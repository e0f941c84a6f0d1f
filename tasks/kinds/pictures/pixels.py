"""Pictures as an encoder takes them: prepared once, kept as bytes, scaled when they are needed.

Decoding and resizing a photograph costs more than a small encoder's pass over it. What an image
processor makes of it is whole numbers from 0 to 255 until the last step, scale and normalisation,
so that is how it is kept: a quarter of the size, and the same numbers in the end.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.image_processing_utils import BaseImageProcessor

from tasks.errors import ThawError
from tasks.kinds.pictures.data.pictures import picture_to_ask
from tasks.kinds.pictures.model.processing import MultimodalProcessor
from tasks.kinds.pictures.questions import Asked
from tasks.kinds.pictures.shelf import Rows, Shelf, shelve

AT_ONCE = 32
_READERS = 4
Read = Callable[[Sequence[int]], Tensor]
"""Places of pictures -> their pixel values, (pictures, channels, height, width) in float32."""


def read_ahead(paths: Sequence[Path], at_once: int = AT_ONCE) -> Iterator[list[Image.Image]]:
    """Pictures in their order, so many at a time; the next ones are decoded meanwhile."""
    with ThreadPoolExecutor(_READERS) as pool:
        coming = deque(
            [[pool.submit(picture_to_ask, path) for path in paths[:at_once]]] if paths else []
        )
        for start in range(at_once, len(paths) + at_once, at_once):
            following = paths[start : start + at_once]
            coming.append([pool.submit(picture_to_ask, path) for path in following])
            yield [each.result() for each in coming.popleft()]


@dataclass(frozen=True)
class Scale:
    """The last step of an image processor: (value x factor - mean) / deviation, a channel each."""

    factor: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, images: BaseImageProcessor) -> "Scale":
        """What the processor does to bytes at its end."""
        factor = images.rescale_factor if images.do_rescale else 1.0
        if not images.do_normalize:
            return cls(factor, (0.0,), (1.0,))
        return cls(factor, tuple(images.image_mean), tuple(images.image_std))

    def __call__(self, pixels: Tensor) -> Tensor:
        """(batch, channels, height, width) of bytes, in float32."""
        mean, deviation = (torch.tensor(x).view(-1, 1, 1) for x in (self.mean, self.deviation))
        return (pixels.float() * self.factor - mean) / deviation


def from_files(asked: Asked, processor: MultimodalProcessor) -> Read:
    """Pictures read from their files whenever they are needed."""

    def read(places: Sequence[int]) -> Tensor:
        paths = [asked.paths[place] for place in places]
        return torch.cat([processor.read_images(some) for some in read_ahead(paths)])

    return read


def from_shelf(shelf: Shelf, processor: MultimodalProcessor) -> Read:
    """Pictures from `kept_pixels`: the numbers that `from_files` gives."""
    scale = Scale.of(processor.images)
    shape = _prepared(processor.images, [Image.new("RGB", (64, 64))]).shape[1:]

    def read(places: Sequence[int]) -> Tensor:
        return scale(torch.cat([shelf.row(place) for place in places]).view(-1, *shape))

    return read


def kept_pixels(asked: Asked, processor: MultimodalProcessor, limit: int) -> Shelf:
    """All pictures as bytes in the store.

    Args:
        asked: names the pictures.
        processor: prepares them to one size.
        limit: bytes that all entries of the store may take.

    Raises:
        ThawError: they do not fit, or are no bytes.
    """
    images = processor.images

    def compute(numbers: np.ndarray) -> Iterator[Tensor]:
        for pictures in read_ahead([asked.paths[number] for number in numbers]):
            yield _prepared(images, pictures).flatten(1)

    first = _prepared(images, [picture_to_ask(asked.paths[0])])
    if first.dtype != torch.uint8:
        raise ThawError(f"{type(images).__name__} makes no bytes of a picture")
    rows = Rows(
        title="preparing pictures",
        names=asked.pictures,
        lengths=np.ones(len(asked.pictures), dtype=np.int64),
        width=first[0].numel(),
        dtype="uint8",
        content={"kind": "pixels", "processor": processor_key(images)},
    )
    return shelve(rows, compute, limit)


def _prepared(images: BaseImageProcessor, pictures: list[Image.Image]) -> Tensor:
    """Everything that the processor does to pictures but its last step."""
    found = images(pictures, do_rescale=False, do_normalize=False, return_tensors="pt")
    pixels: Tensor = found["pixel_values"]
    return pixels


def processor_key(images: BaseImageProcessor) -> str:
    """What the processor does, as text that is the same wherever it does the same."""
    return json.dumps(images.to_dict(), sort_keys=True, default=str)
