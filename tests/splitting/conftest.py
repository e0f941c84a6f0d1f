"""Examples to split, as the chain before would hand them over."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest


def _make_examples(
    rows: int, labels: int = 8, seed: int = 0, single: bool = False, words: int = 20
) -> pd.DataFrame:
    """Rows with texts of their own, titles of their own, and labels as skewed as in life."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, labels + 1)
    weights /= weights.sum()
    names = np.array([f"label{index:02}" for index in range(labels)])
    vocabulary = np.array([f"w{index}" for index in range(5_000)])
    texts = vocabulary[rng.integers(0, 5_000, size=(rows, words))]
    most = 1 if single else 3
    return pd.DataFrame(
        {
            "row": np.arange(1, rows + 1),
            "id": [f"id{index}" for index in range(rows)],
            "title": [f"Work{index} of hand{index}" for index in range(rows)],
            "text": [" ".join(text) for text in texts],
            "labels": [
                sorted(rng.choice(names, size=rng.integers(1, most + 1), replace=False, p=weights))
                for _ in range(rows)
            ],
        }
    )


@pytest.fixture(scope="session")
def make_examples() -> Callable[..., pd.DataFrame]:
    """Build examples of a size of one's own: `make_examples(rows, labels, seed, single, words)`."""
    return _make_examples


@pytest.fixture
def examples() -> pd.DataFrame:
    """Four hundred unrelated rows."""
    return _make_examples(400)
