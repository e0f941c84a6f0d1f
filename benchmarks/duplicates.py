"""Near duplicates: how many are found, and what that costs; lines of `benchmarks.evidence`."""

import resource
import time
from collections.abc import Iterator
from importlib.resources import files

import numpy as np
import pandas as pd

from tasks.config import SplitConfig
from tasks.splitting.components import connected_pairs
from tasks.splitting.duplicates import find_near_duplicates
from tasks.splitting.parts import cut
from tasks.splitting.units import text_units

Line = tuple[str, float, float, str, bool]
CHANGES = [
    *(
        (words, how, 0.8 if words < 15 else 0.95)
        for words in (8, 15, 50, 200)
        for how in ("word", "digit")
    ),
    *((words, "5 % of words", 0.9) for words in (20, 60, 200)),
]
ROWS = 100_000
_SECONDS, _GIGABYTES = 120, 1.5


def duplicates(runs: int) -> Iterator[Line]:
    """Recall by length and change, and a split of many rows of two sorts.

    Args:
        runs: pairs for each line of recall; the splits are of 100,000 rows from 1,000 runs on.
    """
    rng = np.random.default_rng(0)
    words = np.array(_words())
    for length, how, least in CHANGES:
        texts = [text for _ in range(runs) for text in _pair(rng, words, length, how)]
        pairs, _ = find_near_duplicates(texts, 0.8, 42)
        cluster = connected_pairs(len(texts), pairs)
        found = float((cluster[::2] == cluster[1::2]).mean())
        error = float(np.sqrt(found * (1 - found) / runs))
        what = f"near duplicates found: {length} words, {how} changed"
        yield (what, found, error, f"at least {least}", found >= least)
    for what, some in (("strangers", _strangers), ("200 templates", _templates)):
        yield from _split(what, some(rng, words, ROWS if runs >= 1000 else ROWS // 20))


def _words() -> list[str]:
    sample = files("tasks.ingestion") / "samples" / "spam.tsv"
    return sample.read_text(encoding="utf-8").split()


def _pair(rng: np.random.Generator, words: np.ndarray, length: int, how: str) -> tuple[str, str]:
    """A text of words as frequent as in life, and the same changed."""
    text = rng.choice(words, length).tolist()
    other = list(text)
    if how == "digit":
        at = int(rng.integers(length))
        text[at] = str(rng.integers(100, 100_000))
        other[at] = text[at][:-1] + str((int(text[at][-1]) + 1) % 10)
    else:
        count = 1 if how == "word" else max(1, round(0.05 * length))
        for at in rng.choice(length, count, replace=False):
            other[at] = str(rng.choice(words))
    return " ".join(text), " ".join(other)


def _strangers(rng: np.random.Generator, words: np.ndarray, rows: int) -> list[str]:
    """Texts of 60 words, of which one in twenty is another with a word more."""
    texts = [" ".join(row) for row in rng.choice(words, (rows, 60))]
    for at in range(0, rows - 1, 20):
        texts[at + 1] = texts[at] + " indeed"
    return texts


def _templates(rng: np.random.Generator, words: np.ndarray, rows: int) -> list[str]:
    """Messages of a few templates, with a name and numbers filled in."""
    bodies = [" ".join(row) for row in rng.choice(words, (200, 14))]
    chances = 1 / np.arange(1, 201)
    chosen = rng.choice(200, rows, p=chances / chances.sum())
    return [
        f"dear {rng.choice(words)} {bodies[at]} order {rng.integers(10**6)} on {rng.integers(31)}"
        for at in chosen
    ]


def _split(what: str, texts: list[str]) -> Iterator[Line]:
    rows = pd.DataFrame(
        {
            "row": range(len(texts)),
            "id": [str(at) for at in range(len(texts))],
            "text": texts,
            "labels": [[str(at % 5)] for at in range(len(texts))],
        }
    )
    config, began = SplitConfig(), time.process_time()
    made = cut(rows, lambda some: text_units(some, config, labelled=True), config)
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    name = f"split of {len(texts):,} rows, {what}"
    yield (f"{name}: seconds", seconds, 0.0, f"at most {_SECONDS}", seconds <= _SECONDS)
    yield (f"{name}: peak GB", peak, 0.0, f"at most {_GIGABYTES}", peak <= _GIGABYTES)
    alike = made.report.alike
    near = alike.at[90] if alike is not None else len(texts)
    yield (f"{name}: test rows 90 % alike in training", near, 0.0, "0", near == 0)
