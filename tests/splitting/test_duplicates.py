"""What counts as the same text, found without comparing every pair."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.splitting.components import connected_pairs
from tasks.splitting.duplicates import bands_for, find_near_duplicates, fingerprints
from tasks.splitting.shingles import shingle

LONG = " ".join(f"word{number}" for number in range(60))


def clusters(texts: list[str], threshold: float = 0.8, seed: int = 42) -> list[int]:
    return connected_pairs(len(texts), find_near_duplicates(texts, threshold, seed)).tolist()


def by_brute_force(texts: list[str], threshold: float) -> list[int]:
    """Every pair, with sets of word triples: what the fast way must come to."""
    sets = []
    for text in texts:
        words = text.casefold().split()
        sets.append({tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))})
    pairs = [
        (one, other)
        for one, other in combinations(range(len(texts)), 2)
        if len(sets[one] & sets[other]) >= threshold * len(sets[one] | sets[other]) - 1e-9
    ]
    return connected_pairs(len(texts), np.array(pairs, dtype=np.int64).reshape(-1, 2)).tolist()


def test_case_and_spaces_do_not_make_a_text_different():
    one, same, decomposed, other = fingerprints(
        [
            "Caf\u00e9  on\tthe Hill ",
            "CAF\u00c9 on\nthe hill",
            "Cafe\u0301 on the hill",
            "Cafe on it",
        ]
    )
    assert one == same == decomposed != other


def test_fingerprints_are_the_same_in_every_process():
    assert fingerprints(["Call me"]).tolist() == [12136202054900198395]


def test_a_changed_word_makes_a_near_duplicate_and_many_do_not():
    changed = LONG.replace("word30", "other")
    rewritten = " ".join(w if i % 4 else f"new{i}" for i, w in enumerate(LONG.split()))
    assert clusters([LONG, changed, rewritten]) == [0, 0, 1]


def test_punctuation_does_not_hide_a_near_duplicate():
    assert clusters(["Wait, what? You... won!", "wait what you won", "wait what you lost"]) == [
        0,
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("one", "other"), [("ok", "ok then"), ("ok", "no"), (":-)", ":-("), ("so what", "what so")]
)
def test_short_texts_are_alike_only_where_their_words_are(one: str, other: str):
    assert clusters([one, other, one.upper() + "!" * one.isalpha()]) == [0, 1, 0]


def test_texts_without_spaces_are_compared_by_character():
    text = "彼女は港町の灯台で古い地図を見つけ遠い島へ向かう決心をした。" * 2
    assert clusters([text, text.replace("古い", "青い"), "まったく別の物語がここから始まる。"]) == [
        0,
        0,
        1,
    ]


def test_a_chain_of_near_duplicates_is_one_cluster():
    words = LONG.split()
    chain = [" ".join([*(f"x{n}" for n in range(cut)), *words[cut:]]) for cut in range(0, 30, 3)]
    assert set(clusters(chain)) == {0}
    assert clusters([chain[0], chain[-1]]) == [0, 1]


def test_hundreds_of_variants_of_one_text_are_one_cluster():
    words = LONG.split()
    variants = [
        " ".join([*words[: n % 60], f"variant{n}", *words[n % 60 + 1 :]]) for n in range(400)
    ]
    unlike = [" ".join(f"t{n}w{i}" for i in range(40)) for n in range(50)]
    found = clusters([*variants, *unlike])
    assert set(found[:400]) == {0}
    assert len(set(found[400:])) == 50


@pytest.mark.parametrize("texts", [["only one"], ["one text", "another text"]])
def test_without_duplicates_nothing_is_found(texts: list[str]):
    assert find_near_duplicates(texts, 0.8, 42).shape == (0, 2)


def test_pairs_exactly_at_the_threshold_are_found():
    texts = []
    for number in range(200):  # 40 shingles shared of 50 in all; the usual 9 bands of 13 miss half
        shared = [f"p{number}w{place}" for place in range(42)]
        for side in "ab":
            texts.append(" ".join([*shared, *(f"{side}{number}x{place}" for place in range(5))]))
    expected = [[first, first + 1] for first in range(0, 400, 2)]
    assert find_near_duplicates(texts, 0.8, 42).tolist() == expected
    assert find_near_duplicates(texts, 0.81, 42).tolist() == []


def test_bands_miss_few_pairs_and_admit_few_others():
    bands, rows = bands_for(0.8)
    assert (bands, rows) == (42, 6)
    assert (1 - 0.8**rows) ** bands < 1e-5
    assert bands_for(1.0) == (1, 256)
    assert bands_for(0.01) == (256, 1)


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=12).map(" ".join),
        min_size=1,
        max_size=40,
    ),
    threshold=st.sampled_from([0.5, 0.7, 0.8, 1.0]),
)
def test_clusters_are_those_of_comparing_every_pair(texts: list[str], threshold: float):
    assert clusters(texts, threshold) == by_brute_force(texts, threshold)


@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_any_text_has_a_shingle(texts: list[str]):
    shingles, starts = shingle(texts)
    assert (np.diff(starts) >= 1).all()
    assert starts[-1] == len(shingles)
