"""A table without a flaw, to be spoiled in one place by each test."""

from collections.abc import Callable

import pandas as pd
import pytest

from tasks.config import CaseConfig
from tasks.config.loading import load_case

WORDS = "a crew of bounty hunters drifts from moon to moon and always ends up hungry and broke"


def flawless(rows: int = 60) -> pd.DataFrame:
    """`rows` titles with distinct texts of about 20 words and one of three genres each."""
    numbers = range(1, rows + 1)
    genres = [("Drama", "Comedy", "Sci-Fi")[number % 3] for number in numbers]
    table = pd.DataFrame(
        {
            "row": list(numbers),
            "id": [f"a{number}" for number in numbers],
            "title": [f"Series {number}" for number in numbers],
            "synopsis": [f"In story {number} {WORDS}." for number in numbers],
            "genres": genres,
        }
    )
    table["text"] = table["title"] + ".\nSynopsis: " + table["synopsis"]
    table["labels"] = pd.Series([[genre] for genre in genres], dtype=object)
    return table


@pytest.fixture
def rows() -> Callable[[int], pd.DataFrame]:
    """The builder of flawless tables."""
    return flawless


@pytest.fixture
def table() -> pd.DataFrame:
    """Sixty flawless rows."""
    return flawless()


@pytest.fixture
def genre() -> CaseConfig:
    """The genre case, in which a label on three rows can be learned."""
    return load_case("genre", overrides={"data": {"min_label_count": 3}})
