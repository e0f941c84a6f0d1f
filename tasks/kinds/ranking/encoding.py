"""From a stored part of pairs to token ids: each answer once, however many pairs it is in."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset

from tasks.config.preference import PreferenceConfig
from tasks.errors import RequestError
from tasks.kinds.ranking.reading import read_pairs
from tasks.models.base_models import LocatedModel, read_config
from tasks.models.classifier import tells_texts_apart
from tasks.models.loading import load_tokenizer
from tasks.storage import TableRef
from tasks.training.encoding import TEXTS_AT_ONCE, EncodedPart


@dataclass(frozen=True)
class EncodedPairs:
    """One part of the data, ready for a model.

    Attributes:
        responses: each (query, answer) of the part once: `input_ids`, `length` and, where the
            base model tells two texts apart, `token_type_ids`. `truncated` counts those that were
            too long.
        chosen, rejected: int (pairs,): the row in `responses` of the better and the worse answer.
        query: int (pairs,): a number for each query, from 0.
        gap: (pairs,) by how much the better answer's score is higher; NaN where there are none.
        cut_answers: responses of which even the answer was cut.
    """

    responses: EncodedPart
    chosen: np.ndarray
    rejected: np.ndarray
    query: np.ndarray
    gap: np.ndarray
    cut_answers: int

    def __len__(self) -> int:
        return len(self.chosen)

    def take(self, pairs: np.ndarray) -> tuple["EncodedPairs", np.ndarray]:
        """Some of the pairs, and which answers they are between, in rising order."""
        ends = np.stack([self.chosen[pairs], self.rejected[pairs]])
        answers, places = np.unique(ends, return_inverse=True)
        chosen, rejected = places.reshape(ends.shape)
        taken = replace(
            self,
            responses=self.responses.take(answers),
            chosen=chosen,
            rejected=rejected,
            query=self.query[pairs],
            gap=self.gap[pairs],
        )
        return taken, answers

    def margins(self, config: PreferenceConfig) -> np.ndarray:
        """(pairs,) the margin of each pair in the loss.

        Raises:
            RequestError: margins by score are asked for, and a pair has no scores.
        """
        if config.margin == "none":
            return np.zeros(len(self))
        if np.isnan(self.gap).any():
            raise RequestError(
                "preference.margin=score needs the score of every answer, and the data has "
                f"{int(np.isnan(self.gap).sum()):,} pairs without: set preference.margin=none."
            )
        return config.margin_scale * self.gap

    def rows(self, config: PreferenceConfig) -> Dataset:
        """A row a pair, as the Trainer draws them.

        `chosen` and `rejected` (places in `responses`), `margin`, `query`, and `length`: the
        tokens of both.
        """
        lengths = np.asarray(self.responses.rows["length"], dtype=np.int64)
        return Dataset(
            pa.table(
                {
                    "chosen": pa.array(self.chosen),
                    "rejected": pa.array(self.rejected),
                    "margin": pa.array(self.margins(config)),
                    "query": pa.array(self.query),
                    "length": pa.array(lengths[self.chosen] + lengths[self.rejected]),
                }
            )
        )


@lru_cache(maxsize=6)
def encode_pairs(part: TableRef, located: LocatedModel, max_length: int) -> EncodedPairs:
    """Tokenise one stored part of pairs; the arms of a sweep share it.

    Args:
        part: columns `id`, `text` (the query), `chosen`, `rejected`, and `gap` where there are
            scores.
        located: the base model, whose tokenizer reads them.
        max_length: tokens of a query with an answer.
    """
    frame = part.read()
    place: dict[tuple[str, str], int] = {}
    found = [
        [
            place.setdefault(pair, len(place))
            for pair in zip(frame["text"], frame[name], strict=True)
        ]
        for name in ("chosen", "rejected")
    ]
    responses, cut_answers = _encode_responses(list(place), located, max_length)
    gap = frame["gap"].astype("float64") if "gap" in frame else np.full(len(frame), np.nan)
    return EncodedPairs(
        responses=responses,
        chosen=np.array(found[0], dtype=np.int64),
        rejected=np.array(found[1], dtype=np.int64),
        query=pd.factorize(frame["text"])[0].astype(np.int64),
        gap=np.asarray(gap, dtype=np.float64),
        cut_answers=cut_answers,
    )


def _encode_responses(
    responses: list[tuple[str, str]], located: LocatedModel, max_length: int
) -> tuple[EncodedPart, int]:
    """Each query with its answer, and how many answers were cut."""
    tokenizer = load_tokenizer(located)
    names = {"input_ids"}
    if tells_texts_apart(read_config(located)):
        names.add("token_type_ids")  # which not every tokenizer makes
    chunks: dict[str, list[pa.Array]] = {"input_ids": []}
    cut_questions = cut_answers = 0
    for start in range(0, len(responses), TEXTS_AT_ONCE):
        questions, answers = zip(*responses[start : start + TEXTS_AT_ONCE], strict=True)
        read = read_pairs(questions, answers, tokenizer, max_length)
        for name in names & read.columns.keys():
            chunks.setdefault(name, []).append(pa.array(read.columns[name], pa.list_(pa.int32())))
        cut_questions += read.cut_questions
        cut_answers += read.cut_answers
    columns = {name: pa.chunked_array(some, pa.list_(pa.int32())) for name, some in chunks.items()}
    columns["length"] = pc.list_value_length(columns["input_ids"])
    part = EncodedPart(
        rows=Dataset(pa.table(columns)),
        ids=[str(number) for number in range(len(responses))],
        truth=np.zeros((len(responses), 0), dtype=np.int8),
        truncated=cut_questions,
    )
    return part, cut_answers
