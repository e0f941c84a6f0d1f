"""From a specification to the joined model and its processor, and back from a finished arm."""

import hashlib
from functools import lru_cache
from pathlib import Path

import torch
from transformers import PreTrainedConfig
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import PicturesCase, SmallConfig, VqaConfig
from tasks.config.vqa import SMALL
from tasks.errors import RequestError, ThawError
from tasks.kinds.pictures.model.building import Part, join_models
from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.kinds.pictures.model.processing import MultimodalProcessor, image_processor
from tasks.kinds.pictures.model.small import small_decoder, small_image_encoder, word_tokenizer
from tasks.kinds.pictures.model.tokens import with_answer_tokens
from tasks.models.base_models import LocatedModel, locate
from tasks.models.loading import load_tokenizer
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.building import TRAINED, read_spec, trained_state

_SHORTEST_DECODER = 32  # positions


def parts_digest(config: PicturesCase) -> str:
    """Identity of the weights that training starts from; what is not on this machine is fetched.

    Raises:
        RequestError: a part that there is not.
        ThawError: it has to be fetched and cannot be.
    """
    vqa = config.vqa
    named = (("vqa.text_encoder", vqa.text_encoder), ("vqa.image_encoder", vqa.image_encoder))
    digests = [
        SMALL if name == SMALL and field != "vqa.text_encoder" else locate(name, field).digest
        for field, name in (*named, ("model.base", config.model.base))
    ]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def build_answerer(spec: ArmSpec) -> tuple[MultimodalModel, MultimodalProcessor]:
    """The arm's model before training, in float32, and what stands between it and people.

    Raises:
        RequestError: a part that cannot play its role.
        ThawError: weights that cannot be read.
    """
    vqa = vqa_of(spec)
    text = locate(vqa.text_encoder, "vqa.text_encoder")
    eyes = _image_encoder(vqa)
    answers, decoder = _decoder(spec, vqa)
    drops = vqa.dropout
    dropout = (drops.text, drops.image, drops.fused)
    model = join_models(text.folder, eyes, decoder, answers, vqa.fusion, spec.seed, dropout)
    _require_size(model, vqa)
    return model, MultimodalProcessor(
        questions=load_tokenizer(text),
        images=image_processor(eyes, vqa.image_size),
        answers=answers,
        question_tokens=vqa.max_question,
        answer_tokens=vqa.max_answer,
    )


def load_trained_answerer(folder: Path) -> tuple[ArmSpec, MultimodalModel, MultimodalProcessor]:
    """A finished arm's specification, its trained model in evaluation mode, and its processor.

    Raises:
        ThawError: the weights are not those of this arm.
    """
    spec = read_spec(folder)
    model, processor = build_answerer(spec)
    strange = model.load_state_dict(trained_state(folder), strict=False).unexpected_keys
    if strange:
        raise ThawError(f"{folder / TRAINED} holds {strange[0]}, which {spec.title} does not have.")
    return spec, model.eval(), processor


def vqa_of(spec: ArmSpec) -> VqaConfig:
    """What the arm reads and how it answers.

    Raises:
        ThawError: the arm is of a case that is not about pictures.
    """
    if spec.vqa is None:
        raise ThawError(f"{spec.title} is an arm of a case that is not about pictures.")
    return spec.vqa


def _image_encoder(vqa: VqaConfig) -> Part:
    if vqa.image_encoder != SMALL:
        return locate(vqa.image_encoder, "vqa.image_encoder").folder
    small = vqa.small
    return small_image_encoder(
        small.image_size, small.patch_size, small.width, small.image_blocks, small.heads
    )


def _require_size(model: MultimodalModel, vqa: VqaConfig) -> None:
    """Refuse a size of pictures that the image encoder cannot read without losing their edges."""
    if vqa.image_size is None:
        return
    sides = "x".join(map(str, vqa.image_size))
    config = model.config.image_encoder
    patch = getattr(config, "patch_size", 1)
    if isinstance(patch, int) and any(side % patch for side in vqa.image_size):
        near = [max(1, round(side / patch)) * patch for side in vqa.image_size]
        raise RequestError(
            f"vqa.image_size={sides} does not come out even in patches of {patch} pixels, of which "
            f"{vqa.image_encoder} reads pictures: use [{near[0]},{near[1]}]."
        )
    try:
        with torch.inference_mode():
            model.image_features(
                torch.zeros(1, getattr(config, "num_channels", 3), *vqa.image_size)
            )
    except (ValueError, RuntimeError) as error:
        raise RequestError(
            f"The image encoder {vqa.image_encoder} takes no pictures of {sides} pixels: {error}"
        ) from error


def _decoder(spec: ArmSpec, vqa: VqaConfig) -> tuple[PreTrainedTokenizerBase, Part]:
    """The answers' tokenizer, and the decoder that writes in it."""
    if spec.model.base == SMALL:
        answers = _words(spec.train)
        return answers, _small_decoder(answers, vqa.small, vqa.max_answer)
    located: LocatedModel = locate(spec.model.base)
    return with_answer_tokens(load_tokenizer(located)), located.folder


def _small_decoder(
    answers: PreTrainedTokenizerBase, small: SmallConfig, longest: int
) -> PreTrainedConfig:
    positions = max(_SHORTEST_DECODER, longest + 1)
    return small_decoder(answers, small.width, small.decoder_blocks, small.heads, positions)


@lru_cache(maxsize=4)
def _words(train: TableRef) -> PreTrainedTokenizerBase:
    """A tokenizer of the training answers' words; the arms of a sweep share it."""
    return word_tokenizer(train.read(["answer"])["answer"])
