"""From texts to token ids, and from token ids to padded batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError
from tasks.texts import PAIR


def token_ids(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int, prompt_end: str = ""
) -> tuple[list[list[int]], int]:
    """The `input_ids` of `token_rows`, and how many texts were cut."""
    columns, longer = token_rows(texts, tokenizer, max_length, prompt_end)
    return columns["input_ids"], longer


def read_whole(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, **how: Any) -> Any:
    """What a tokenizer makes of texts; of those that hold two (`texts.PAIR`), of pairs."""
    halves = [text.partition(PAIR) for text in texts]
    if not any(mark for _, mark, _ in halves):
        return tokenizer(list(texts), **how)
    return tokenizer([first for first, _, _ in halves], [last for _, _, last in halves], **how)


def token_rows(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int, prompt_end: str = ""
) -> tuple[dict[str, list[list[int]]], int]:
    """`input_ids` of each text, cut at `max_length`, and how many were cut.

    Of pairs, `token_type_ids` too where the tokenizer has them: 1 for tokens of the second text.
    What is too long of a pair loses the end of its longer text.

    A text that tokenizes to nothing (possible for decoders, which add no special tokens) becomes
    one end token, so that every text has a last real position to read. The tokens of
    `prompt_end` stand behind every text and count, but what is cut is the text.
    """
    ending = tokenizer(prompt_end, add_special_tokens=False)["input_ids"] if prompt_end else []
    max_length -= len(ending)
    if max_length < 1:
        raise RequestError(
            f"model.prompt_end is {len(ending)} tokens long and leaves no room for a text: "
            "raise model.max_length."
        )
    read = read_whole(texts, tokenizer, truncation=False, verbose=False)
    ids: list[list[int]] = list(read["input_ids"])
    types = list(read.get("token_type_ids", ())) if any(PAIR in text for text in texts) else []
    longer = [row for row, found in enumerate(ids) if len(found) > max_length]
    if longer:
        again = [texts[row] for row in longer]
        cut = read_whole(again, tokenizer, truncation=True, max_length=max_length)
        for place, row in enumerate(longer):
            ids[row] = cut["input_ids"][place]
            if types:
                types[row] = cut["token_type_ids"][place]
    filler = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else 0
    columns = {"input_ids": [(found or [filler]) + ending for found in ids]}
    if types:
        columns["token_type_ids"] = [found + [0] * len(ending) for found in types]
    return columns, len(longer)


INPUTS = ("input_ids", "token_type_ids")
"""The columns of encoded rows that a model reads."""


@dataclass(frozen=True)
class PaddingCollator:
    """Batches of padded ids: to the longest text of the batch, or always to `to_length`."""

    pad_id: int
    to_length: int | None = None

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`input_ids` and `attention_mask` of (batch, tokens), padded on the right.

        `token_type_ids` and `labels` where the examples have them.
        """
        width = self.to_length or max(len(example["input_ids"]) for example in examples)
        batch = {
            "input_ids": self._padded(examples, "input_ids", width, self.pad_id),
            "attention_mask": torch.zeros((len(examples), width), dtype=torch.long),
        }
        for row, example in enumerate(examples):
            batch["attention_mask"][row, : len(example["input_ids"])] = 1
        if "token_type_ids" in examples[0]:
            batch["token_type_ids"] = self._padded(examples, "token_type_ids", width, 0)
        if "labels" in examples[0]:
            batch["labels"] = torch.tensor([example["labels"] for example in examples])
        return batch

    @staticmethod
    def _padded(examples: list[dict[str, Any]], name: str, width: int, filler: int) -> Tensor:
        padded = torch.full((len(examples), width), filler, dtype=torch.long)
        for row, example in enumerate(examples):
            padded[row, : len(example[name])] = torch.tensor(example[name])
        return padded
