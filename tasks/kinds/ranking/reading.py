"""A question and an answer as a reward model reads them: a sentence pair of at most n tokens.

What is too long loses the end of its question first: the answer is what is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

QUESTION, ANSWER = 0, 1  # as a tokenizer numbers the two texts of a pair
SHORTEST_QUESTION = 1  # token, after which an answer that is still too long is cut too


@dataclass(frozen=True)
class PairTexts:
    """Sentence pairs as a model takes them.

    Attributes:
        columns: `input_ids`, `attention_mask` and, where the tokenizer makes them,
            `token_type_ids`: a list of numbers for each pair.
        cut_questions, cut_answers: how many lost tokens of their question, and of their answer.
    """

    columns: dict[str, list[list[int]]]
    cut_questions: int
    cut_answers: int


def read_pairs(
    questions: Sequence[str],
    answers: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
) -> PairTexts:
    """Token ids of each question with its answer; either may be empty.

    Args:
        questions, answers: as many of one as of the other.
        tokenizer: the model's own; it says what stands around and between the two.
        max_length: tokens, special ones included.
    """
    if not questions:
        return PairTexts({"input_ids": [], "attention_mask": []}, 0, 0)
    read = tokenizer(list(questions), list(answers), truncation=False, verbose=False)
    columns: dict[str, list[list[int]]] = {name: list(rows) for name, rows in read.items()}
    cut_questions = cut_answers = 0
    for row, ids in enumerate(columns["input_ids"]):
        excess = len(ids) - max_length
        if excess <= 0:
            continue
        of = (
            read.sequence_ids(row)
            if read.is_fast
            else _sources(questions[row], answers[row], tokenizer)
        )
        spare = max(of.count(QUESTION) - SHORTEST_QUESTION, 0)
        lost = {QUESTION: min(excess, spare), ANSWER: max(excess - spare, 0)}
        cut_questions += lost[QUESTION] > 0
        cut_answers += lost[ANSWER] > 0
        gone = {place for text, count in lost.items() for place in _last(of, text, count)}
        for rows in columns.values():
            rows[row] = [value for place, value in enumerate(rows[row]) if place not in gone]
    return PairTexts(columns, cut_questions, cut_answers)


def _sources(question: str, answer: str, tokenizer: PreTrainedTokenizerBase) -> list[int | None]:
    """Of each token of a pair which text it comes from; None: from neither.

    For tokenizers written in Python (ByT5's), which do not say.
    """
    halves = [tokenizer(each, add_special_tokens=False)["input_ids"] for each in (question, answer)]
    texts = iter([QUESTION] * len(halves[0]) + [ANSWER] * len(halves[1]))
    special = tokenizer.get_special_tokens_mask(*halves)
    return [None if mark else next(texts) for mark in special]


def _last(of: Sequence[int | None], text: int, count: int) -> list[int]:
    """Places of the last `count` tokens of one of the two texts."""
    places = [place for place, owner in enumerate(of) if owner == text]
    return places[len(places) - count :]
