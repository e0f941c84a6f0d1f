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


@pytest.mark.parametrize(
    ("reference", "takes"), [(0.5, False), (0.48, False), (float("nan"), False), (0.51, True)]
)
def test_a_reference_takes_no_place_where_it_is_no_better_than_the_trivial_answer(
    reference: float, takes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm, floor, words = entry("full", 0.6), entry("base rate", 0.5), entry("TF-IDF", reference)
    kind: Any = SimpleNamespace(
        floor=lambda outcomes, start: floor,
        floor_title=lambda outcome: outcome.name,
        classical=lambda outcome, compared: ("candidate", outcome.name),
    )
    compared: Any = SimpleNamespace(
        config=load_case("acceptability"),
        arms=SimpleNamespace(best=arm),
        comparison=SimpleNamespace(best="full", verdict=lambda one, other: "even"),
        outcomes=[arm, floor, words],
        start=None,
    )
    monkeypatch.setattr("flows.judging.strongest_reference", lambda found: words)
    bar = bar_of(kind, compared)
    assert (bar.outcome, bar.title, bar.verdict) == (words, "TF-IDF", "even")
    assert (bar.candidate is not None) == takes
    expected = "" if takes else "TF-IDF takes no place, being no better than base rate"
    assert bar.trivial == expected
