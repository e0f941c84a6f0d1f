"""From questions, pictures and answers to tensors, and back; saved beside the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL.Image import Image
from torch import Tensor
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedConfig, ViTImageProcessorPil
from transformers.image_processing_utils import BaseImageProcessor
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError, ThawError
from tasks.kinds.pictures.model.model import IGNORED

_FOLDERS = ("questions", "images", "answers")
# torchvision, where it is installed, would be taken instead, and scales pictures differently.
_BACKEND = "pil"


@dataclass(frozen=True)
class MultimodalProcessor:
    """What stands between people and the model.

    Attributes:
        questions: the text encoder's tokenizer, with a pad token.
        images: the image encoder's own preparation: size, scale and normalisation as in its
            pretraining (the chapter's second edition left the normalisation out).
        answers: the decoder's tokenizer from `with_answer_tokens`.
        question_tokens: longer questions are cut.
        answer_tokens: longer answers are cut, with their end token.
    """

    questions: PreTrainedTokenizerBase
    images: BaseImageProcessor
    answers: PreTrainedTokenizerBase
    question_tokens: int = 32
    answer_tokens: int = 16

    def read_questions(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """`input_ids` and `attention_mask`, each (batch, longest), padded on the right."""
        encoded = self.questions(
            list(texts),
            truncation=True,
            max_length=self.question_tokens,
            padding=True,
            padding_side="right",
            return_tensors="pt",
            return_token_type_ids=False,
        )
        return {name: encoded[name] for name in ("input_ids", "attention_mask")}

    def read_images(self, images: Sequence[Image]) -> Tensor:
        """`pixel_values`, (batch, channels, height, width), of RGB pictures; never augmented."""
        return self.images(list(images), return_tensors="pt")["pixel_values"]

    def read_answers(self, texts: Sequence[str]) -> Tensor:
        """`labels`, (batch, longest): each answer's tokens, its end token, then -100."""
        limit = self.answer_tokens - 1
        rows = self.answers(list(texts), add_special_tokens=False)["input_ids"]
        ended = [[*row[:limit], self.answers.eos_token_id] for row in rows]
        labels = torch.full((len(ended), max(map(len, ended))), IGNORED)
        for number, row in enumerate(ended):
            labels[number, : len(row)] = torch.tensor(row)
        return labels

    def write_answer(self, tokens: Sequence[int]) -> str:
        """The text of generated tokens, without special tokens and surrounding white space."""
        return self.answers.decode(list(tokens), skip_special_tokens=True).strip()

    def is_readable(self, question: str) -> bool:
        """Whether the tokenizer knows any of it: all else is an alphabet that it has never met."""
        ids = self.questions(question, add_special_tokens=False)["input_ids"]
        return any(token != self.questions.unk_token_id for token in ids)

    def check_question(self, question: str) -> None:
        """Refuse a question that the model would answer without having read it.

        Raises:
            RequestError: the tokenizer knows none of its characters, or there are none.
        """
        if not self.is_readable(question):
            raise RequestError(
                f"The model's tokenizer knows nothing of the question {question[:80]!r}: ask in "
                "the language that the model was trained on."
            )

    def save(self, folder: Path) -> None:
        """Write everything into sub-folders of the model's folder."""
        parts = (self.questions, self.images, self.answers)
        # What is not the tokenizers' own: lengths, as the field that every tokenizer keeps.
        self.questions.model_max_length = self.question_tokens
        self.answers.model_max_length = self.answer_tokens
        for name, part in zip(_FOLDERS, parts, strict=True):
            part.save_pretrained(folder / name)

    @classmethod
    def load(cls, folder: Path) -> "MultimodalProcessor":
        """Read what `save` wrote.

        Raises:
            ThawError: it is not there, or not readable.
        """
        try:
            questions = AutoTokenizer.from_pretrained(folder / "questions")
            images = AutoImageProcessor.from_pretrained(folder / "images", backend=_BACKEND)
            answers = AutoTokenizer.from_pretrained(folder / "answers")
        except (OSError, ValueError) as error:
            raise ThawError(f"The processor in {folder} cannot be loaded: {error}") from error
        lengths = (questions.model_max_length, answers.model_max_length)
        return cls(questions, images, answers, *lengths)


def image_processor(
    part: Path | PreTrainedConfig, size: tuple[int, int] | None = None
) -> BaseImageProcessor:
    """An image encoder's own preparation; for a new encoder, pictures of its size around zero.

    Args:
        part: the encoder's folder, or the configuration of a new one.
        size: (height, width) in pixels to which whole pictures are scaled, in place of the
            folder's own size and cropping.

    Raises:
        RequestError: the checkpoint has no preprocessor_config.json, or not a readable one.
    """
    if isinstance(part, Path):
        try:
            images = AutoImageProcessor.from_pretrained(part, backend=_BACKEND)
        except (OSError, ValueError) as error:
            raise RequestError(
                f"The image encoder {part.name} does not say how its pictures are prepared "
                f"(preprocessor_config.json): {error}"
            ) from error
        return images if size is None else _whole(images, size)
    side = part.image_size
    return ViTImageProcessorPil(size={"height": side, "width": side})


def _whole(images: BaseImageProcessor, size: tuple[int, int]) -> BaseImageProcessor:
    """The same scale and normalisation, for whole pictures of another size."""
    given = images.to_dict() | {
        "size": dict(zip(("height", "width"), size, strict=True)),
        "do_resize": True,
        "do_center_crop": False,
    }
    return type(images).from_dict(given)
