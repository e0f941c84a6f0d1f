"""A part answered: the table of completions with their scores and losses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config import LanguageConfig
from tasks.evaluation.completions import Scores, put_completions
from tasks.evaluation.nearness import nearness
from tasks.kinds.writing.similarity import similarity
from tasks.language.encoding import CompletionPart, read_pairs
from tasks.language.generating import Decoding, Generated, generate
from tasks.language.row_losses import RowLosses
from tasks.latex.scores import latex_scores
from tasks.models.base_models import locate
from tasks.storage import TableRef
from tasks.texts import text_scores

Writer = tuple[PreTrainedModel, PreTrainedTokenizerBase, LanguageConfig, str]
"""What generates: the model, its tokenizer, and how; and the base model that reads the answers."""


def decoding_of(language: LanguageConfig) -> Decoding:
    """A case's way of generating."""
    return Decoding(
        max_new_tokens=language.max_new_tokens,
        batch_size=language.batch_size,
        beams=language.beams,
    )


def answer_table(
    table: TableRef,
    part: CompletionPart,
    losses: RowLosses,
    writer: Writer | None,
    origin: str,
    decoding: Decoding | None = None,
) -> TableRef:
    """Store the losses of a part, and its answers where there is something that writes.

    Every pair is answered and scored, or as many as `language.answers` says. One that does not fit
    into the context counts in the scores (with an empty answer where its prompt alone fills the
    context), but has no loss.

    Args:
        table: the part as it is stored.
        part: the same, encoded.
        losses: of its rows.
        writer: what generates the answers; None for losses alone.
        origin: in words.
        decoding: how they are generated, if not in the case's way.
    """
    columns: dict[str, Any] = _sums(part, losses)
    if writer is not None:
        model, tokenizer, language, encoder = writer
        asked = asked_places(len(part.prompts), language.answers)
        prompts = [part.prompts[place] for place in asked]
        answers = generate(model, tokenizer, prompts, decoding or decoding_of(language))
        expected = [part.expected[place] for place in asked]
        scored = answer_columns(expected, answers, language.scores, encoder)
        columns = _at_places(scored, asked, len(part.prompts)) | columns
    _, pairs = read_pairs(table)
    return put_completions(
        part.all_ids, [source for source, _ in pairs], part.expected, columns, origin
    )


def asked_places(rows: int, count: int | None) -> list[int]:
    """Which of a part's rows are answered: all, or a choice that depends on their number alone."""
    if count is None or count >= rows:
        return list(range(rows))
    chosen = np.random.default_rng(rows).choice(rows, count, replace=False)
    return sorted(chosen.tolist())


def _at_places(columns: dict[str, Any], places: Sequence[int], rows: int) -> dict[str, Any]:
    """The columns of some rows as columns of all, null elsewhere."""
    frame = pd.DataFrame(columns, index=list(places)).reindex(pd.RangeIndex(rows))
    return {str(name): column for name, column in frame.items()}


def answer_columns(
    expected: Sequence[str], answers: Sequence[Generated], scores: Scores, encoder: str
) -> dict[str, Any]:
    """What was generated, and how it scores: by itself, and against what was to be written.

    Args:
        expected: what was to be written.
        answers: what was.
        scores: in which way (`language.scores`).
        encoder: the base model by whose states texts are compared.
    """
    texts = [answer.text for answer in answers]
    stopped = [answer.stopped for answer in answers]
    return {
        "generated": texts,
        "stopped": stopped,
        "tokens": [answer.tokens for answer in answers],
        **(
            latex_scores(expected, texts)
            if scores == "latex"
            else text_scores(texts)
            | nearness(expected, texts)
            | similarity(expected, texts, locate(encoder, "language.encoder"))
        ),
        "stops": np.asarray(stopped, dtype=np.float64),
    }


def _sums(part: CompletionPart, losses: RowLosses) -> dict[str, np.ndarray]:
    """The rows' losses at the places of all pairs; 0 where a pair does not fit."""
    named = {
        "nats": losses.completion,
        "tokens_of_loss": losses.completion_tokens,
        "right_tokens": losses.right,
        "whole_nats": losses.whole,
        "whole_tokens": losses.whole_tokens,
    }
    made = {}
    for name, values in named.items():
        made[name] = np.zeros(len(part.all_ids))
        made[name][part.kept] = values
    return made
