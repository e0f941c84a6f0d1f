"""`thaw score`: what texts earn under a case's rewards, beside what the chapter prints."""

import json
from pathlib import Path

import pytest
from genre_runs import options, thaw

WORDS = "rewards=[{function: length, weight: 2.0}, {function: finished}]"


def test_texts_are_scored_part_by_part_without_a_run() -> None:
    answer = thaw("score", "summaries", *options(WORDS), "--json", "A short text.", "two words")
    assert answer.code == 0, answer.err
    first, second = map(json.loads, answer.out.splitlines())
    assert first == {
        "text": "A short text.",
        "reward": 7.0,
        "parts": {"length": 3.0, "finished": 1.0},
    }
    assert second["reward"] == 4.0


def test_without_texts_the_chapters_sentences_are_scored_beside_its_figures() -> None:
    answer = thaw("score", "summaries", "--profile", "book", *options(WORDS))
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert [line.split("the chapter prints ")[1].split(")")[0] for line in lines] == [
        "2.526",
        "-0.453",
        "-1.611",
    ]
    assert lines[1].startswith("10.000 (length 5.000, finished 0.000;")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("score", "genre", "a text"), "genre has no rewards"),
        (("score", "sawyer_rl"), "There is nothing to score: give texts"),
        (("score", "summaries", "a text"), "thaw run acceptability` trains and registers one"),
    ],
)
def test_what_cannot_be_scored_is_a_sentence(
    arguments: tuple[str, ...], says: str, own_home: Path
) -> None:
    answer = thaw(*arguments)
    assert answer.code == 2
    assert says in answer.sentence
