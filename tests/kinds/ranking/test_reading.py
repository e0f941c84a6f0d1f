"""Questions with answers as sentence pairs: what is too long loses its question first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import bert_tokenizer, byte_tokenizer
from transformers import ByT5Tokenizer

from tasks.kinds.ranking.reading import read_pairs

TOKENIZERS = {
    "bert": bert_tokenizer(),
    "roberta": byte_tokenizer("roberta"),
    "byt5": ByT5Tokenizer(),  # of those that are written in Python
}
WORDS = st.lists(st.sampled_from(["who", "is", "the", "it", "name"]), max_size=14).map(" ".join)


@pytest.mark.parametrize("family", TOKENIZERS)
def test_pairs_that_fit_are_read_as_the_tokenizer_reads_them(family: str) -> None:
    tokenizer = TOKENIZERS[family]
    questions, answers = ["who is it", "why", ""], ["the name", "", "it is"]
    found = read_pairs(questions, answers, tokenizer, 64)
    assert found.columns == dict(tokenizer(questions, answers))
    assert (found.cut_questions, found.cut_answers) == (0, 0)


def test_no_pairs_are_no_rows() -> None:
    assert read_pairs([], [], TOKENIZERS["bert"], 8).columns["input_ids"] == []


def test_the_question_is_cut_before_the_answer_is() -> None:
    tokenizer = TOKENIZERS["bert"]
    found = read_pairs(["who is the name of it"] * 2, ["it is", "it is the name who"], tokenizer, 8)
    read = [tokenizer.decode(ids) for ids in found.columns["input_ids"]]
    assert read == ["[CLS] who is the [SEP] it is [SEP]", "[CLS] who [SEP] it is the name [SEP]"]
    assert (found.cut_questions, found.cut_answers) == (2, 1)
    assert found.columns["token_type_ids"][0] == [0, 0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("family", TOKENIZERS)
@settings(max_examples=60, deadline=None)
@given(question=WORDS, answer=WORDS, length=st.integers(6, 40))
def test_nothing_is_longer_than_allowed_and_whole_answers_stay_whole(
    family: str, question: str, answer: str, length: int
) -> None:
    tokenizer = TOKENIZERS[family]
    columns = read_pairs([question], [answer], tokenizer, length).columns
    (ids,) = columns["input_ids"]
    assert len(ids) <= length
    assert all(len(rows[0]) == len(ids) for rows in columns.values())
    alone = tokenizer(answer, add_special_tokens=False)["input_ids"]
    room = length - tokenizer.num_special_tokens_to_add(pair=True) - bool(question)
    kept = ids[-1 - min(len(alone), room) : -1]
    assert kept == alone[: len(kept)]
    assert len(kept) == min(len(alone), room)
