"""What the model looked at while it answered: attention over words and patches, as pictures."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import PreTrainedConfig

from tasks.kinds.pictures.model.answering import looked_at
from tasks.kinds.pictures.model.model import IGNORED, MultimodalModel
from tasks.kinds.pictures.model.processing import MultimodalProcessor

_SIDE = 240  # pixels of the longer side of a drawn picture
_DIM = 0.18  # how bright a place is that nothing looked at


@dataclass(frozen=True)
class Look:
    """One answer, and where cross-attention lay while it was written.

    Attributes:
        question: what was asked.
        answer: what was answered.
        words: the question's tokens with the share of attention on each, the largest first.
        on_picture: share on the picture; what is left lies on the question.
        picture: a PNG of the picture as the encoder sees it, maybe cropped.
        overlay: the same, as bright as each place was looked at.
    """

    question: str
    answer: str
    words: tuple[tuple[str, float], ...]
    on_picture: float
    picture: bytes
    overlay: bytes


def look(
    model: MultimodalModel,
    processor: MultimodalProcessor,
    questions: Sequence[str],
    pictures: Sequence[Image.Image],
    answers: Sequence[str],
) -> list[Look]:
    """Let the model write given answers once more and draw where it looked.

    Shares are means over layers, heads and the answer's tokens, its end token left out.

    Args:
        model: on any device; runs in evaluation mode with eager attention, and comes back as
            it was.
        processor: the model's.
        questions: of a few rows: all of them are one batch.
        pictures: of the same rows, in RGB.
        answers: of the same rows: what the model answered.

    Returns:
        One a row; none with other fusions than `sequence`, which leave one place to look at.
    """
    if model.config.fusion != "sequence" or not questions:
        return []
    pixels = processor.read_images(pictures)
    read = processor.read_questions(questions)
    labels = processor.read_answers(answers)
    shares = _shares(model, {**read, "pixel_values": pixels}, labels)
    tokens = read["input_ids"].shape[1]
    found = []
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        written = max(1, int((labels[number] != IGNORED).sum()) - 1)
        share = shares[number, :written].mean(0).numpy()
        grid = _grid(share[tokens:], pixels.shape[2:], model.config.image_encoder)
        seen = _picture(pixels[number], processor)
        found.append(
            Look(
                question=question,
                answer=answer,
                words=_words(processor, read["input_ids"][number], share[:tokens]),
                on_picture=float(share[tokens:].sum()),
                picture=_png(seen),
                overlay=_png(_lit(seen, grid)),
            )
        )
    return found


def _shares(model: MultimodalModel, inputs: dict[str, Tensor], labels: Tensor) -> Tensor:
    """(batch, tokens, places) in float32 on the CPU."""
    training, attention = model.training, model.decoder.config._attn_implementation
    moved = {name: value.to(model.device) for name, value in inputs.items()}
    model.eval()
    try:
        model.decoder.set_attn_implementation("eager")
        return looked_at(model, moved, labels.to(model.device)).float().cpu()
    finally:
        model.decoder.set_attn_implementation(attention)
        model.train(training)


def _grid(shares: np.ndarray, size: torch.Size, encoder: PreTrainedConfig) -> np.ndarray:
    """The patches' shares as they lie in the picture, (rows, columns).

    Before the patches stands what else the encoder puts there: [CLS], registers. One that merges
    patches has fewer than its configuration says, in a square.
    """
    rows, columns = (side // encoder.patch_size for side in size)
    if rows * columns > len(shares):
        rows = columns = math.isqrt(len(shares))
    return shares[-rows * columns :].reshape(rows, columns)


def _words(
    processor: MultimodalProcessor, ids: Tensor, shares: np.ndarray
) -> tuple[tuple[str, float], ...]:
    """The question's tokens by falling share; marks such as [CLS] among them, padding not."""
    names = processor.questions.convert_ids_to_tokens(ids.tolist())
    real = [n for n, token in enumerate(ids.tolist()) if token != processor.questions.pad_token_id]
    order = sorted(real, key=lambda place: -shares[place])
    return tuple((str(names[place]), float(shares[place])) for place in order)


def _picture(pixels: Tensor, processor: MultimodalProcessor) -> Image.Image:
    """The picture back from (channels, height, width) as the encoder reads it."""
    values = pixels
    if processor.images.do_normalize:
        mean, spread = (
            torch.tensor(given).view(-1, 1, 1)
            for given in (processor.images.image_mean, processor.images.image_std)
        )
        values = values * spread + mean
    bytes_ = (values.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    height, width = pixels.shape[1:]
    sides = [max(1, round(side * _SIDE / max(height, width))) for side in (width, height)]
    return Image.fromarray(bytes_.numpy()).resize((sides[0], sides[1]), Image.Resampling.BICUBIC)


def _lit(picture: Image.Image, grid: np.ndarray) -> Image.Image:
    """The picture, darkened where nothing looked; the place of most attention stays as it is."""
    light = Image.fromarray((grid / grid.max()).astype(np.float32)).resize(
        picture.size, Image.Resampling.BILINEAR
    )
    factor = _DIM + (1 - _DIM) * np.asarray(light)[:, :, None]
    return Image.fromarray((np.asarray(picture) * factor).round().astype(np.uint8))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
