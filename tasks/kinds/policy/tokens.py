"""Prompts, answers and figures of their tokens as padded tensors, and batches cut from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks.kinds.policy.formulas import entropy_of


@dataclass(frozen=True)
class Prompts:
    """What the policy writes behind.

    Attributes:
        ids: (prompts, tokens), padded on the side that the policy wants.
        mask: (prompts, tokens), 1 for real tokens.
        states: (prompts, tokens, width), what the model's frozen part (an encoder, or a decoder's
            bottom blocks) makes of them: it holds for the old policy, the new one and the
            reference alike. None where nothing is frozen, or it has not been run yet.
    """

    ids: Tensor
    mask: Tensor
    states: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Tensor) -> "Prompts":
        """Some rows, without the columns that none of them uses."""
        used = self.mask[rows].bool().any(0)
        states = None if self.states is None else self.states[rows][:, used]
        return Prompts(self.ids[rows][:, used], self.mask[rows][:, used], states)


@dataclass(frozen=True)
class Answers:
    """What was written, the end token included; padded on the right.

    The mask comes from the answers' lengths: a pad token that was really drawn counts as one.

    Attributes:
        ids: (answers, tokens), of at least one column.
        mask: (answers, tokens), 1 for real tokens.
        states: (answers, tokens, width), of a decoder's frozen bottom blocks, as in `Prompts`.
    """

    ids: Tensor
    mask: Tensor
    states: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> Tensor:
        """Tokens of each, (answers,); 0 is possible in answers that were not drawn here."""
        return self.mask.sum(1)

    def take(self, rows: Tensor) -> "Answers":
        """Some rows, without the columns behind the longest of them."""
        used = self.mask[rows].bool().any(0).nonzero()
        width = int(used[-1]) + 1 if len(used) else 1
        states = None if self.states is None else self.states[rows, :width]
        return Answers(self.ids[rows, :width], self.mask[rows, :width], states)

    def by_length(self, batch_size: int) -> tuple[Tensor, ...]:
        """Rows of like length together, so that little padding is computed."""
        return self.lengths.argsort(stable=True).split(batch_size)

    def rows(self) -> list[list[int]]:
        """The tokens of each, without padding."""
        lengths = self.lengths.tolist()
        return [row[:length] for row, length in zip(self.ids.tolist(), lengths, strict=True)]


@dataclass(frozen=True)
class TokenFigures:
    """What a policy says about given answers; (answers, tokens) each, float32.

    Attributes:
        log_probs: log-probability of each token behind those before it.
        values: what the value head expected before the token was drawn.
        all_log_probs: (answers, tokens, vocabulary), those of all other tokens too.
    """

    log_probs: Tensor
    values: Tensor
    all_log_probs: Tensor

    @property
    def entropy(self) -> Tensor:
        """Of the distributions that the tokens are drawn from, without gradients: (answers,
        tokens). It reads the whole vocabulary, so it is computed for whoever asks."""
        return entropy_of(self.all_log_probs)


def pad_answers(rows: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> Answers:
    """Answers of unequal length as one tensor; a row may be empty."""
    width = max(1, *(len(row) for row in rows))
    ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.as_tensor(row, dtype=torch.long)
        mask[number, : len(row)] = 1
    return Answers(ids.to(device), mask.to(device))
