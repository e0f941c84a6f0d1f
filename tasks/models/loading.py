"""Loading a base model that `base_models.py` has found: its tokenizer and its weights, examined."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError, ThawError
from tasks.models.base_models import LocatedModel, first_line, read_config
from tasks.models.classifier import classifying_part, loading_options
from tasks.models.examining import Examination, examine
from tasks.models.one_at_a_time import one_at_a_time
from tasks.models.weights import misfit, unplaced

ANY_TEXT = "A kettle, 7 °C, ça va? กาน้ำ 😀"
"""Of several scripts, so that some of it is unknown to most vocabularies."""


@lru_cache(maxsize=4)
def load_tokenizer(located: LocatedModel) -> PreTrainedTokenizerBase:
    """The base model's tokenizer; a decoder without a pad token gets one for batching.

    The pad token is its end token there, which is safe because Thaw never reads a position that
    the attention mask leaves out.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(located.folder, trust_remote_code=False)
        # Some families' own class takes the place of the one that the folder names, and reads
        # other tokens than its tokenizer.json does.
        told = located.folder / "tokenizer_config.json"
        if told.is_file() and '"TokenizersBackend"' in told.read_text(encoding="utf-8"):
            tokenizer = PreTrainedTokenizerFast.from_pretrained(located.folder)
    except Exception as error:
        raise RequestError(
            f"The tokenizer of {located.origin} cannot be loaded: {first_line(error)}"
        ) from error
    ordinary = {*tokenizer.get_vocab()} - {*tokenizer.all_special_tokens}
    if not ordinary or not _has_vocabulary(tokenizer, located.folder):
        raise RequestError(
            f"{located.origin} has no tokenizer: its folder lacks the files of one "
            "(tokenizer.json, or a vocabulary). Save it there with save_pretrained."
        )
    _name_special_tokens(tokenizer, located)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        raise RequestError(
            f"The tokenizer of {located.origin} names neither a pad nor an end token, so texts "
            "cannot be put into batches: name one (pad_token, eos_token) in its "
            "tokenizer_config.json."
        )
    tokenizer.padding_side = "right"
    try:
        tokenizer(ANY_TEXT)
    except Exception as error:  # no token for what it does not know, a length that is no number
        raise RequestError(
            f"The tokenizer of {located.origin} cannot read a text: {first_line(error)}."
        ) from error
    return tokenizer


def _has_vocabulary(tokenizer: PreTrainedTokenizerBase, folder: Path) -> bool:
    """Whether the tokens were read from the folder.

    Where there is nothing to read some families make up a few (T5 a hundred), and every text would
    be unknown; those that read bytes need no file.
    """
    named = [*tokenizer.vocab_files_names.values()]
    usual = ("tokenizer.json", "*.model", "*.tiktoken", "tekken.json")
    return not named or any(True for each in (*named, *usual) for _ in folder.glob(each))


def _name_special_tokens(tokenizer: PreTrainedTokenizerBase, located: LocatedModel) -> None:
    """Name the special tokens that only the model's configuration knows (GGUF keeps ids alone).

    What stands for unknown words may be known to the tokenizer's own file alone.
    """
    config = read_config(located)
    for role in ("bos", "eos", "pad", "unk"):
        number = getattr(config, f"{role}_token_id", None)
        if isinstance(number, list) and number:  # several tokens end a text: the first is named
            number = number[0]
        if getattr(tokenizer, f"{role}_token") is None and isinstance(number, int) and number >= 0:
            setattr(tokenizer, f"{role}_token", tokenizer.convert_ids_to_tokens(number))
    if tokenizer.unk_token is None and tokenizer.is_fast:
        named = getattr(tokenizer.backend_tokenizer.model, "unk_token", None)
        tokenizer.unk_token = named if named in tokenizer.get_vocab() else None


def load_backbone(located: LocatedModel, dropout: float | None = None) -> PreTrainedModel:
    """The base model in float32, without a pooler or a decoder behind it, examined once.

    Args:
        located: from `locate`.
        dropout: probability for every dropout inside the model; None keeps its configuration.

    Raises:
        RequestError: it is not read here as its library reads it.
        ThawError: the weights cannot be read, or some are missing.
    """
    model = classifying_part(load_weights(AutoModel, located, dropout))
    if not located.shipped and located.digest not in _examined:
        found = examine(model, load_tokenizer(located), located.origin)
        _examined[located.digest] = replace(found, unplaced=_unplaced.get(located.digest, ()))
    return model


_examined: dict[str, Examination] = {}
_unplaced: dict[str, tuple[str, ...]] = {}
"""Weights that lie in a base model's files and that its library does not read, by its digest."""


def examined(located: LocatedModel) -> Examination | None:
    """What the examination of a base model found; None for one that ships with Thaw.

    Raises:
        RequestError: it is not read here as its library reads it.
        ThawError: the weights cannot be read, or some are missing.
    """
    if located.shipped:
        return None
    if located.digest not in _examined:
        load_backbone(located)
    return _examined[located.digest]


@one_at_a_time
def load_weights(
    family: type[AutoModel] | type[AutoModelForCausalLM],
    located: LocatedModel,
    dropout: float | None,
) -> PreTrainedModel:
    """The base model in float32, with all its weights (a pooler, which is not used, may lack).

    Args:
        family: with or without an output layer.
        located: from `locate`.
        dropout: as in `load_backbone`.

    Raises:
        ThawError: the weights cannot be read, some are missing, or have no place.
    """
    config, wrong = read_config(located), ThawError if located.shipped else RequestError
    try:
        if dropout is not None:
            set_dropout(config, dropout)
        if family is AutoModel and hasattr(config, "use_cache"):
            config.use_cache = False  # a classifier never generates
        model, loading = family.from_pretrained(
            located.folder,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            trust_remote_code=False,
            **loading_options(config, writes=family is not AutoModel),
        )
    except Exception as error:
        why = first_line(error)
        if "Padding_idx must be within" in why:
            why = (
                f"its config.json names the pad token {config.pad_token_id}, and has no row for it"
            )
        elif pointer := next(_pointers(located.folder), None):
            why = (
                f"{pointer} is a pointer of Git LFS and not the file itself: fetch it, as with "
                "`git lfs pull`"
            )
        elif getattr(config, "quantization_config", None):
            why += "; it is quantised: name the model that was not"
        raise wrong(f"The weights of {located.origin} cannot be loaded: {why}.") from error
    if fault := misfit(model, loading, located.folder, whole=family is not AutoModel):
        raise wrong(f"The weights of {located.origin} cannot be loaded: {fault}.")
    if family is AutoModel and located.digest not in _unplaced:
        _unplaced[located.digest] = tuple(unplaced(model, loading, located.folder))
    return model


def _pointers(folder: Path) -> Iterator[str]:
    """Files of weights that Git has not fetched."""
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                yield path.name


_POINTER = b"version https://git-lfs"


def set_dropout(config: object, dropout: float) -> None:
    """Set every dropout probability that a configuration has, whatever its family calls it.

    The share of whole layers that are left out (`layerdrop`) is another thing.
    """
    for field, value in vars(config).items() if hasattr(config, "__dict__") else ():
        if isinstance(value, float) and "drop" in field and "layerdrop" not in field:
            setattr(config, field, dropout)
