"""What a writing arm leaves behind: a row a prompt, with its answer, scores and losses.

Every figure is made from this table: a score is its mean over the rows that were answered (how
varied the words are, a figure of all answers together), a loss the sum of nats over the sum of
tokens, so that every token weighs the same.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tasks.evaluation.nearness import BLEU_SUMS, NEARNESS, SIMILARITY, Bleu
from tasks.evaluation.outcomes import group_numbers
from tasks.evaluation.variety import DistinctGrams
from tasks.evaluation.weighted_part import Linear, Part, RowMeans
from tasks.storage import TableRef, put_table

Scores = Literal["text", "latex"]
_ROW_SCORES: dict[Scores, tuple[str, ...]] = {
    "latex": ("normalised_match", "exact_match", "edit_similarity", "parses", "stops"),
    "text": (*NEARNESS, SIMILARITY, "repetition_4", "words", "stops"),
}
_VARIETY = ("distinct_1", "distinct_2")
SCORES: dict[Scores, tuple[str, ...]] = {
    "latex": _ROW_SCORES["latex"],
    "text": ("bleu", *_VARIETY, *_ROW_SCORES["text"]),
}
"""Of answers, by `language.scores`; only where some were generated."""
LOSSES = ("loss", "perplexity", "whole_text_loss")
"""Of the given completions; token by token."""
OF_TOKENS = ("token_accuracy", *LOSSES)
"""What needs no answer, so that it can choose on validation. `token_accuracy` is the share of
tokens that the model would write next, given the right ones before: with few examples it goes on
rising with the quality of answers when the loss, which punishes being sure, has turned."""
NO_SHARES = (*LOSSES, "words")
"""Figures that may be above 1."""
JUDGED = ("loss", "perplexity")
"""Those of a standing champion too, measured anew on the rows of the model that challenges it."""
COMPLETION_METRICS = (*dict.fromkeys((*SCORES["latex"], *SCORES["text"])), *OF_TOKENS)
TOKEN_SUMS = ("nats", "tokens_of_loss", "right_tokens", "whole_nats", "whole_tokens")


class Completions(BaseModel):
    """A table in memory, in the form in which predictions are compared: `truth` is what was to
    be written, `groups` as in `outcomes.Predictions`."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    ids: list[str]
    truth: np.ndarray
    frame: pd.DataFrame
    groups: np.ndarray | None = None


def put_completions(
    ids: Sequence[str],
    prompts: Sequence[str],
    expected: Sequence[str],
    columns: Mapping[str, Sequence[object] | np.ndarray],
    origin: str,
) -> TableRef:
    """Store answers by example id.

    Args:
        ids: of all pairs.
        prompts: what each asks, without the template.
        expected: what was to be written.
        columns: `generated` (str), `stopped` (bool) and `tokens` (int) with the scores that are
            there, each a float a row, all null for a prompt that was not answered; `nats`,
            `tokens_of_loss`, `right_tokens`, `whole_nats`, `whole_tokens`: sums of `RowLosses`, 0
            for a pair that does not fit into the context.
        origin: in words.
    """
    frame = pd.DataFrame({"id": ids, "prompt": prompts, "expected": expected, **columns})
    return put_table(frame, origin)


def read_completions(table: TableRef) -> Completions:
    """Read what `put_completions` stored."""
    frame = table.read()
    return Completions(
        ids=frame["id"].tolist(),
        truth=frame["expected"].to_numpy(dtype=object),
        frame=frame,
        groups=group_numbers(frame),
    )


def completion_metrics(frame: pd.DataFrame) -> dict[str, float]:
    """Every figure of `COMPLETION_METRICS` that the table has; none for a loss over no token."""
    once = np.ones((len(frame), 1))
    return {
        name: float(values[0])
        for part in completion_parts(frame)
        for name, values in part.at(once).items()
        if not np.isnan(values[0])
    }


class TokenLosses(Linear):
    """Accuracy, loss and perplexity of completions, and the loss of whole texts: `OF_TOKENS`."""

    def __init__(self, frame: pd.DataFrame) -> None:
        super().__init__(frame[list(TOKEN_SUMS)].to_numpy(dtype=float).T)

    def of(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (draws,); NaN where the sums hold no token."""
        nats, tokens, right, whole, whole_tokens = sums
        with np.errstate(invalid="ignore", divide="ignore"):
            loss = nats / tokens
            return {
                "token_accuracy": right / tokens,
                "loss": loss,
                "perplexity": np.exp(np.minimum(loss, 700.0)),
                "whole_text_loss": whole / whole_tokens,
            }


def completion_parts(frame: pd.DataFrame) -> list[Part]:
    """The figures of the table as functions of row weights."""
    return [*score_parts(frame), TokenLosses(frame)]


def score_parts(frame: pd.DataFrame) -> list[Part]:
    """Those that answers have; none where nothing was generated."""
    rows = {name for names in _ROW_SCORES.values() for name in names} & set(frame)
    if not rows:
        return []
    scored = {name: frame[name].to_numpy(dtype=float) for name in sorted(rows)}
    answered = ~np.isnan(next(iter(scored.values())))
    parts: list[Part] = [RowMeans(scored, answered)]
    if "repetition_4" in frame:
        parts.append(DistinctGrams(frame["generated"].where(answered, "").tolist()))
    if set(BLEU_SUMS) <= set(frame):
        parts.append(Bleu(frame))
    return parts
