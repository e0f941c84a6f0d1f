"""ROUGE, BLEU and chrF of answers, against the implementations that others report with."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import corpus_bleu, sentence_chrf

from tasks.evaluation.completions import completion_metrics, score_parts
from tasks.evaluation.nearness import NEARNESS, nearness, rouge, words_of
from tasks.texts import text_scores

WANTED = [
    "Put the kettle on, and the tea will be ready in five minutes.",
    "No. The ferry leaves at half past six, not at six.",
    "Prune it in late winter, before the buds swell; water it well afterwards.",
    "The lock sticks because the door has dropped by a few millimetres.",
]
GIVEN = [
    "Put the kettle on; tea takes five minutes.",
    "The ferry leaves at half past six.",
    "",
    "The door has dropped by a few millimetres, so the lock sticks, the lock sticks.",
]
WORD = st.sampled_from(["the", "Ferry", "leaves", "at", "six", "o'clock", "tea.", "half-past", "7"])
TEXT = st.lists(WORD, max_size=12).map(" ".join)


@given(TEXT, TEXT)
def test_rouge_of_english_is_that_of_its_reference_implementation(wanted: str, given: str) -> None:
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    theirs = [scorer.score(wanted, given)[name].fmeasure for name in ("rouge1", "rouge2", "rougeL")]
    assert rouge(wanted, given) == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Naïve café, 3 rue", ["naïve", "café", "3", "rue"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया"]),
        ("猫が好き", ["猫", "が", "好", "き"]),
        ("Чай готов", ["чай", "готов"]),
    ],
)
def test_words_of_other_languages_are_words_too(text: str, words: list[str]) -> None:
    assert words_of(text) == words
    assert rouge(text, text)[0] == rouge(text, text)[2] == 1


def test_figures_of_all_answers_are_those_of_sacrebleu() -> None:
    found = figures(WANTED, GIVEN)
    assert found["bleu"] == pytest.approx(corpus_bleu(GIVEN, [WANTED]).score / 100)
    each = [
        sentence_chrf(said, [wanted]).score / 100
        for said, wanted in zip(GIVEN, WANTED, strict=True)
    ]
    assert found["chrf"] == pytest.approx(np.mean(each))
    assert 0 < found["rouge_2"] < found["rouge_l"] <= found["rouge_1"] < 1


@given(st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any))
def test_a_row_that_counts_twice_is_as_two_rows(times: list[int]) -> None:
    (bleu,) = (
        part for part in score_parts(table(WANTED, GIVEN)) if "bleu" in part.at(np.ones((4, 1)))
    )
    rows = np.repeat(np.arange(4), times)
    again = corpus_bleu([GIVEN[n] for n in rows], [[WANTED[n] for n in rows]]).score / 100
    assert bleu.at(np.array([times], float).T)["bleu"][0] == pytest.approx(again)


def test_an_answer_that_is_the_one_asked_for_has_every_point() -> None:
    found = figures(WANTED, WANTED)
    assert [found[name] for name in ("bleu", *NEARNESS)] == pytest.approx([1] * 5)


def table(wanted: list[str], given: list[str]) -> pd.DataFrame:
    scores = text_scores(given) | nearness(wanted, given)
    return pd.DataFrame({"generated": given, **scores, "stops": 1.0})


def figures(wanted: list[str], given: list[str]) -> dict[str, float]:
    sums = ("nats", "tokens_of_loss", "right_tokens", "whole_nats", "whole_tokens")
    return completion_metrics(table(wanted, given).assign(**dict.fromkeys(sums, 1.0)))
