"""What an arm has to be better than, and what may stand for champion in its place."""

from types import SimpleNamespace
from typing import Any

import pytest

from flows.judging import bar_of
from tasks.config.loading import load_case

METRIC = "test/roc_auc"


def entry(name: str, figure: float) -> Any:
    return SimpleNamespace(name=name, metrics={METRIC: figure})


@pytest.fixture(autouse=True)
def prefect_server() -> None:
    """None is needed here."""


@pytest.mark.parametrize("takes", [True, False])
def test_a_reference_takes_a_place_where_it_is_shown_to_be_better_than_the_trivial_answer(
    takes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its figure alone it is better in the half of all cases in which nothing can be told."""
    arm, floor, words = entry("full", 0.6), entry("base rate", 0.5), entry("TF-IDF", 0.55)
    kind: Any = SimpleNamespace(
        floor=lambda outcomes, start: floor,
        floor_title=lambda outcome: outcome.name,
        classical=lambda outcome, compared: ("candidate", outcome.name),
    )
    found = SimpleNamespace(
        best="full",
        verdict=lambda one, other: "even",
        clears=lambda one, other: takes and (one, other) == ("TF-IDF", "base rate"),
    )
    compared: Any = SimpleNamespace(
        config=load_case("acceptability"),
        arms=SimpleNamespace(best=arm),
        comparison=found,
        outcomes=[arm, floor, words],
        start=None,
    )
    monkeypatch.setattr("flows.judging.strongest_reference", lambda found: words)
    bar = bar_of(kind, compared)
    assert (bar.outcome, bar.title, bar.verdict) == (words, "TF-IDF", "even")
    assert (bar.candidate is not None) == takes
    expected = "TF-IDF takes no place, not being shown to be better than base rate"
    assert bar.trivial == ("" if takes else expected)
