"""From a writing arm's specification to its model, its encoded parts, and back from its folder."""

from pathlib import Path

from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import PARTS, LanguageConfig
from tasks.errors import ThawError
from tasks.language.encoding import CompletionPart, encode_part
from tasks.language.tail import WholeLanguageModel
from tasks.models.adapting import adapt, merge
from tasks.models.base_models import LocatedModel, context_of, locate
from tasks.models.generators import load_generator
from tasks.training.arms import ArmSpec
from tasks.training.building import TRAINED, read_spec, trained_state

Parts = dict[str, CompletionPart]


def load_arm_model(
    spec: ArmSpec, located: LocatedModel
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The arm's model before training, its adapter in place; and the tokenizer."""
    base, tokenizer = load_generator(located, spec.model.backbone_dropout)
    adapt(base.base_model, spec.strategy, spec.seed, spec.model.backbone_dropout)
    return base, tokenizer


def load_trained_writer(
    folder: Path,
) -> tuple[ArmSpec, PreTrainedModel, PreTrainedTokenizerBase]:
    """A finished arm's specification, its trained model in evaluation mode, and the tokenizer.

    Adapters are merged into the weights, so that the model is a plain one.

    Raises:
        ThawError: the weights are not those of this arm.
    """
    spec = read_spec(folder)
    base, tokenizer = load_arm_model(spec, locate(spec.model.base))
    return spec, put_trained(base, spec, folder), tokenizer


def put_trained(base: PreTrainedModel, spec: ArmSpec, folder: Path) -> PreTrainedModel:
    """Give a model that writes what an arm has trained of it, in evaluation mode, adapters merged.

    Args:
        base: as the arm's training found it, adapters in place.
        spec: the arm.
        folder: its own.

    Raises:
        ThawError: the weights are not those of this arm.
    """
    whole = WholeLanguageModel(base)
    strange = whole.load_state_dict(trained_state(folder), strict=False).unexpected_keys
    if strange:
        raise ThawError(f"{folder / TRAINED} holds {strange[0]}, which {spec.title} does not have.")
    merge(whole.backbone)
    return base.eval()


def encode_parts(spec: ArmSpec, located: LocatedModel, tokenizer: PreTrainedTokenizerBase) -> Parts:
    """The arm's three parts as token ids."""
    length = min(spec.model.max_length, context_of(located) or spec.model.max_length)
    return {
        name: encode_part(getattr(spec, name), language_of(spec), tokenizer, length)
        for name in PARTS
    }


def encoder_of(spec: ArmSpec) -> str:
    """The base model by whose states the arm's answers are held against the given ones."""
    return language_of(spec).encoder or spec.model.base


def language_of(spec: ArmSpec) -> LanguageConfig:
    """The arm's text form.

    Raises:
        ThawError: the arm is of a case that does not write.
    """
    if spec.language is None:
        raise ThawError(f"{spec.title} is an arm of a case with labels: it writes nothing.")
    return spec.language
