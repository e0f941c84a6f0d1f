"""What counts as the same text, found without comparing every pair."""

from difflib import SequenceMatcher

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.splitting.components import connected_pairs
from tasks.splitting.duplicates import find_near_duplicates, fingerprints, told_by
from tasks.splitting.grams import compared, hash_grams
from tasks.splitting.nearest import nearest, too_near
from tasks.splitting.ties import clusters as cut_clusters

LONG = " ".join(f"word{number}" for number in range(60))
WORDS = [a + b for a in ("ka", "lo", "mir", "ten", "sha", "vu") for b in ("n", "rosh", "ti", "ld")]


def clusters(texts: list[str], threshold: float = 0.8, seed: int = 42) -> list[int]:
    pairs, _ = find_near_duplicates(texts, threshold, seed)
    return connected_pairs(len(texts), pairs).tolist()


def levenshtein(one: str, other: str) -> int:
    """By the textbook's table: what the library's figure is held against."""
    row = list(range(len(other) + 1))
    for at, char in enumerate(one, 1):
        above, row[0] = row[0], at
        for place, against in enumerate(other, 1):
            above, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, above + (char != against)),
            )
    return row[-1]


def changed(rng: np.random.Generator, words: int, how: str) -> tuple[str, str]:
    """A text, and the same with one word or digit changed, or one word in twenty."""
    text = rng.choice(WORDS, words).tolist()
    other = list(text)
    if how == "digit":
        at = int(rng.integers(words))
        text[at], other[at] = "48152", "48153"
    else:
        count = 1 if how == "word" else max(1, round(0.05 * words))
        for at in rng.choice(words, count, replace=False):
            other[at] = f"new{at}"
    return " ".join(text), " ".join(other)


def test_repeats_are_told_by_what_they_are_and_their_order_by_what_they_say() -> None:
    texts = ["Caf\u00e9  on\tthe Hill ", "CAF\u00c9 on\nthe hill", "Cafe\u0301  on\tthe Hill "]
    assert len(set(fingerprints(texts).tolist())) == 1
    one, other, decomposed = told_by(texts)
    assert one == decomposed != other


def test_fingerprints_are_the_same_in_every_process():
    assert fingerprints(["Call me"]).tolist() == [12136202054900198395]


@pytest.mark.parametrize(
    ("words", "how", "least"),
    [
        (8, "word", 0.8),
        (8, "digit", 0.8),
        (15, "word", 0.95),
        (15, "digit", 0.95),
        (60, "word", 0.95),
        (200, "digit", 0.95),
        (20, "some", 0.9),
        (200, "some", 0.9),
    ],
)
def test_a_changed_word_or_digit_hides_no_near_duplicate(
    words: int, how: str, least: float
) -> None:
    rng = np.random.default_rng(words)
    texts = [text for _ in range(100) for text in changed(rng, words, how)]
    found = clusters(texts)
    together = [found[at] == found[at + 1] for at in range(0, len(texts), 2)]
    assert np.mean(together) >= least
    assert len(set(found)) >= 100  # and no two others


@settings(deadline=None, max_examples=20)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join),
        min_size=2,
        max_size=25,
    )
)
def test_what_is_found_is_alike_by_another_count_of_edits(texts: list[str]) -> None:
    pairs, similarity = find_near_duplicates(texts, 0.8, 42)
    for (one, other), figure in zip(pairs.tolist(), similarity, strict=True):
        left, right = compared(texts[one]), compared(texts[other])
        share = 1 - levenshtein(left, right) / max(len(left), len(right))
        assert share == pytest.approx(figure)
        assert share >= 0.8 - 1e-6


@pytest.mark.parametrize(
    "text",
    [
        "彼女は港町の灯台で古い地図を見つけ遠い島へ向かう決心をした。",
        "𠀋𠂉𠃊𠄌𠅘𠆢𠈓𠌫𠎁𠏹𠑊𠔉𠖱𠘨𠝏𠠇𠠺𠢹𠥼𠦝𠫓",
        "เธอพบแผนที่เก่าในประภาคารของเมืองท่าและตัดสินใจออกเดินทางไปยังเกาะที่ห่างไกล",
        "នាងបានរកឃើញផែនទីចាស់នៅក្នុងប៉មភ្លើងហើយសម្រេចចិត្តធ្វើដំណើរទៅកោះឆ្ងាយ",
        "उसे बंदरगाह के प्रकाशस्तंभ में एक पुराना नक्शा मिला और उसने दूर द्वीप पर जाने का निश्चय किया",
        "她在港口的灯塔里找到一张旧地图于是决定前往遥远的岛屿",
    ],
)
def test_scripts_without_spaces_and_with_marks_are_compared_too(text: str) -> None:
    middle = len(text) // 2
    near = text[:middle] + text[middle + 1 :]
    far = text[::-1]
    assert clusters([text, near, far]) == [0, 0, 1]


