"""The figures of training rows beside those of validation, and the curves that they make."""

import numpy as np
import pytest
from sklearn.metrics import f1_score
from tiny import SIZES, MakeSpec

from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.kinds.labels.training import LabelLearner
from tasks.models.base_models import locate
from tasks.models.classifier import to_probabilities
from tasks.training.building import collator_for, encode_part, load_trained
from tasks.training.on_trainer import seen_rows
from tasks.training.predicting import predict_logits
from tasks.training.run import train_arm


def curve(outcome: Outcome, metric: str) -> list[float]:
    return [point.metrics[metric] for point in outcome.curve if metric in point.metrics]


def test_training_rows_are_measured_as_validation_is(make_spec: MakeSpec) -> None:
    spec = make_spec(training={"keep": "last"})
    outcome = train_arm(spec, "run", LabelLearner, lambda metrics, step: None)
    assert len(curve(outcome, "train/f1_micro")) == len(curve(outcome, "val/f1_micro")) == 3
    assert curve(outcome, "train/examples") == [SIZES["train"] * epoch for epoch in (1, 2, 3)]

    # The last point is the saved model's own, on the rows of the sample, by scikit-learn.
    located, (_, model) = locate(spec.model.base), load_trained(spec.folder)
    rows = seen_rows(SIZES["train"], SIZES["validation"], spec.seed)
    assert len(rows) == len(set(rows)) == SIZES["validation"]
    part = encode_part(spec, "train", located).take(rows)
    logits = predict_logits(model, part, collator_for(spec, located), 64)
    answers = to_probabilities(logits, spec.task) >= 0.5
    wanted = f1_score(part.truth, answers, average="micro", zero_division=0)
    assert curve(outcome, "train/f1_micro")[-1] == pytest.approx(wanted, abs=1e-6)


def test_measuring_training_rows_changes_no_arm_and_can_be_left_out(make_spec: MakeSpec) -> None:
    found = [
        train_arm(
            make_spec(training={"training_figures": figures}, model={"dropout": 0.2}),
            "run",
            LabelLearner,
            lambda metrics, step: None,
        )
        for figures in (True, False)
    ]
    assert curve(found[1], "train/f1_micro") == []
    assert curve(found[1], "train/examples") == curve(found[0], "train/examples")
    first, second = (read_predictions(each.test).probabilities for each in found)
    assert np.array_equal(first, second)


def test_epochs_are_measured_as_often_as_asked_and_nothing_else_changes(
    make_spec: MakeSpec,
) -> None:
    """Six updates an epoch: after the third, too."""
    seen: list[Outcome] = []
    for times in (1, 2):
        spec = make_spec(training={"evaluations_per_epoch": times}, model={"dropout": 0.2})
        logged: list[tuple[int, list[str]]] = []
        log = logged.append
        seen.append(
            train_arm(spec, "run", LabelLearner, lambda m, step, log=log: log((step, [*m])))
        )
        every = [(step, name) for step, names in logged for name in names]
        assert len(every) == len(set(every))
    often = [point for point in seen[1].curve if "val/f1_micro" in point.metrics]
    assert [point.epoch for point in often] == [0.5, 1, 1.5, 2, 2.5, 3]
    assert curve(seen[1], "train/examples") == [24, 48, 72, 96, 120, 144]
    assert curve(seen[1], "val/f1_micro")[1::2] == curve(seen[0], "val/f1_micro")
    assert curve(seen[1], "train/f1_micro")[1::2] == curve(seen[0], "train/f1_micro")
    first, second = (read_predictions(each.test).probabilities for each in seen)
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("train", "validation", "size"),
    [(50, 80, 50), (900, 150, 150), (900, 400, 200), (70_000, 20_000, 10_000)],
)
def test_a_bounded_sample_of_the_training_rows(train: int, validation: int, size: int) -> None:
    rows = seen_rows(train, validation, 3)
    assert len(rows) == size
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, seen_rows(train, validation, 3))
