"""A model that answers questions about pictures in one folder: all that answering needs.

<folder>/model/           configuration of all three parts, weights (safetensors), tokenizers of
                          questions and answers, preparation of pictures
<folder>/package.json     how answers are generated, and how sure ones are checked
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, field_validator
from torch import Tensor

from tasks.config import VqaConfig
from tasks.errors import RequestError
from tasks.kinds.pictures.answer_confidence import calibrated
from tasks.kinds.pictures.model.answering import Answer, answer_batch
from tasks.kinds.pictures.model.building import load_joined
from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.kinds.pictures.model.processing import MultimodalProcessor
from tasks.kinds.pictures.records import Asked, Record, read_records
from tasks.kinds.pictures.scores import confidence
from tasks.storage import write_text

BATCH = 16


class PictureInfo(BaseModel):
    """What a package knows about itself besides weights, tokenizers and the pictures' size.

    Attributes:
        case: the case whose arm it was.
        arm_key: the arm's.
        strategy: what trained.
        vqa: of the case; a folder of the machine that trained it is left with its name alone.
        temperature: of `tasks.kinds.pictures.answer_confidence`, fitted on validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    arm_key: str
    strategy: str
    vqa: VqaConfig
    temperature: float = 1.0

    @field_validator("vqa")
    @classmethod
    def _without_folders(cls, vqa: VqaConfig) -> VqaConfig:
        parts = {name: Path(getattr(vqa, name)) for name in ("text_encoder", "image_encoder")}
        folders = {name: part.name for name, part in parts.items() if part.is_absolute()}
        return vqa.model_copy(update=folders)


class PicturePackage:
    """A loaded package; in float32 and on the CPU, where `load` made it."""

    def __init__(
        self, info: PictureInfo, model: MultimodalModel, processor: MultimodalProcessor
    ) -> None:
        self.info = info
        self.model = model.eval()
        self.processor = processor

    def save(self, folder: Path) -> Path:
        """Write the package; returns `folder`."""
        self.model.save_pretrained(folder / "model")
        self.processor.save(folder / "model")
        write_text(folder / "package.json", self.info.model_dump_json(indent=2))
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "PicturePackage":
        """Read what `save` wrote."""
        folder = Path(folder)
        info = PictureInfo.model_validate_json((folder / "package.json").read_text("utf-8"))
        return cls(info, load_joined(folder / "model"), MultimodalProcessor.load(folder / "model"))

    def predict(
        self, records: Sequence[Record], params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """An answer to each question.

        Args:
            records: see `read_records`. A picture that several questions of a batch are about is
                read and encoded once.
            params: `{"beams": 4}` for a beam search (default 1: greedy).

        Returns:
            `answer`; `confidence`, the calibrated probability that it is right;
            `confidence_geometric`, the geometric mean of its tokens' probabilities; whether it
            `stopped` by itself; how many `tokens` it has, its end token included.

        Raises:
            RequestError: a record that cannot be asked, or fewer than one beam.
        """
        beams = int((params or {}).get("beams") or 1)
        if not 1 <= beams <= 64:
            raise RequestError(f"{beams} beams are no search: give 1 (greedy) to 64.")
        asked = read_records(records)
        for each in asked:
            self.processor.check_question(each.question)
        found: list[dict[str, Any]] = []
        for start in range(0, len(asked), BATCH):
            inputs = self.read(asked[start : start + BATCH])
            longest = self.info.vqa.max_answer
            answers = answer_batch(self.model, self.processor, inputs, longest, beams)
            found += map(self._shown, answers)
        return found

    def read(self, asked: Sequence[Asked]) -> dict[str, Tensor]:
        """The arguments of `MultimodalModel.encode` for a batch, each picture in it once."""
        different = {each.picture: each for each in asked}
        pixels = self.processor.read_images([each.read() for each in different.values()])
        place = {picture: number for number, picture in enumerate(different)}
        rows = torch.tensor([place[each.picture] for each in asked])
        questions = self.processor.read_questions([each.question for each in asked])
        text = questions
        image = {"pixel_values": pixels, "image_rows": rows}
        if self.info.vqa.sees == "image":  # as in training: one place of zeros
            width = self.model.config.text_encoder.hidden_size
            text = {"text_states": torch.zeros(len(asked), 1, width)}
        if self.info.vqa.sees == "question":
            width = self.model.config.image_encoder.hidden_size
            image = {"image_states": torch.zeros(len(asked), 1, width)}
        return {name: value.to(self.model.device) for name, value in (text | image).items()}

    def _shown(self, answer: Answer) -> dict[str, Any]:
        sure = confidence(answer.log_probabilities)
        return {
            "answer": answer.text,
            "confidence": calibrated(sure.product, self.info.temperature),
            "confidence_geometric": sure.geometric_mean,
            "stopped": answer.stopped,
            "tokens": len(answer.tokens),
        }
