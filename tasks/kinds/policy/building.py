"""From a policy arm's specification to its model, its prompts and its policy; back from its folder.

A policy is a causal language model or an encoder-decoder. Strategies mean the same for both, with
the encoder and the embeddings counted as what lies below the decoder's first block.
"""

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import LanguageConfig, RLConfig
from tasks.errors import ThawError
from tasks.kinds.policy.causal import CausalPolicy
from tasks.kinds.policy.encoder_decoder import EncoderDecoderPolicy
from tasks.kinds.policy.policy import Policy
from tasks.kinds.policy.rollout import Query
from tasks.kinds.writing.building import put_trained
from tasks.language.encoding import format_of
from tasks.language.pairs import Prompt
from tasks.language.writing import Loaded, given_ids, load_writing
from tasks.models.adapting import adapt
from tasks.registry.stages import locate_start
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.building import read_spec
from tasks.training.device import uses_gpu, wants_bf16


@dataclass(frozen=True)
class PromptPart:
    """Prompts of one part.

    Attributes:
        ids: of the rows.
        texts: what is asked, as the rewards see it.
        prompts: the same as the model is given it.
        queries: token ids with the rest.
    """

    ids: list[str]
    texts: list[str]
    prompts: list[Prompt]
    queries: list[Query]


def read_prompts(
    part: TableRef, language: LanguageConfig, tokenizer: PreTrainedTokenizerBase, encoder: bool
) -> PromptPart:
    """The prompts of a stored part (columns `id`, `text`) in the form of one model.

    Args:
        part: as it is stored.
        language: the text form.
        tokenizer: the model's own.
        encoder: the model is an encoder-decoder.
    """
    frame = part.read(["id", "text"])
    ids, texts = frame["id"].tolist(), frame["text"].tolist()
    form = format_of(language, tokenizer)
    prompts: list[Prompt] = [form.prompt(text) for text in texts]
    tokens = given_ids(prompts, tokenizer, encoder)
    queries = [
        Query(name, tuple(row), text) for name, row, text in zip(ids, tokens, texts, strict=True)
    ]
    return PromptPart(ids, texts, prompts, queries)


def load_start(spec: ArmSpec) -> Loaded:
    """The model that the arm starts from, its adapter in place; and the tokenizer."""
    model, tokenizer = load_writing(locate_start(spec.model.base, spec.base_digest))
    adapt(model.base_model, spec.strategy, spec.seed)
    return model, tokenizer


def load_trained_policy(folder: Path) -> tuple[ArmSpec, PreTrainedModel, PreTrainedTokenizerBase]:
    """A finished arm's specification, its model without value head, and its tokenizer.

    Adapters are merged into the weights, so that the model is a plain one.

    Raises:
        ThawError: the weights are not those of this arm.
    """
    spec = read_spec(folder)
    model, tokenizer = load_start(spec)
    return spec, put_trained(model, spec, folder), tokenizer


def policy_on(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, config: RLConfig
) -> Policy:
    """The model as a policy, on the GPU where there is one.

    Args:
        model: what of it requires gradients is what trains.
        tokenizer: its own.
        config: its precision and temperature.
    """
    bf16 = wants_bf16(config.precision)
    model = model.cuda() if uses_gpu() else model
    if model.config.is_encoder_decoder:
        return EncoderDecoderPolicy(
            model, tokenizer, bf16, freeze_encoder=False, temperature=config.temperature
        )
    return CausalPolicy(model, tokenizer, bf16, config.temperature)


def settings_of(spec: ArmSpec) -> tuple[RLConfig, LanguageConfig]:
    """How the arm learns, with its own seed, and how it speaks: answers are as long as in training.

    Raises:
        ThawError: the arm is of a case that does not learn from rewards.
    """
    if spec.rl is None or spec.language is None:
        raise ThawError(f"{spec.title} is an arm of a case without rewards: it is no policy.")
    config = spec.rl.model_copy(update={"seed": spec.seed})
    return config, spec.language.model_copy(update={"max_new_tokens": config.max_new_tokens})