def test_marks_of_vowels_tell_words_apart() -> None:
    assert compared("कि") != compared("की")
    assert compared("ที่") != compared("ทู่")


def test_a_chain_of_near_duplicates_is_one_cluster():
    words = LONG.split()
    chain = [" ".join([*(f"x{n}" for n in range(cut)), *words[cut:]]) for cut in range(0, 30, 3)]
    assert set(clusters(chain)) == {0}
    assert clusters([chain[0], chain[-1]]) == [0, 1]


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


def test_hundreds_of_variants_of_one_text_are_one_cluster():
    words = LONG.split()
    variants = [
        " ".join([*words[: n % 60], f"variant{n}", *words[n % 60 + 1 :]]) for n in range(400)
    ]
    unlike = [" ".join(f"t{n}w{i}" for i in range(40)) for n in range(50)]
    found = clusters([*variants, *unlike])
    assert set(found[:400]) == {0}
    assert len(set(found[400:])) == 50


def test_a_cluster_too_large_is_cut_at_its_weakest_links() -> None:
    pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]])
    similarity = np.array([0.99, 0.95, 0.81, 0.95, 0.99])
    whole, cut = cut_clusters(pairs, similarity, np.ones(60), (0.7, 0.15, 0.15), np.full(60, -1))
    assert (len(set(whole[:6])), cut) == (1, False)
    pieces, cut = cut_clusters(pairs, similarity, np.ones(6), (0.5, 0.5), np.full(6, -1))
    assert (pieces.tolist(), cut) == ([0, 0, 0, 1, 1, 1], True)
    known = np.array([0, -1, -1, -1, -1, 2, *[-1] * 54])
    pieces, cut = cut_clusters(pairs, similarity, np.ones(60), (0.7, 0.15, 0.15), known)
    assert (pieces[:6].tolist(), cut) == ([0, 0, 0, 1, 1, 1], True)


@pytest.mark.parametrize("texts", [["only one"], ["one text", "another text"]])
def test_without_duplicates_nothing_is_found(texts: list[str]):
    assert find_near_duplicates(texts, 0.8, 42)[0].shape == (0, 2)


@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_any_text_has_a_gram(texts: list[str]):
    grams, starts = hash_grams([compared(text) for text in texts])
    assert (np.diff(starts) >= 1).all()
    assert starts[-1] == len(grams)


def test_the_check_finds_pairs_without_what_groups_them() -> None:
    """Exactly in few rows; in many, a sample with the rows that share most of its rare grams."""
    rng = np.random.default_rng(0)
    texts = [text for _ in range(60) for text in changed(rng, 15, "word")]
    part = np.array(["train", "test"] * 60)
    found = nearest(texts, part, 0.8, 42)
    assert (found.rows, found.counts()[80]) == (60, 60)
    assert len(too_near(texts, found, 0.8)) == 60
    strangers = [f"{n} " + " ".join(rng.choice(WORDS, 12)) + f" {n * 7919}" for n in range(5_000)]
    many = nearest([*texts, *strangers], np.array([*part, *["train"] * 5_000]), 0.8, 42)
    assert (many.rows, many.counts()[80] >= 57) == (60, True)


def test_messages_that_differ_in_a_digit_are_not_tested_on_what_was_learned(real_data) -> None:
    """14.6 % of the collection's test spams had a training message at least 90 % alike."""
    from tasks.config import SplitConfig
    from tasks.splitting.parts import cut
    from tasks.splitting.units import text_units

    lines = (real_data / "SMSSpamCollection").read_text(encoding="utf-8").splitlines()[:4_000]
    rows = pd.DataFrame([line.split("\t", 1) for line in lines], columns=["label", "text"])
    rows = rows.assign(row=rows.index, id=rows.index.astype(str), labels=[[x] for x in rows.label])
    config = SplitConfig()
    made = cut(rows, lambda some: text_units(some, config, labelled=True), config)
    assert made.report.alike is not None
    assert (made.report.alike.exact, made.report.alike.at[90]) == (True, 0)
    (parts,) = made.folds
    learned = [compared(rows.text[at]) for at in parts["train"][::40]]
    for at in parts["test"][::40]:
        ratios = [SequenceMatcher(None, compared(rows.text[at]), one).ratio() for one in learned]
        assert max(ratios) < 0.95
