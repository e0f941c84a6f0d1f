"""From texts to token ids, and from token ids to padded batches."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError


def token_ids(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int, prompt_end: str = ""
) -> tuple[list[list[int]], int]:
    """Token ids of each text, cut at `max_length`, and how many were cut.

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
    ids: list[list[int]] = tokenizer(texts, truncation=False, verbose=False)["input_ids"]
    longer = [row for row, found in enumerate(ids) if len(found) > max_length]
    if longer:
        again = [texts[row] for row in longer]
        cut = tokenizer(again, truncation=True, max_length=max_length)["input_ids"]
        for row, shortened in zip(longer, cut, strict=True):
            ids[row] = shortened
    filler = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else 0
    return [(found or [filler]) + ending for found in ids], len(longer)


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
