"""Texts whose number can be told from a word of theirs, for tests of cases that learn one."""

import random
from pathlib import Path

import pandas as pd
from tiny import wordpieces

from tasks.storage import TableRef, put_table

# Whole tokens of the tiny models -> the number of a text that has one.
WORTH = {"war": 90.0, "ship": 60.0, "team": 30.0, "night": 0.0}


def texts(rows: int = 120, seed: int = 3) -> list[tuple[str, float]]:
    """Four words each, one of them of `WORTH`, and its number give or take some."""
    draws = random.Random(seed)  # noqa: S311 - no secret
    fillers = [word for word in wordpieces() if word.isalpha() and len(word) > 4]
    found = []
    for number in range(rows):
        word = list(WORTH)[number % len(WORTH)]
        others = draws.sample([each for each in fillers if each not in WORTH], 3)
        said = [*others[:2], word, *others[2:]]
        found.append((" ".join(said), WORTH[word] + draws.randint(-8, 8) / 2))
    return found


def make_parts(rows: list[tuple[str, float]] | None = None) -> dict[str, TableRef]:
    """Half of the rows to learn from, a quarter to choose by, a quarter as test."""
    said = texts() if rows is None else rows
    frame = pd.DataFrame(
        {
            "id": [f"m{number}" for number in range(len(said))],
            "row": range(len(said)),
            "text": [text for text, _ in said],
            "labels": [[repr(number)] for _, number in said],
        }
    )
    half, three = len(said) // 2, 3 * len(said) // 4
    cut = {"train": frame[:half], "validation": frame[half:three], "test": frame[three:]}
    return {name: put_table(part, f"numbers, {name}") for name, part in cut.items()}


def write_csv(path: Path, rows: list[tuple[str, object]]) -> Path:
    """The rows as a file with the columns `message` and `urgency`."""
    pd.DataFrame(rows, columns=["message", "urgency"]).to_csv(path, index=False)
    return path
