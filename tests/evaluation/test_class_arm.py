"""A two-class arm and its baselines, trained for real on a tiny model and compared."""

from collections.abc import Callable

import pandas as pd
import pytest

from tasks.config import CaseConfig
from tasks.evaluation.comparison import compare
from tasks.evaluation.outcomes import read_predictions
from tasks.evaluation.report import markdown
from tasks.kinds.labels.references import MAJORITY, TFIDF, as_outcome, fit
from tasks.kinds.labels.training import LabelLearner
from tasks.storage import TableRef, put_table
from tasks.training.arms import ArmSpec
from tasks.training.run import train_arm

LABELS = ("ham", "spam")


def messages(rows: int, part: str) -> TableRef:
    """Every fourth message is spam and says so."""
    frame = pd.DataFrame(
        {
            "id": [f"{part}{row}" for row in range(rows)],
            "text": [
                f"{'win a free prize' if row % 4 == 0 else 'see you at dinner'} {part} {row}"
                for row in range(rows)
            ],
            "labels": [["spam" if row % 4 == 0 else "ham"] for row in range(rows)],
        }
    )
    return put_table(frame, part)


def test_an_arm_of_two_classes_is_selected_and_compared_by_its_positive_class(
    make_spec: Callable[..., ArmSpec], spam_config: CaseConfig
) -> None:
    spec = make_spec(
        task="single_label",
        labels=LABELS,
        positive=1,
        training={"select_by": "val/f1", "epochs": 2},
        train=messages(48, "train"),
        validation=messages(16, "validation"),
        test=messages(24, "test"),
    )
    arm = train_arm(spec, "run", LabelLearner, log=lambda metrics, step: None)
    assert arm.thresholds == ()
    assert any("val/f1" in point.metrics for point in arm.curve)
    baselines = [
        as_outcome(name, fit(name, spam_config, spec), spec, "run") for name in (MAJORITY, TFIDF)
    ]
    majority, tfidf = baselines
    assert majority.metrics["test/accuracy"] == 18 / 24
    assert majority.metrics["test/balanced_accuracy"] == 0.5
    assert tfidf.metrics["test/f1"] == 1
    comparison = compare([arm, *baselines], spam_config, LABELS)
    for outcome in (arm, *baselines):
        assert read_predictions(outcome.test).probabilities.sum(1) == pytest.approx(1, abs=1e-6)
        shown = comparison.entry(outcome.name).metrics["f1"]
        assert shown.mean == pytest.approx(outcome.metrics["test/f1"], abs=1e-6)
    assert "F1 of spam" in markdown(comparison)
