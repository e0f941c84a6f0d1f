"""What a base model's tokenizer makes of the texts: how many are cut, what it does not know.

A text that is nothing but unknown tokens is the same to a model as any other such text; a text
that is cut loses its end. Both are counted before anything trains, and said where a user looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import ModelConfig
from tasks.models.base_models import LocatedModel, context_of
from tasks.models.loading import load_tokenizer
from tasks.storage import TableRef
from tasks.training.batching import read_whole

MOST_TEXTS = 2000
"""Texts that are looked at; of more, a seeded draw."""
WORTH_SAYING = 0.01
"""The share of the texts from which on it is a warning."""
HOLDS = 95
"""Per cent of the texts that the advised length holds."""


@dataclass(frozen=True)
class Reading:
    """Texts in tokens.

    Attributes:
        texts: how many were looked at.
        of: how many there are.
        longer: those with more tokens than fit.
        lost: the share of the longer ones' tokens that is cut off.
        room: tokens that fit: `model.max_length`, or what the base model has positions for.
        context: what the base model has positions for; None where it sets no limit.
        holding: the length that holds 95 % of the texts.
        unknown: the share of all tokens that the vocabulary does not know.
        nothing: texts without any token that it knows.
        base: the base model's name.
    """

    texts: int
    of: int
    longer: int
    lost: float
    room: int
    context: int | None
    holding: int
    unknown: float
    nothing: int
    base: str

    @property
    def blocks(self) -> bool:
        """Whether there is nothing to learn from."""
        return self.texts > 0 and self.nothing == self.texts

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth saying, a sentence each; what blocks comes first."""
        said = []
        if self.nothing and (self.blocks or self.nothing >= WORTH_SAYING * self.texts):
            said.append(
                f"{self.nothing:,} of {self.texts:,} texts are nothing but tokens that {self.base} "
                "does not know: choose a base model for this language."
            )
        elif self.unknown >= WORTH_SAYING:
            said.append(
                f"{_percent(self.unknown)} of the texts' tokens are unknown to {self.base}: "
                "choose a base model for this language if these are its words."
            )
        if self.longer and self.longer >= WORTH_SAYING * self.texts:
            said.append(f"{self._cut} {self._length}")
        return tuple(said)

    @property
    def sentence(self) -> str:
        """For the comparison, whether or not anything is worth a warning."""
        looked = "" if self.texts == self.of else f"Of {self.texts:,} texts that were looked at: "
        if self.warnings:
            return looked + " ".join(self.warnings)
        cut = self._cut if self.longer else f"none is longer than {self.room} tokens."
        return f"{looked}{_percent(self.unknown)} of the tokens are unknown; {cut}"

    @property
    def _cut(self) -> str:
        share = _percent(self.longer / self.texts)
        limit = "model.max_length" if self.room != self.context else "the model's context"
        return (
            f"{share} of the texts are longer than {limit}={self.room}; they lose "
            f"{_percent(self.lost)} of their tokens."
        )

    @property
    def _length(self) -> str:
        if self.context is not None and self.holding > self.context:
            return (
                f"{HOLDS} % of the texts fit into {self.holding} tokens, and {self.base} has "
                f"positions for {self.context}."
            )
        return f"model.max_length={self.holding} would hold {HOLDS} % of the texts."


def _percent(share: float) -> str:
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 or not share else "under 1 %"


@lru_cache(maxsize=8)
def reading_of(table: TableRef, located: LocatedModel, model: ModelConfig) -> Reading:
    """How a base model's tokenizer reads a stored table's column `text`."""
    texts = [text for text in table.read(["text"])["text"].tolist() if isinstance(text, str)]
    return read_texts(texts, located, model)


def read_texts(texts: Sequence[str], located: LocatedModel, model: ModelConfig) -> Reading:
    """How a base model's tokenizer reads these texts."""
    of = len(texts)
    if of > MOST_TEXTS:
        chosen = np.random.default_rng(0).choice(of, MOST_TEXTS, replace=False)
        texts = [texts[place] for place in np.sort(chosen)]
    tokenizer, context = load_tokenizer(located), context_of(located)
    end = tokenizer(model.prompt_end, add_special_tokens=False)["input_ids"]
    room = (model.max_length if context is None else min(model.max_length, context)) - len(end)
    read = read_whole(texts, tokenizer, truncation=False, verbose=False) if texts else {}
    rows = read.get("input_ids", [])
    lengths = np.array([len(ids) for ids in rows], dtype=np.int64)
    longer = lengths[lengths > room]
    unknown, nothing, tokens = _unknown(rows, tokenizer)
    return Reading(
        texts=len(rows),
        of=of,
        longer=len(longer),
        lost=float((longer - room).sum() / longer.sum()) if len(longer) else 0.0,
        room=room + len(end),
        context=context,
        holding=int(np.ceil(np.percentile(lengths, HOLDS))) + len(end) if len(rows) else 0,
        unknown=unknown / max(tokens, 1),
        nothing=nothing,
        base=located.name if located.shipped else located.origin,
    )


def _unknown(rows: list[list[int]], tokenizer: PreTrainedTokenizerBase) -> tuple[int, int, int]:
    """Unknown tokens, texts without a known one, and all tokens; special tokens do not count."""
    roles = (getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad", "cls", "sep"))
    mark = tokenizer.unk_token_id
    if mark in roles:  # then it stands in every text, known or not
        mark = None
    special = set(tokenizer.all_special_ids)
    unknown = nothing = tokens = 0
    for ids in rows:
        known = sum(number not in special for number in ids)
        missing = ids.count(mark) if mark is not None else 0
        unknown, tokens = unknown + missing, tokens + known + missing
        nothing += not known
    return unknown, nothing, tokens
