"""Figures that are means over scored rows: stored, averaged, and compared by groups."""

from pathlib import Path

import numpy as np
import pytest

from tasks.config import EvaluationConfig
from tasks.errors import ThawError
from tasks.evaluation.bootstrap import intervals, resample
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import put_scored, read_scored, scored_metrics
from tasks.evaluation.scoring import Scoring
from tasks.storage import TableRef

ROWS = 400


def scored(values: np.ndarray, groups: list[str] | None = None, name: str = "margin") -> TableRef:
    ids = [str(number) for number in range(len(values))]
    return put_scored(ids, ["x"] * len(values), {name: values}, {}, "a test", groups)


def outcome(table: TableRef) -> Outcome:
    return Outcome(name="one", kind="arm", metrics={}, validation=table, test=table)


def width(table: TableRef, metric: str = "margin") -> float:
    drawn = resample(
        {"one": [outcome(table)]}, [metric], EvaluationConfig(), scoring=Scoring("preference")
    )
    found = intervals(drawn)["one"][metric]
    return found.high - found.low


def test_a_table_comes_back_as_it_was_stored(isolated_store: Path) -> None:
    table = put_scored(
        ["a", "b", "c"],
        ["left", "right", "left"],
        {"loss": np.array([0.5, np.nan, 1.5]), "stops": np.full(3, np.nan)},
        {"text": ["one", "two", "three"]},
        "a test",
        ["q1", "q1", "q2"],
    )
    found = read_scored(table)
    assert found.ids == ["a", "b", "c"]
    assert found.groups is not None
    assert found.groups.tolist() == [0, 0, 1]
    assert found.frame["text"].tolist() == ["one", "two", "three"]
    assert scored_metrics(found) == {"loss": 1.0}  # a score that no row has is no figure


def test_rows_of_one_group_are_no_independent_evidence(isolated_store: Path) -> None:
    """Ten copies of each row say no more than the row: the interval is that of the groups."""
    values = np.random.default_rng(0).normal(size=ROWS // 10)
    copies = np.repeat(values, 10)
    names = [str(number // 10) for number in range(ROWS)]
    alone, grouped, pretended = (
        width(scored(values)),
        width(scored(copies, names)),
        width(scored(copies)),
    )
    assert grouped == pytest.approx(alone, rel=0.05)
    assert pretended < grouped / 2


def test_a_reward_may_be_negative_and_a_share_stays_within_its_bounds(isolated_store: Path) -> None:
    low = np.random.default_rng(1).normal(-3, 1, size=50)
    drawn = resample(
        {"one": [outcome(scored(low, name="reward"))]},
        ["reward"],
        EvaluationConfig(),
        scoring=Scoring("policy"),
    )
    assert intervals(drawn)["one"]["reward"].high < -2
    right = np.r_[np.ones(49), 0.0]
    table = scored(right, name="stops")
    drawn = resample(
        {"one": [outcome(table)]}, ["stops"], EvaluationConfig(), scoring=Scoring("policy")
    )
    assert intervals(drawn)["one"]["stops"].high == pytest.approx(0.996, abs=1e-3)  # Wilson's


def test_arms_that_saw_other_rows_are_not_compared(isolated_store: Path) -> None:
    first, other = scored(np.zeros(5)), scored(np.zeros(6))
    with pytest.raises(ThawError, match="other rows"):
        resample(
            {"one": [outcome(first)], "two": [outcome(other)]},
            ["margin"],
            EvaluationConfig(),
            scoring=Scoring("preference"),
        )
