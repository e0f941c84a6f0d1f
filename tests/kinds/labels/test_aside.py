"""Figures without labels that say nothing, held against scikit-learn on the same predictions."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.evaluation.outcomes import Outcome, put_predictions
from tasks.kinds.labels.aside import FIGURES, aside_sheet

LABELS = ("Comedy", "Drama", "Unknown")


def outcome(truth: np.ndarray, found: np.ndarray) -> Outcome:
    table = put_predictions([f"r{n}" for n in range(len(truth))], truth, found, "test")
    return Outcome(
        name="full",
        kind="arm",
        seed=1,
        key="k",
        run_id="r",
        metrics={},
        validation=table,
        test=table,
    )


def test_the_same_predictions_count_with_and_without_a_label_that_says_nothing() -> None:
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 2, (60, 3))
    truth[:20] = [0, 0, 1]  # rows that have no other label
    found = chance.random((60, 3)).astype(np.float32)
    config = load_case("genre", "book")
    sheet = aside_sheet([outcome(truth, found)], LABELS, config)
    assert sheet is not None
    whole, without = sheet.rows
    assert whole[0].remark == "all 3 labels, 60 rows"
    at = 1 + FIGURES.index("f1_micro")
    assert whole[at].main == f"{f1_score(truth, found >= 0.5, average='micro'):.3f}"
    rows = truth[:, :2].any(1)
    assert without[0].remark == f"without Unknown, {rows.sum()} rows"
    left = f1_score(truth[rows][:, :2], found[rows][:, :2] >= 0.5, average="micro")
    assert without[at].main == f"{left:.3f}"


def test_where_all_labels_speak_there_is_no_such_table() -> None:
    assert aside_sheet([], ("Comedy", "Drama"), load_case("genre", "book")) is None
    with pytest.raises(RequestError, match="any number of labels a row"):
        load_case("spam", "book", ["evaluation.set_aside=[ham]"])
