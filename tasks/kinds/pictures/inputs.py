"""How rows of questions become batches: from stored states where an encoder is frozen.

inputs = prepare_inputs(spec, model, processor, asked, freezing.parts)
batch = inputs(examples)          what `MultimodalModel.forward` takes
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tasks.config import PARTS
from tasks.errors import RequestError, ThawError
from tasks.kinds.pictures.building import vqa_of
from tasks.kinds.pictures.features import kept_images, kept_texts
from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.kinds.pictures.model.processing import MultimodalProcessor
from tasks.kinds.pictures.pixels import Read, from_files, from_shelf, kept_pixels
from tasks.kinds.pictures.questions import Asked, AskedPart, EncodedTexts, encode_texts
from tasks.kinds.pictures.shelf import Shelf
from tasks.training.arms import ArmSpec
from tasks.training.batching import PaddingCollator
from tasks.training.trunk import states_dtype
from tasks.training.trunk_pass import stack

PIXELS = "prepared pictures"


@dataclass(frozen=True)
class Inputs:
    """Batches of an arm's rows. A picture is in a batch once, however many ask about it.

    Attributes:
        asked: the arm's questions and pictures.
        texts: questions and answers in tokens.
        pad_id: of questions.
        blind_to: `text` or `image` whose features are zero, of the width given with it.
        text_states: kept states of the questions; None where tokens go through the encoder.
        image_states: kept states of the pictures; None where pixels go through the encoder.
        pixels: reads pictures.
        kept: all that is in the store.
        description: one sentence for the run.
    """

    asked: Asked
    texts: EncodedTexts
    pad_id: int
    blind_to: Mapping[str, int]
    text_states: Shelf | None
    image_states: Shelf | None
    pixels: Read
    kept: tuple[Shelf, ...]
    description: str

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """A batch with `labels`; examples carry `part` and `row`."""
        part = self.asked.parts[PARTS[examples[0]["part"]]]
        rows = np.array([example["row"] for example in examples])
        return self.batch(part, rows) | {"labels": self.texts.labels(part.answers[rows])}

    def batch(self, part: AskedPart, rows: np.ndarray) -> dict[str, Tensor]:
        """The arguments of `MultimodalModel.encode` for some rows of a part."""
        return self._questions(part.questions[rows]) | self.pictures(part.pictures[rows])

    def _questions(self, places: np.ndarray) -> dict[str, Tensor]:
        if "text" in self.blind_to:  # a single place: a mask would tell the question's length
            return {"text_states": torch.zeros(len(places), 1, self.blind_to["text"])}
        if self.text_states is None:
            ids = [{"input_ids": self.texts.questions[place]} for place in places]
            return PaddingCollator(self.pad_id)(ids)
        found = stack([self.text_states.row(int(place)) for place in places])
        return {"text_states": found["hidden"], "attention_mask": found["attention_mask"]}

    def pictures(self, places: np.ndarray) -> dict[str, Tensor]:
        """`image_states` or `pixel_values` of each different picture, and `image_rows`."""
        if "image" in self.blind_to:
            return {"image_states": torch.zeros(len(places), 1, self.blind_to["image"])}
        different, rows = np.unique(places, return_inverse=True)
        found = {"image_rows": torch.from_numpy(rows)}
        if self.image_states is None:
            return found | {"pixel_values": self.pixels(different.tolist())}
        states = [self.image_states.row(int(place)) for place in different]
        return found | {"image_states": torch.stack(states)}


def prepare_inputs(
    spec: ArmSpec,
    model: MultimodalModel,
    processor: MultimodalProcessor,
    asked: Asked,
    frozen: Sequence[str],
) -> Inputs:
    """Run the frozen encoders over everything once, or find what another arm has kept.

    Args:
        spec: the arm; `training.trunk` says whether to keep anything, `training.trunk_limit_gb`
            how much all that is kept may take.
        model: the arm's, before training.
        processor: the model's.
        asked: questions and pictures.
        frozen: the frozen parts, of `freezing.PartFreezing`.

    Raises:
        RequestError: `training.trunk=on` and what is frozen cannot be kept.
    """
    limit = int(spec.training.trunk_limit_gb * 1e9)
    dtype = states_dtype(spec)
    texts = encode_texts(asked, processor)
    sees = vqa_of(spec).sees
    wanted: dict[str, Callable[[], Shelf]] = {}
    if sees != "image" and "text_encoder" in frozen:
        wanted["questions"] = lambda: kept_texts(texts, model, processor, dtype, limit)
    if sees != "question" and "image_encoder" in frozen:
        wanted["pictures"] = lambda: kept_images(asked, model, processor, dtype, limit)
    elif sees != "question":
        wanted[PIXELS] = lambda: kept_pixels(asked, processor, limit)
    kept, description = _kept(spec, wanted)
    pixels = kept.get(PIXELS)
    blind = {
        "image": {"text": model.config.text_encoder.hidden_size},
        "question": {"image": model.config.image_encoder.hidden_size},
    }
    return Inputs(
        asked=asked,
        texts=texts,
        pad_id=int(processor.questions.pad_token_id),
        blind_to=blind.get(sees, {}),
        text_states=kept.get("questions"),
        image_states=kept.get("pictures"),
        pixels=from_files(asked, processor) if pixels is None else from_shelf(pixels, processor),
        kept=tuple(kept.values()),
        description=description,
    )


def _kept(spec: ArmSpec, wanted: Mapping[str, Callable[[], Shelf]]) -> tuple[dict[str, Shelf], str]:
    """What could be kept, by name, and a sentence on all of it."""
    if spec.training.trunk == "off":
        return {}, "training.trunk=off"
    kept: dict[str, Shelf] = {}
    notes = []
    for name, keep in wanted.items():
        try:
            kept[name] = keep()
            notes.append(f"{name}, {kept[name].bytes / 1e6:.1f} MB")
        except ThawError as error:
            if spec.training.trunk == "on":
                raise RequestError(
                    f"training.trunk=on, but for {spec.title} the {name} cannot be kept: {error}."
                ) from error
            notes.append(f"{name} anew for every batch, since {error}")
    return kept, f"on: {'; '.join(notes)}" if kept else "; ".join(notes) or "nothing is frozen"
