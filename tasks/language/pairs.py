"""From pairs of prompt and completion to token ids and the labels that the loss reads.

The completion is what the model learns; the prompt is given. So the labels of the prompt are
`IGNORED` and those of the completion and the end token are their ids. (The chapter's loss runs
over the whole text, whose template dominates it: that is the option `whole_text`.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch
from datasets import Dataset
from torch import Tensor
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError
from tasks.language.chat import ChatPrompt

IGNORED = -100  # what torch's cross-entropy and transformers leave out


@dataclass(frozen=True)
class PairFormat:
    """How a pair becomes text: `head + question + answer`, and the end token after it.

    `question` and `answer` hold one `{}` each. The answer begins with its space: byte-level
    tokenizers join a space with the word behind it, so that a prompt that ended in a space would
    be tokenised otherwise than the same text in training.
    """

    head: str
    question: str
    answer: str = " {}"
    between: str = "\n"

    def prompt(self, source: str, examples: Sequence[tuple[str, str]] = ()) -> str:
        """What the model is given, with worked examples in front where there are any (few-shot).

        Args:
            source: fills `question`.
            examples: pairs of question and answer.
        """
        shown = [self.question.format(q) + self.answer.format(a) for q, a in examples]
        return self.head + self.between.join([*shown, self.question.format(source)])

    def completion(self, target: str) -> str:
        """What the model is to write, without the end token."""
        return self.answer.format(target)


Prompt = str | ChatPrompt
"""What the model is given: text, or text in a chat template."""


LATEX = PairFormat("Convert English to LaTeX\n", "English: {}\nLaTeX:")
"""The chapter's prompt for formulas."""
QUESTION = PairFormat("", "Question: {}\nResponse:")
"""The chapter's prompt for instructions, as plain text instead of its special tokens."""


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs ready for a model.

    Attributes:
        rows: `input_ids`, `labels` (list of int, one a token, `IGNORED` where nothing is learnt)
            and `length` for each pair that was kept.
        kept: positions of those pairs among the given ones.
        filled: positions of pairs whose prompt leaves no room for an answer.
        too_long: positions of pairs whose prompt fits but whose answer would have been cut.
    """

    rows: Dataset
    kept: list[int]
    filled: list[int]
    too_long: list[int]

    @property
    def dropped(self) -> int:
        """Pairs that were left out for their length."""
        return len(self.filled) + len(self.too_long)

    @property
    def supervised(self) -> int:
        """Tokens that the loss reads."""
        return sum(label != IGNORED for labels in self.rows["labels"] for label in labels)


def prompt_ids(prompts: Sequence[Prompt], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Token ids of each prompt, in training as at inference.

    With the beginning token where the tokenizer adds one, never with an end token. Text that
    looks like a special token is read as text: a user's `<|im_end|>` ends nothing.
    """
    plain = [prompt for prompt in prompts if isinstance(prompt, str)]
    end = tokenizer.eos_token_id
    options = {"split_special_tokens": True, "verbose": False}
    found = iter(tokenizer(plain, **options)["input_ids"] if plain else ())
    given = []
    for prompt in prompts:
        if isinstance(prompt, str):
            ids = next(found)
            given.append(ids[:-1] if ids and ids[-1] == end else ids)
        else:  # a template writes the beginning token itself
            given.append([token for part in prompt.parts for token in _part_ids(part, tokenizer)])
    return given


def _part_ids(part: tuple[str, bool], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    text, is_template = part
    options = {"add_special_tokens": False, "verbose": False}
    ids: list[int] = tokenizer(text, split_special_tokens=not is_template, **options)["input_ids"]
    return ids


def encode_pairs(
    prompts: Sequence[Prompt],
    completions: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    whole_text: bool = False,
    names: Sequence[str] | None = None,
) -> EncodedPairs:
    """Tokenise prompts and completions apart, then join them, with the end token behind.

    Apart, because the prompt's tokens must be those that generation starts from: tokenising the
    joined text could melt the last character of the prompt with the first of the completion.
    What does not fit into `max_length` tokens is left out and counted, never cut.

    Args:
        prompts: as a format's `prompt` makes them.
        completions: as `PairFormat.completion` makes them.
        tokenizer: with an end token.
        max_length: tokens of prompt, completion and end token together.
        whole_text: learn the prompt too (the chapter's loss).
        names: what to call the rows in messages (default: their numbers from 1).

    Raises:
        RequestError: an empty completion, with its row.
    """
    end: int = tokenizer.eos_token_id
    names = names or [f"row {number}" for number in range(1, len(prompts) + 1)]
    for name, answer in zip(names, completions, strict=True):
        if not answer.strip():
            raise RequestError(
                f"The completion of {name} is empty, so there is nothing to learn from it: "
                "fill it in or leave the row out."
            )
    given = prompt_ids(prompts, tokenizer)
    wanted = _plain_ids(completions, tokenizer)
    kept: list[int] = []
    filled: list[int] = []
    too_long: list[int] = []
    columns: dict[str, list[Any]] = {"input_ids": [], "labels": [], "length": []}
    for position, (prompt, completion) in enumerate(zip(given, wanted, strict=True)):
        ids = [*prompt, *completion, end]
        if len(prompt) >= max_length - 1:  # not even one token and the end would fit
            filled.append(position)
        elif len(ids) > max_length:
            too_long.append(position)
        else:
            kept.append(position)
            # Nothing stands before the first token, so nothing predicts it.
            unread = 1 if whole_text else max(1, len(prompt))
            columns["input_ids"].append(ids)
            columns["labels"].append([IGNORED] * unread + ids[unread:])
            columns["length"].append(len(ids))
    table = pa.table(
        {
            "input_ids": pa.array(columns["input_ids"], pa.list_(pa.int32())),
            "labels": pa.array(columns["labels"], pa.list_(pa.int32())),
            "length": pa.array(columns["length"], pa.int32()),
        }
    )
    return EncodedPairs(Dataset(table), kept, filled, too_long)


def _plain_ids(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Token ids of texts that continue others: no special tokens, neither added nor read."""
    if not texts:
        return []
    options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
    ids: list[list[int]] = tokenizer(list(texts), **options)["input_ids"]
    return ids


def pad_right(rows: Sequence[Sequence[int]], filler: int) -> Tensor:
    """(rows, longest) of int64."""
    width = max(len(row) for row in rows)
    padded = torch.full((len(rows), width), filler, dtype=torch.long)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = torch.as_tensor(row, dtype=torch.long)
    return padded


@dataclass(frozen=True)
class PairCollator:
    """Batches of encoded pairs, padded on the right to the longest one.

    What is padding is told by position, never by token id: the end token stays supervised
    whatever the pad token is.
    """

    pad_id: int

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels`, each (batch, tokens)."""
        ids = [example["input_ids"] for example in examples]
        return {
            "input_ids": pad_right(ids, self.pad_id),
            "attention_mask": pad_right([[1] * len(row) for row in ids], 0),
            "labels": pad_right([example["labels"] for example in examples], IGNORED),
        }
