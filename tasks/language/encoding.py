"""From a stored part to token ids of prompts with completions, and what is to be generated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import LanguageConfig
from tasks.errors import RequestError
from tasks.language.chat import ChatFormat
from tasks.language.pairs import IGNORED, PairFormat, Prompt, encode_pairs
from tasks.storage import TableRef
from tasks.training.encoding import EncodedPart

Example = tuple[str, str]
"""What is given and what is to be written."""


@dataclass(frozen=True)
class CompletionPart(EncodedPart):
    """One part of paired data.

    `rows` and `ids` are the pairs that fit into the context, `truncated` how many do not (none
    is cut). The loss can be taken over those alone; what is to be generated is every pair.

    Attributes:
        filled: how many of those leave no room for an answer.
        kept: position of each row among all pairs.
        starts: tokens of each row's prompt, at least 1: nothing predicts the first token.
        all_ids, prompts, expected: of all pairs, in the part's order; `expected` as it stands
            in the data.
    """

    filled: int
    kept: list[int]
    starts: list[int]
    all_ids: list[str]
    prompts: list[Prompt]
    expected: list[str]

    def take(self, rows: np.ndarray) -> Self:
        """See `EncodedPart`; what is to be generated stays every pair."""
        kept, starts = ([each[row] for row in rows] for each in (self.kept, self.starts))
        return replace(super().take(rows), kept=kept, starts=starts)


def format_of(
    language: LanguageConfig, tokenizer: PreTrainedTokenizerBase
) -> PairFormat | ChatFormat:
    """The text form of a case's pairs.

    Raises:
        RequestError: the tokenizer has no chat template that fits, and the case wants one.
    """
    if language.template == "chat":
        return ChatFormat(tokenizer, language.instruction)
    if language.template == "bare":
        return PairFormat("", "{}")
    head = f"{language.instruction}\n" if language.instruction else ""
    source, target = (_literal(name) for name in (language.source_name, language.target_name))
    return PairFormat(head, f"{source}: {{}}\n{target}:")


def _literal(name: str) -> str:
    """A name that `str.format` leaves as it is."""
    return name.replace("{", "{{").replace("}", "}}")


def read_pairs(part: TableRef) -> tuple[list[str], list[Example]]:
    """Ids and pairs of a stored part (columns `id`, `text`, `labels`, a list of one)."""
    frame = part.read(["id", "text", "labels"])
    pairs = [(text, labels[0]) for text, labels in zip(frame["text"], frame["labels"], strict=True)]
    return frame["id"].tolist(), pairs


def encode_part(
    part: TableRef,
    language: LanguageConfig,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    examples: Sequence[Example] = (),
) -> CompletionPart:
    """Tokenise one stored part.

    Args:
        part: columns `id`, `text`, `labels`.
        language, tokenizer, max_length, examples: see `encode_examples`.

    Raises:
        RequestError: a completion is empty, or no pair fits.
    """
    ids, pairs = read_pairs(part)
    encoded = encode_examples(ids, pairs, language, tokenizer, max_length, examples)
    if not encoded.kept:
        raise RequestError(
            f"None of the {len(ids)} pairs of the {part.origin} fits into {max_length} tokens "
            f"({encoded.filled} prompts fill them alone, from {ids[0]} on): raise "
            "model.max_length, or give shorter texts."
        )
    return encoded


def encode_examples(
    ids: list[str],
    pairs: Sequence[Example],
    language: LanguageConfig,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    examples: Sequence[Example] = (),
) -> CompletionPart:
    """Tokenise pairs.

    Args:
        ids: of the pairs.
        pairs: what is given and what is to be written.
        language: the text form, and what training learns.
        tokenizer: with an end token.
        max_length: tokens of prompt, completion and end token together.
        examples: worked ones, shown before every prompt.

    Raises:
        RequestError: a completion is empty.
    """
    form = format_of(language, tokenizer)
    prompts: list[Prompt] = [form.prompt(source, examples) for source, _ in pairs]
    completions = [form.completion(target) for _, target in pairs]
    encoded = encode_pairs(prompts, completions, tokenizer, max_length, names=ids)
    rows = encoded.rows
    starts = [labels.count(IGNORED) for labels in rows["labels"]]
    if language.loss == "whole_text":
        rows = encode_pairs(prompts, completions, tokenizer, max_length, whole_text=True).rows
    return CompletionPart(
        rows=rows,
        ids=[ids[place] for place in encoded.kept],
        truth=np.zeros((len(encoded.kept), 0), dtype=np.int8),
        truncated=encoded.dropped,
        filled=len(encoded.filled),
        kept=encoded.kept,
        starts=starts,
        all_ids=ids,
        prompts=prompts,
        expected=[target for _, target in pairs],
    )
