"""Small parts of pairs, with a rule that a tiny model can learn."""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from tasks.storage import TableRef, put_table

if TYPE_CHECKING:
    from tasks.training.arms import ArmSpec

GOOD = ("the girl is good", "it is the other name", "a friend")
BAD = ("and then", "never of that", "of of")
SIZES = {"train": 12, "validation": 6, "test": 6}
"""Queries of each part; each has three pairs of three answers."""

MakeRewardSpec = Callable[..., "ArmSpec"]


def pair_rows(queries: list[str], gaps: bool = True) -> pd.DataFrame:
    """Of each query three answers, good, half and bad, and so three pairs."""
    rows = []
    for number, query in enumerate(queries):
        good, bad = GOOD[number % 3], BAD[number % 3]
        ranked = ((good, 9.0), (f"{good} {bad}", 5.0), (bad, 2.0))
        for one, other in itertools.combinations(range(3), 2):
            rows.append(
                {
                    "row": number + 1,
                    "id": f"{query}/{one}-{other}",
                    "text": query,
                    "chosen": ranked[one][0],
                    "rejected": ranked[other][0],
                    "gap": f"{ranked[one][1] - ranked[other][1]:g}" if gaps else None,
                    "chosen_source": f"s{one}",
                    "rejected_source": f"s{other}",
                }
            )
    return pd.DataFrame(rows)


def make_pair_parts(gaps: bool = True) -> dict[str, TableRef]:
    parts, start = {}, 0
    for name, size in SIZES.items():
        queries = [f"what is number {number}" for number in range(start, start + size)]
        parts[name] = put_table(pair_rows(queries, gaps), f"test data, {name}")
        start += size
    return parts


@pytest.fixture
def pair_parts() -> dict[str, TableRef]:
    """Three parts of pairs, in this test's own store."""
    return make_pair_parts()


@pytest.fixture
def reward_spec(make_spec: "MakeRewardSpec", pair_parts: dict[str, TableRef]) -> "MakeRewardSpec":
    """Reward arms on the tiny BERT; changes are those of `make_spec`."""

    def make(**changes: Any) -> "ArmSpec":
        from tasks.config import PreferenceConfig

        model = {"max_length": 32, "pooling": "cls", "dropout": 0.0, "backbone_dropout": 0.0}
        fields: dict[str, Any] = {
            "case": "sawyer_reward",
            "task": "preference",
            "labels": ("reward",),
            "preference": PreferenceConfig(**changes.pop("preference", {})),
            "model": model | changes.pop("model", {}),
            **pair_parts,
        }
        return make_spec(**(fields | changes))

    return make
