"""Training that has run away is told by the loss of the weights that were kept."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tasks.config import TrainingConfig
from tasks.config.strategies import strategy
from tasks.errors import ThawError
from tasks.evaluation.metrics import multi_label_metrics
from tasks.evaluation.outcomes import CurvePoint, put_predictions
from tasks.training.run import Course, refuse_runaway
from tasks.training.trainer import training_arguments


def course(*epochs: dict[str, float]) -> Course:
    points = tuple(
        CurvePoint(epoch=n, step=n, metrics=metrics) for n, metrics in enumerate(epochs, 1)
    )
    return Course(seconds=1, examples=1, costs={}, curve=points)


def arm(**training: Any) -> Any:
    config = TrainingConfig(select_by="val/f1", **training)
    return SimpleNamespace(title="full seed=42", strategy=strategy("full"), training=config)


def test_a_loss_that_no_guess_would_have_is_refused_with_the_rate() -> None:
    with pytest.raises(
        ThawError, match=r"run away: .* 7e\+21, .* 0.693.*learning_rate \(now 10000"
    ):
        refuse_runaway(
            arm(learning_rate=1e4), course({"val/loss": 7e21, "val/f1": 0.5}), math.log(2)
        )


def test_a_late_epoch_that_ran_away_does_no_harm_where_the_best_is_kept() -> None:
    epochs = {"val/loss": 0.4, "val/f1": 0.9}, {"val/loss": 900.0, "val/f1": 0.3}
    refuse_runaway(arm(), course(*epochs), math.log(2))
    with pytest.raises(ThawError, match="900"):
        refuse_runaway(arm(keep="last"), course(*epochs), math.log(2))


def test_an_overconfident_model_and_one_without_a_loss_pass() -> None:
    refuse_runaway(arm(), course({"val/loss": 4.0, "val/f1": 0.8}), math.log(2))
    refuse_runaway(arm(), course({"val/reward": 4.0}), math.log(2))


def test_a_warmup_of_1_lasts_for_all_updates(tmp_path: Path) -> None:
    for share, steps in ((1.0, 200), (0.1, 20), (0.0, 0)):
        arguments = training_arguments(TrainingConfig(warmup=share), tmp_path, 1, 100)
        assert arguments.get_warmup_steps(200) == steps


def test_an_answer_that_is_no_number_is_no_prediction() -> None:
    truth = np.eye(3, dtype=np.int8)
    chances = np.full((3, 3), 1 / 3)
    chances[1, 2] = np.nan
    with pytest.raises(ThawError, match=r"full on test: 1 of 3 rows"):
        put_predictions(["a", "b", "c"], truth, chances, "full on test")


def test_a_table_of_one_label_is_measured() -> None:
    truth = np.array([[1], [1], [0], [0]])
    figures = multi_label_metrics(truth, np.array([[0.9], [0.2], [0.8], [0.1]]), [0.5])
    assert figures["f1_micro"] == figures["f1_macro"] == pytest.approx(0.5)
    assert figures["f1_samples"] == pytest.approx(1 / 4)
    assert figures["subset_accuracy"] == figures["hamming_loss"] == pytest.approx(0.5)
    assert figures["roc_auc_macro"] == pytest.approx(0.75)
    assert figures["f1_micro_tuned"] == pytest.approx(0.5)
