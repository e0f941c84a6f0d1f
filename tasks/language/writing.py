"""Models that write, of either architecture: loaded, given their prompts, asked.

A causal model continues the prompt; an encoder-decoder (T5, FLAN-T5) reads it and writes a text of
its own. Whoever only wants answers need not know which it is.
"""

from collections.abc import Sequence

import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    DynamicCache,
    EncoderDecoderCache,
    GenerationConfig,
    PreTrainedModel,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError
from tasks.language.generating import Decoding, Generated, answer_of, generate
from tasks.language.pairs import Prompt, pad_right, prompt_ids
from tasks.models.base_models import LocatedModel, read_config
from tasks.models.generators import generator_tokenizer, load_generator
from tasks.models.loading import load_tokenizer, load_weights

Loaded = tuple[PreTrainedModel, PreTrainedTokenizerBase]


def load_writing(located: LocatedModel) -> Loaded:
    """The model with its output layer in float32, and its tokenizer.

    Raises:
        RequestError: it does not write, or its tokenizer has no end token.
        ThawError: the weights cannot be read, or some are missing.
    """
    if not encodes_and_decodes(located):
        return load_generator(located)
    tokenizer = writing_tokenizer(located)
    return load_weights(AutoModelForSeq2SeqLM, located, None), tokenizer


def writing_tokenizer(located: LocatedModel) -> PreTrainedTokenizerBase:
    """The tokenizer of a model that writes; cheap, so ask for it before any training.

    Raises:
        RequestError: the model does not write, or its tokenizer has no end or pad token.
    """
    if not encodes_and_decodes(located):
        return generator_tokenizer(located)
    tokenizer = load_tokenizer(located)
    if tokenizer.eos_token_id is None or tokenizer.pad_token_id in (None, tokenizer.eos_token_id):
        raise RequestError(
            f"The tokenizer of {located.name} has no end token, or no pad token beside it: name "
            "both in its tokenizer_config.json, or use another base model."
        )
    return tokenizer


def encodes_and_decodes(located: LocatedModel) -> bool:
    """Whether a model has an encoder and a decoder, by its configuration alone."""
    return bool(read_config(located).is_encoder_decoder)


def given_ids(
    prompts: Sequence[Prompt], tokenizer: PreTrainedTokenizerBase, encoder: bool
) -> list[list[int]]:
    """Token ids of prompts as the model reads them.

    Args:
        prompts: as a format's `prompt` makes them.
        tokenizer: the model's own.
        encoder: an encoder reads them: with the end token that its tokenizer adds. It is plain
            text, since templates of dialogues are for models that continue one.
    """
    if not encoder:
        return prompt_ids(prompts, tokenizer)
    texts = [str(prompt) for prompt in prompts]
    read: list[list[int]] = tokenizer(texts, split_special_tokens=True, verbose=False)["input_ids"]
    return read


def write(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Prompt],
    decoding: Decoding,
) -> list[Generated]:
    """Answer every prompt, in the given order; see `generating.generate`.

    An encoder-decoder searches, greedily or with beams, and never draws here.
    """
    if not model.config.is_encoder_decoder:
        return generate(model, tokenizer, prompts, decoding)
    ids = given_ids(prompts, tokenizer, encoder=True)
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    answers: list[Generated] = [Generated("", False, 0)] * len(ids)
    with torch.inference_mode():
        for start in range(0, len(order), decoding.batch_size):
            rows = order[start : start + decoding.batch_size]
            batch = [ids[row] for row in rows]
            output = model.generate(
                input_ids=pad_right(batch, int(tokenizer.pad_token_id)).to(model.device),
                attention_mask=pad_right([[1] * len(row) for row in batch], 0).to(model.device),
                # One that grows: transformers' own counts the encoder's blocks for the decoder's.
                past_key_values=EncoderDecoderCache(DynamicCache(), DynamicCache()),
                generation_config=_search(model, tokenizer, decoding),
            )
            for row, written in zip(rows, output[:, 1:].tolist(), strict=True):
                answers[row] = answer_of(written, tokenizer, decoding)
    return answers


def _search(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, decoding: Decoding
) -> GenerationConfig:
    # Every setting is named: what is left open is filled from the model's own file.
    return GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        num_beams=decoding.beams,
        early_stopping=decoding.beams > 1,
        do_sample=False,
        temperature=1.0,
        top_k=50,
        top_p=1.0,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        min_new_tokens=0,
        use_cache=True,
        decoder_start_token_id=model.config.decoder_start_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
