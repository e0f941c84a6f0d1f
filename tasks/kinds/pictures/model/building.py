"""Joining three checkpoints (or new models from configurations) into one model.

model = join_models(minilm_folder, dinov2_folder, gpt2_folder, answer_tokenizer)
"""

import copy
import inspect
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError, ThawError
from tasks.kinds.pictures.model.config import Fusion, MultimodalConfig
from tasks.kinds.pictures.model.freezing import is_cross_attention
from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.kinds.pictures.model.tokens import fit_tokens
from tasks.models.classifier import loading_options
from tasks.models.one_at_a_time import one_at_a_time

Part: TypeAlias = Path | PreTrainedConfig
"""A local folder with a checkpoint, or the configuration of a model with random weights."""
Dropout: TypeAlias = tuple[float, float, float]
NO_DROPOUT: Dropout = (0.0, 0.0, 0.0)


def join_models(
    text_encoder: Part,
    image_encoder: Part,
    decoder: Part,
    answers: PreTrainedTokenizerBase,
    fusion: Fusion = "sequence",
    seed: int = 0,
    dropout: Dropout = NO_DROPOUT,
) -> MultimodalModel:
    """A model in float32 from its three parts.

    Args:
        text_encoder: reads token ids and gives hidden states (BERT, DistilBERT, …).
        image_encoder: reads pixels and gives hidden states (ViT, DINOv2, …).
        decoder: writes from left to right and takes cross-attention (GPT-2, …).
        answers: the decoder's tokenizer from `with_answer_tokens`.
        fusion: as in `MultimodalConfig`.
        seed: of all that is new: projections, cross-attention, whole parts from configurations.
        dropout: shares as in `MultimodalConfig`: of the text, of the picture, of both fused.

    Raises:
        RequestError: a part that cannot play its role.
        ThawError: weights that cannot be read, or some are missing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        text = _encoder(text_encoder, "text", "input_ids")
        image = _encoder(image_encoder, "image", "pixel_values")
        writer = _decoder(decoder)
        fit_tokens(writer, answers)
        config = MultimodalConfig(
            text_encoder=text.config,
            image_encoder=image.config,
            decoder=writer.config,
            fusion=fusion,
            text_dropout=dropout[0],
            image_dropout=dropout[1],
            fused_dropout=dropout[2],
            pad_token_id=answers.pad_token_id,
            bos_token_id=answers.bos_token_id,
            eos_token_id=answers.eos_token_id,
            decoder_start_token_id=answers.bos_token_id,
        )
        options = loading_options(config)
        config._attn_implementation = options["attn_implementation"]
        return MultimodalModel(config, text, image, writer)


@one_at_a_time
def load_joined(folder: Path) -> MultimodalModel:
    """What `save_pretrained` wrote into `folder`, in float32, ready to answer.

    Raises:
        ThawError: the weights cannot be read, or some are missing.
    """
    try:
        config = MultimodalConfig.from_pretrained(folder)
        model, loading = MultimodalModel.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            attn_implementation=loading_options(config)["attn_implementation"],
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ThawError(f"The model in {folder} cannot be loaded: {error}") from error
    if missing := sorted(loading["missing_keys"]):
        raise ThawError(
            f"The model in {folder} cannot be loaded: {len(missing)} weights are missing, "
            f"{missing[0]} among them."
        )
    return model.eval()


def _encoder(part: Part, kind: str, reads: str) -> PreTrainedModel:
    """An encoder whose hidden states have one width, told from its configuration."""
    config = _config(part)
    called = f"The {kind} encoder {_name(part, config)}"
    if getattr(config, "is_encoder_decoder", False):
        raise RequestError(
            f"{called} is an encoder with a decoder of its own ({config.model_type}): name a model "
            "that only encodes."
        )
    if not isinstance(getattr(config, "hidden_size", None), int):
        raise RequestError(
            f"{called} has no hidden size in its configuration ({config.model_type}), so nothing "
            "says how wide its states are: name a transformer encoder such as "
            f"{'BERT or DistilBERT' if kind == 'text' else 'ViT or DINOv2'}."
        )
    model, missing = _load(AutoModel, part, config)
    _refuse_missing(_name(part, config), missing)
    if model.main_input_name != reads:
        raise RequestError(
            f"{called} reads {model.main_input_name} and not {reads} ({config.model_type}): it is "
            f"no {kind} encoder."
        )
    return model


def _decoder(part: Part) -> PreTrainedModel:
    """A decoder with cross-attention, new where the checkpoint has none."""
    config = _config(part)
    called = f"The decoder {_name(part, config)} ({config.model_type})"
    config.is_decoder = True
    config.add_cross_attention = True
    model, missing = _load(AutoModelForCausalLM, part, config)
    takes = inspect.signature(model.forward).parameters
    crossing = any(is_cross_attention(name) for name, _ in model.named_parameters())
    if not crossing or not {"encoder_hidden_states", "encoder_attention_mask"} <= takes.keys():
        raise RequestError(
            f"{called} cannot take cross-attention, so it would never see question or picture: "
            "name a decoder that can, such as GPT-2."
        )
    _refuse_missing(_name(part, config), missing)
    return model


def _config(part: Part) -> PreTrainedConfig:
    if isinstance(part, PreTrainedConfig):
        return copy.deepcopy(part)  # joining writes into it: cross-attention, vocabulary, tokens
    try:
        return AutoConfig.from_pretrained(part)
    except (OSError, ValueError) as error:
        raise RequestError(f"{part} has no readable configuration of a model: {error}") from error


def _name(part: Part, config: PreTrainedConfig) -> str:
    return part.name if isinstance(part, Path) else f"of {type(config).__name__}"


@one_at_a_time
def _load(family: type, part: Part, config: PreTrainedConfig) -> tuple[PreTrainedModel, list[str]]:
    """The model in float32, and which of its weights the checkpoint lacks."""
    attention = {"attn_implementation": loading_options(config)["attn_implementation"]}
    name = _name(part, config)
    try:
        if not isinstance(part, Path):
            return family.from_config(config, **attention), []  # type: ignore[attr-defined]
        model, loading = family.from_pretrained(  # type: ignore[attr-defined]
            part, config=config, dtype=torch.float32, output_loading_info=True, **attention
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        if "Unrecognized configuration class" in str(error):
            role = "write text" if family is AutoModelForCausalLM else "give hidden states"
            raise RequestError(f"The model {name} ({config.model_type}) cannot {role}.") from error
        raise ThawError(f"The weights of {name} cannot be loaded: {error}") from error
    return model, sorted(loading["missing_keys"])


def _refuse_missing(name: str, missing: list[str]) -> None:
    """transformers fills what is missing with random numbers and only warns.

    A checkpoint may lack cross-attention, which is trained anew, and a pooler, which goes.
    """
    needed = [k for k in missing if not is_cross_attention(k) and not k.startswith("pooler.")]
    if needed:
        raise ThawError(
            f"The weights of {name} cannot be loaded: {len(needed)} are missing, {needed[0]} "
            "among them."
        )
