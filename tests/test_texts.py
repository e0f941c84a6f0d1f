"""Measures of generated text, on texts whose figures can be counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.texts import distinct, ngrams, repetition, text_scores

WORDS = st.lists(st.sampled_from("abc"), max_size=12).map(" ".join)


def test_ngrams_are_runs_of_words() -> None:
    assert list(ngrams("a b  a\nb", 2)) == [("a", "b"), ("b", "a"), ("a", "b")]
    assert list(ngrams("a", 2)) == []


def test_distinct_counts_over_all_texts_together() -> None:
    assert distinct(["a b", "a c"], 1) == 3 / 4
    assert distinct(["a b", "a b"], 2) == 1 / 2
    assert distinct(["a", ""], 2) == 0


def test_repetition_is_the_share_of_ngrams_seen_before() -> None:
    assert repetition("a b a b a b", 2) == pytest.approx(3 / 5)
    assert repetition("a b c d") == 0
    assert repetition("a b c") == 0
    assert repetition("x " * 100) == pytest.approx(1 - 1 / 97)


@given(st.lists(WORDS, max_size=5), st.integers(1, 4))
def test_shares_are_shares(texts: list[str], n: int) -> None:
    assert 0 <= distinct(texts, n) <= 1
    assert all(0 <= repetition(text, n) < 1 for text in texts)


@given(st.lists(WORDS, min_size=1, max_size=5), st.integers(1, 3))
def test_saying_everything_twice_never_looks_more_varied(texts: list[str], n: int) -> None:
    assert distinct(texts * 2, n) == pytest.approx(distinct(texts, n) / 2)


@given(WORDS, st.integers(1, 3))
def test_a_single_texts_two_measures_are_complements(text: str, n: int) -> None:
    if list(ngrams(text, n)):
        assert repetition(text, n) == pytest.approx(1 - distinct([text], n))


def test_the_scores_of_each_answer() -> None:
    found = text_scores(["a b a b a b a b", ""])
    assert found["repetition_4"].tolist() == pytest.approx([3 / 5, 0])
    assert found["words"].tolist() == [8, 0]
