"""What is measured of a table of pairs, and its breakdowns, against figures made by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from tasks.evaluation.scored import read_scored
from tasks.kinds.ranking.baselines import NAMES, RULES, baseline_outcome, strongest_rule
from tasks.kinds.ranking.breakdown import (
    by_gap,
    by_length,
    by_source,
    pairs_of,
    sheets,
    wrongly_ranked,
)
from tasks.kinds.ranking.figures import length_correlation, pair_table
from tasks.kinds.ranking.plots import draw_pairs
from tasks.storage import TableRef, put_table

ROWS = pd.DataFrame(
    {
        "id": ["a1", "a2", "b1", "c1"],
        "text": ["a", "a", "b", "c"],
        "chosen": ["x" * 10, "x" * 10, "y" * 30, "z" * 100],
        "rejected": ["x" * 9, "w" * 50, "y" * 20, "z" * 81],
        "gap": ["1", "5", "2.5", "9"],
        "chosen_source": ["s", "s", "t", None],
        "rejected_source": ["t", "t", "s", None],
    }
)
CHOSEN, REJECTED = np.array([2.0, 2.0, 0.0, 1.0]), np.array([1.0, 3.0, 0.0, -1.0])


@pytest.fixture
def table() -> tuple[TableRef, dict[str, float]]:
    return pair_table(put_table(ROWS, "four pairs"), CHOSEN, REJECTED, "made by hand")


def test_the_figures_of_four_pairs(table: tuple[TableRef, dict[str, float]]) -> None:
    stored, figures = table
    assert figures["pair_accuracy"] == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert figures["pair_accuracy_matched"] == 1.0  # 10 and 9, 100 and 81 characters
    assert figures["margin"] == pytest.approx(0.5)
    wanted = np.mean([np.log1p(np.exp(-gap)) for gap in (1, -1, 0, 2)])
    assert figures["loss"] == pytest.approx(wanted)
    scored = read_scored(stored)
    assert scored.groups is not None
    assert scored.groups.tolist() == [0, 0, 1, 2]
    answers = {"x": (2, 10), "x-": (1, 9), "w": (3, 50), "y": (0, 30), "y-": (0, 20)}
    pairs = [*answers.values(), (1, 100), (-1, 81)]
    wanted = spearmanr(*zip(*pairs, strict=True)).statistic
    assert figures["length_correlation"] == pytest.approx(wanted)


def test_a_rule_that_gives_all_the_same_has_no_correlation() -> None:
    _, figures = pair_table(put_table(ROWS, "four pairs"), np.zeros(4), np.zeros(4), "nothing")
    assert "length_correlation" not in figures
    assert figures["pair_accuracy"] == 0.5
    assert np.isnan(
        length_correlation(
            pairs_of(pair_table(put_table(ROWS, ""), np.zeros(4), np.zeros(4), "")[0])
        )
    )


def test_breakdowns_add_up_to_the_whole(table: tuple[TableRef, dict[str, float]]) -> None:
    pairs = pairs_of(table[0])
    gaps = by_gap(pairs, 0.95)
    assert list(gaps.index) == ["1", "2.5", "5", "9"]
    assert gaps["accuracy"].tolist() == [1.0, 0.5, 0.0, 1.0]
    sources = by_source(pairs, 0.95)
    assert sources.loc["s and t", "pairs"] == 3  # whichever of them wrote the better one
    assert sources.loc["s and t", "queries"] == 2
    lengths = by_length(pairs, 0.95)
    assert lengths.loc["of like length", "pairs"] == 2
    assert lengths["pairs"].sum() == 4
    assert (gaps["pairs"] * gaps["accuracy"]).sum() / 4 == pytest.approx(table[1]["pair_accuracy"])
    made = sheets(pairs, 0.95)
    assert len(made) == 3
    assert all(len(row) == len(sheet.columns) for sheet in made for row in sheet.rows)


def test_intervals_hold_what_was_measured(pair_parts: dict[str, TableRef]) -> None:
    part = pair_parts["train"]
    generator = np.random.default_rng(0)
    stored, figures = pair_table(part, *generator.normal(size=(2, part.rows)), "noise")
    lengths = by_length(pairs_of(stored), 0.95)
    row = lengths.iloc[0]
    assert row["low"] < row["accuracy"] < row["high"]
    assert 0 < figures["pair_accuracy"] < 1


def test_without_scores_and_sources_there_is_less_to_say() -> None:
    plain = put_table(ROWS[["id", "text", "chosen", "rejected"]], "plain")
    pairs = pairs_of(pair_table(plain, CHOSEN, REJECTED, "plain")[0])
    assert by_gap(pairs, 0.95).empty
    assert by_source(pairs, 0.95).empty
    assert len(sheets(pairs, 0.95)) == 1


def test_wrong_pairs_are_shown_surest_first(table: tuple[TableRef, dict[str, float]]) -> None:
    wrong = wrongly_ranked(pairs_of(table[0]))
    assert wrong["id"].tolist() == ["a2"]
    assert wrong[["chosen_reward", "rejected_reward"]].to_numpy().tolist() == [[2.0, 3.0]]


def test_the_pictures_are_drawn(table: tuple[TableRef, dict[str, float]]) -> None:
    pictures = draw_pairs(pairs_of(table[0]), "full")
    assert set(pictures) == {"pair_calibration.svg", "reward_by_length.svg"}
    assert all(picture.startswith(b"<svg") for picture in pictures.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_ranks_the_same_pairs(name: str, reward_spec) -> None:
    spec = reward_spec()
    outcome = baseline_outcome(name, spec, (1.0, 4.0), "run")
    assert read_scored(outcome.test).ids == spec.test.read()["id"].tolist()
    assert outcome.name == name
    if name == "a coin":
        assert outcome.metrics["test/pair_accuracy"] == 0.5
    if name == "TF-IDF + logistic regression":
        assert outcome.metrics["test/pair_accuracy"] > 0.9


def test_longer_and_shorter_are_each_others_mirror(reward_spec) -> None:
    longer, shorter = (
        baseline_outcome(name, reward_spec(), (), "run")
        for name in ("longer answer", "shorter answer")
    )
    frame = reward_spec().test.read()
    wins = (frame["chosen"].str.len() > frame["rejected"].str.len()).mean()
    assert longer.metrics["test/pair_accuracy"] == pytest.approx(wins)
    assert longer.metrics["test/pair_accuracy"] == pytest.approx(
        1 - shorter.metrics["test/pair_accuracy"]
    )
    coin = baseline_outcome("a coin", reward_spec(), (), "run")
    assert set(RULES) == {"a coin", "longer answer", "shorter answer"}
    best = strongest_rule([longer, coin, shorter], "test/pair_accuracy")
    assert best.metrics["test/pair_accuracy"] >= 0.5
    lowest = min((longer, coin, shorter), key=lambda outcome: outcome.metrics["test/loss"])
    assert strongest_rule([longer, coin, shorter], "test/loss") == lowest
