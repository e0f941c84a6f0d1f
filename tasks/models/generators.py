"""A base model as a language model: its tokenizer with an end and a pad token, its weights.

What `tasks.models.base_models` does for classifiers. A generative model differs in two points:
its output layer is part of it, and its pad token must not be its end token. Code that masks
labels by token id would otherwise mask the end of every answer, and the model would never learn
to stop, as in the chapter (its `\\int_{0}^{1} x^2 \\,dx^2 \\,dx` runs on).
"""

import copy

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError
from tasks.models.base_models import LocatedModel, read_config, writes_text
from tasks.models.examining import sees_ahead
from tasks.models.loading import load_tokenizer, load_weights

PAD_TOKEN = "<|pad|>"  # noqa: S105 - a token of text, no secret


def load_generator(
    located: LocatedModel, dropout: float | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base model with its output layer in float32, and the tokenizer that belongs to it.

    Args:
        located: from `locate`.
        dropout: probability for every dropout inside the model; None keeps its configuration.

    Raises:
        RequestError: not a decoder, or a tokenizer without an end token.
        ThawError: the weights cannot be read, or some are missing.
    """
    tokenizer = generator_tokenizer(located)
    model = load_weights(AutoModelForCausalLM, located, dropout)
    if not located.shipped and sees_ahead(model):
        raise RequestError(
            f"The base model {located.origin} sees the tokens that it is asked to write: it reads "
            "a text from both sides, so name one that reads from left to right (smollm2, gpt2)."
        )
    fit_vocabulary(model, tokenizer)
    return model, tokenizer


def generator_tokenizer(located: LocatedModel) -> PreTrainedTokenizerBase:
    """The tokenizer of a base model that writes; cheap, so ask for it before any training.

    Raises:
        RequestError: not a decoder, or a tokenizer without an end token.
    """
    if not writes_text(located):
        family = read_config(located).model_type
        raise RequestError(
            f"model.base={located.name} is of the family {family!r}, which does not write text "
            "from left to right: name a decoder (smollm2, gpt2)."
        )
    return with_pad_and_end(load_tokenizer(located), located.name)


def with_pad_and_end(tokenizer: PreTrainedTokenizerBase, name: str) -> PreTrainedTokenizerBase:
    """A copy whose pad token is not its end token.

    The pad token is, in this order: its own, if that is another than the end and the beginning;
    a special token that it has for something else (SmolLM2: `<|endoftext|>`); a new one (GPT-2:
    `<|pad|>`). An end token is never made up: it would be a token that the model has not met,
    and where embeddings are frozen it could not learn to write it.

    Raises:
        RequestError: there is no end token.
    """
    if tokenizer.eos_token_id is None:
        raise RequestError(
            f"The tokenizer of {name} has no end token, so the model could not learn to stop: "
            "name one as eos_token in its tokenizer_config.json, or use another base model."
        )
    tokenizer = copy.deepcopy(tokenizer)  # the loaded one is shared with other callers
    taken = {tokenizer.eos_token, tokenizer.bos_token}
    if tokenizer.pad_token is None or tokenizer.pad_token in taken:
        others = [token for token in tokenizer.all_special_tokens if token not in taken]
        if others:
            tokenizer.pad_token = others[0]
        else:
            tokenizer.add_special_tokens({"pad_token": PAD_TOKEN})
    return tokenizer


def fit_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Give tokens that the model does not know a row each: the mean of all known rows.

    The mean is an embedding that the model takes for an unremarkable token; transformers' own
    default draws around it at random, and the chapter's new tokens, wholly random, started at a
    loss of 95. A model with more rows than tokens stays as it is.

    Returns:
        How many rows were added.
    """
    known = model.get_input_embeddings().num_embeddings
    new = max(0, len(tokenizer) - known)
    if new:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        with torch.no_grad():
            for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
                layer.weight[known:] = layer.weight[:known].mean(0)
    model.config.pad_token_id = tokenizer.pad_token_id
    return new
