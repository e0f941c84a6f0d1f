"""Folds of one arm as one outcome, and a comparison of such."""

import numpy as np
import pytest

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import ThawError
from tasks.evaluation.comparison import compare
from tasks.evaluation.completions import completion_metrics, put_completions
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.pooling import pool_folds
from tasks.evaluation.report import html, markdown

ROWS = 12


def fold_outcome(name: str, fold: int | None, right: list[bool], seconds: float) -> Outcome:
    first = (fold or 0) * ROWS
    ids = [f"row-{first + n}" for n in range(len(right))]
    hits = np.array(right, dtype=float)
    columns = {
        "generated": [f"x_{n}" if hit else "" for n, hit in enumerate(right)],
        "stopped": [True] * len(right),
        "tokens": [3] * len(right),
        **dict.fromkeys(("normalised_match", "exact_match", "edit_similarity"), hits),
        "parses": np.ones(len(right)),
        "stops": np.ones(len(right)),
        "nats": 2.0 - hits,
        "tokens_of_loss": np.full(len(right), 2.0),
        "right_tokens": hits,
        "whole_nats": 3.0 - hits,
        "whole_tokens": np.full(len(right), 9.0),
    }
    expected = [f"x_{n}" for n in range(len(right))]
    table = put_completions(ids, ["say x"] * len(right), expected, columns, "rows")
    figures = {f"test/{n}": v for n, v in completion_metrics(table.read()).items()}
    return Outcome(
        name=name,
        kind="arm" if name == "full" else "baseline",
        strategy="full" if name == "full" else None,
        seed=42 if name == "full" else None,
        metrics=figures | {"val/loss": 1.0 - hits.mean(), "cost/train_seconds": seconds},
        validation=table,
        test=table,
        fold=fold,
    )


def folds(name: str, *shares: float) -> list[Outcome]:
    return [
        fold_outcome(name, fold, [n < share * ROWS for n in range(ROWS)], 10.0 * fold)
        for fold, share in enumerate(shares)
    ]


def test_folds_are_pooled_by_row_and_their_spread_is_kept() -> None:
    (pooled,) = pool_folds(folds("full", 0.25, 0.5, 1.0))
    assert pooled.test.rows == 3 * ROWS
    assert pooled.metrics["test/normalised_match"] == pytest.approx(1.75 / 3)
    assert pooled.metrics["test/normalised_match_fold_mean"] == pytest.approx(1.75 / 3)
    deviation = float(np.std([0.25, 0.5, 1.0], ddof=1))
    assert pooled.metrics["test/normalised_match_fold_std"] == pytest.approx(deviation)
    assert pooled.metrics["cost/train_seconds"] == 10.0
    assert (pooled.fold, pooled.folder, pooled.run_id) == (None, None, "")


def test_an_outcome_without_folds_stays_as_it_is() -> None:
    alone = fold_outcome("full", None, [True, False], 1.0)
    assert pool_folds([alone]) == [alone]


def test_a_row_that_two_folds_test_is_an_error() -> None:
    twice = [fold_outcome("full", 0, [True], 1.0).model_copy(update={"fold": f}) for f in (0, 1)]
    with pytest.raises(ThawError, match="row-0 is in two folds"):
        pool_folds(twice)


def test_the_comparison_shows_pooled_figures_and_the_spread() -> None:
    config: CaseConfig = load_case(
        "latex", "sample", ["evaluation.bootstrap=200", "training.select_by=val/loss"]
    )
    outcomes = pool_folds([*folds("full", 0.5, 1.0), *folds("untouched, zero-shot", 0.0, 0.0)])
    found = compare(outcomes, config, [])
    full = found.entry("full")
    assert full.metrics["normalised_match"].mean == pytest.approx(0.75)
    assert full.folds["normalised_match"].deviation == pytest.approx(0.5 / 2**0.5)
    assert found.difference("full", "untouched, zero-shot").real
    assert found.test_rows == 2 * ROWS
    assert found.metrics[0] == "normalised_match"
    text = markdown(found)
    assert "Over the folds" in text
    assert "0.750 (± 0.354)" in text
    page = html(found, {}, None, "title", {})
    assert "Over the folds" in page
    assert "0 classes" not in page
    assert type(found).model_validate_json(found.model_dump_json()) == found
