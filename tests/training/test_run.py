"""One arm from its specification to its outcome, trained for real on tiny data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import LABELS, SIZES, MakeSpec

from tasks.errors import RequestError, ThawError
from tasks.evaluation.metrics import compute
from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.evaluation.scoring import Scoring
from tasks.kinds.labels.training import LabelLearner, untrained_outcome
from tasks.models.base_models import locate
from tasks.models.classifier import TextClassifier, to_probabilities
from tasks.training.arms import ArmSpec
from tasks.training.building import (
    DIGEST,
    TRAINED,
    collator_for,
    encode_part,
    load_trained,
    positive_weights,
)
from tasks.training.keeping import finished_outcome
from tasks.training.predicting import predict_logits
from tasks.training.run import train_arm

Logged = list[tuple[int, dict[str, float]]]


def train(spec: ArmSpec, logged: Logged | None = None, force: bool = False) -> Outcome:
    """Train without a tracking run; what would go there goes into `logged`."""
    log = [] if logged is None else logged
    return train_arm(
        spec, "run-1", LabelLearner, lambda metrics, step: log.append((step, metrics)), force=force
    )


def test_an_arm_leaves_figures_predictions_curve_and_weights(make_spec: MakeSpec) -> None:
    spec = make_spec()
    logged: Logged = []
    outcome = train(spec, logged)
    assert (outcome.name, outcome.kind, outcome.seed) == ("freeze_2", "arm", 1)
    assert (outcome.run_id, outcome.key, outcome.folder) == ("run-1", spec.key, str(spec.folder))
    for name, short in (("validation", "val"), ("test", "test")):
        predictions = read_predictions(getattr(outcome, name))
        stored = getattr(spec, name).read()
        assert predictions.ids == stored["id"].tolist()
        figures = compute(
            Scoring("multi_label"),
            predictions.truth,
            predictions.probabilities,
            outcome.thresholds,
        )
        for metric, value in figures.items():
            assert outcome.metrics[f"{short}/{metric}"] == pytest.approx(value, abs=1e-6)
    costs = {name for name in outcome.metrics if name.startswith("cost/")}
    assert {"cost/train_seconds", "cost/peak_memory_mb", "cost/trainable_parameters"} <= costs
    assert all(np.isfinite(value) for value in outcome.metrics.values())
    assert outcome.metrics["cost/epochs"] == 3
    rate = outcome.metrics["cost/examples_per_second"] * outcome.metrics["cost/train_seconds"]
    assert rate == pytest.approx(3 * SIZES["train"])
    # What was logged while it trained is the curve that the outcome keeps.
    assert [(p.step, p.metrics) for p in outcome.curve] == logged
    assert [p.epoch for p in outcome.curve if "val/loss" in p.metrics] == [1, 2, 3]
    assert outcome.curve[-1].step == 3 * SIZES["train"] // 8
    kept = {path.name for path in spec.folder.iterdir()}
    assert kept == {"outcome.json", "arm.json", TRAINED, DIGEST}


def test_training_learns_something(make_spec: MakeSpec) -> None:
    spec = make_spec(
        strategy="full",
        training={"epochs": 12, "learning_rate": 5e-3},
        model={"dropout": 0.0, "backbone_dropout": 0.0},
    )
    losses = [p.metrics["train/loss"] for p in train(spec).curve if "train/loss" in p.metrics]
    assert losses[-1] < 0.6 * losses[0]


def test_the_same_arm_gives_the_same_figures(make_spec: MakeSpec) -> None:
    spec = make_spec(training={"epochs": 1})
    first = train(spec)
    torch.rand(5)  # whatever was drawn in between
    second = train(spec, force=True)
    assert figures(first) == figures(second)
    other = train(make_spec(training={"epochs": 1}, seed=2))
    assert figures(other) != figures(first)


def figures(outcome: Outcome) -> dict[str, float]:
    """What must be equal for equal arms: everything but the cost in time and memory."""
    return {
        name: value
        for name, value in outcome.metrics.items()
        if not name.startswith("cost/") or name.endswith(("parameters", "epochs", "texts"))
    }


def test_a_finished_arm_is_reused_and_not_trained_again(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(training={"epochs": 1})
    first = train(spec)
    monkeypatch.setattr(
        "tasks.kinds.labels.training.build_model", lambda *_: pytest.fail("trained again")
    )
    logged: Logged = []
    assert train(spec, logged) == first
    assert logged == []
    assert finished_outcome(spec) == first


def test_an_arm_of_another_grid_is_reused_under_its_name_in_this_one(make_spec: MakeSpec) -> None:
    spec = make_spec(training={"epochs": 1})
    first = train(spec)
    point = {"training.epochs": 1}
    same = spec.model_copy(update={"point": point})
    logged: Logged = []
    found = train(same, logged)
    assert logged == []
    assert (found.name, found.point) == (f"{spec.strategy} epochs=1", point)
    assert found.metrics == first.metrics


def test_force_trains_again(make_spec: MakeSpec) -> None:
    spec = make_spec(training={"epochs": 1})
    train(spec)
    logged: Logged = []
    train(spec, logged, force=True)
    assert logged


@pytest.mark.parametrize("lost", ["outcome.json", TRAINED, "predictions", "half an outcome"])
def test_an_arm_that_lost_something_is_not_taken_for_finished(
    make_spec: MakeSpec, lost: str
) -> None:
    spec = make_spec(strategy="head", training={"epochs": 1})
    outcome = train(spec)
    if lost == "predictions":
        outcome.test.path.unlink()
    elif lost == "half an outcome":
        text = (spec.folder / "outcome.json").read_text()
        (spec.folder / "outcome.json").write_text(text[: len(text) // 2])
    else:
        (spec.folder / lost).unlink()
    assert finished_outcome(spec) is None
    again = train(spec)
    assert figures(again) == figures(outcome)
    assert finished_outcome(spec) == again


def test_strategies_differ_in_what_trains_and_only_that_is_stored(make_spec: MakeSpec) -> None:
    trainable = {}
    for name in ("full", "freeze_3", "head"):
        spec = make_spec(strategy=name, training={"epochs": 1})
        outcome = train(spec)
        stored = load_file(spec.folder / TRAINED)
        trainable[name] = outcome.metrics["cost/trainable_parameters"]
        assert sum(weight.numel() for weight in stored.values()) == trainable[name]
        if name == "head":
            assert set(stored) == {"head.1.weight", "head.1.bias"}
    assert trainable["full"] > trainable["freeze_3"] > trainable["head"] == 32 * 3 + 3


@pytest.mark.parametrize("name", ["full", "freeze_3", "head"])
def test_a_trained_arm_comes_back_with_the_same_predictions(make_spec: MakeSpec, name: str) -> None:
    spec = make_spec(strategy=name)
    outcome = train(spec)
    back, model = load_trained(spec.folder)
    assert back == spec
    assert not model.training
    located = locate(spec.model.base)
    part = encode_part(back, "test", located)
    logits = predict_logits(model, part, collator_for(back, located), 64)
    np.testing.assert_allclose(
        to_probabilities(logits, spec.task), read_predictions(outcome.test).probabilities, atol=1e-6
    )


def test_the_best_epoch_is_kept_and_not_the_last(make_spec: MakeSpec) -> None:
    # A rate at which the tiny model overfits: validation is best before the end.
    spec = make_spec(strategy="full", training={"epochs": 10, "learning_rate": 1e-2})
    outcome = train(spec)
    losses = [p.metrics["val/loss"] for p in outcome.curve if "val/loss" in p.metrics]
    assert min(losses) < losses[-1] - 0.01
    assert outcome.metrics["val/loss"] == pytest.approx(min(losses), abs=1e-4)


def test_the_last_epoch_is_kept_where_that_is_asked(make_spec: MakeSpec) -> None:
    training = {"epochs": 10, "learning_rate": 1e-2, "keep": "last"}
    outcome = train(make_spec(strategy="full", training=training))
    losses = [p.metrics["val/loss"] for p in outcome.curve if "val/loss" in p.metrics]
    assert min(losses) < losses[-1] - 0.01
    assert outcome.metrics["val/loss"] == pytest.approx(losses[-1], abs=1e-4)


def test_class_weights_are_the_root_of_negatives_over_positives(make_spec: MakeSpec) -> None:
    truth = np.array(
        [[1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]
    )  # none of the last counts as one
    assert positive_weights(make_spec(), truth) is None
    weights = positive_weights(make_spec(training={"class_weights": True}), truth)
    np.testing.assert_allclose(weights, [2, 0.5, 2], rtol=1e-6)
    assert train(make_spec(training={"class_weights": True, "epochs": 1})).metrics["val/loss"] > 0


def test_the_untrained_model_is_what_training_starts_from(make_spec: MakeSpec) -> None:
    spec = make_spec()
    baseline = untrained_outcome(spec, "run-2")
    assert (baseline.kind, baseline.folder, baseline.strategy) == ("baseline", None, None)
    assert not any(name.startswith("cost/") for name in baseline.metrics)
    assert baseline.metrics["val/loss"] == pytest.approx(np.log(2), abs=0.1)
    assert not spec.folder.exists()


def test_the_untrained_head_reads_what_an_arm_has_stored(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = untrained_outcome(make_spec(), "run-1")
    train(make_spec(strategy="head", training={"epochs": 1}))
    runs: list[str] = []
    forward = TextClassifier.forward

    def noted(self: TextClassifier, **fields: Any) -> Any:
        runs.append("whole")
        return forward(self, **fields)

    monkeypatch.setattr(TextClassifier, "forward", noted)
    found = untrained_outcome(make_spec(strategy="full"), "run-2")
    assert not runs
    assert found.metrics == pytest.approx(whole.metrics, abs=1e-5)
    assert untrained_outcome(make_spec(training={"trunk": "off"}), "run-3").metrics.keys()
    assert runs


@pytest.mark.parametrize("rate", [1e4, 1e30])
def test_a_loss_that_is_no_number_any_more_is_a_sentence(make_spec: MakeSpec, rate: float) -> None:
    spec = make_spec(
        strategy="full",
        training={"learning_rate": rate, "max_grad_norm": 0, "warmup": 0.0, "epochs": 4},
    )
    with pytest.raises(ThawError, match=r"full seed=1 .*lower training\.learning_rate \(now"):
        train(spec)
    assert not (spec.folder / "outcome.json").exists()


def test_a_strategy_that_the_model_cannot_take_trains_nothing(make_spec: MakeSpec) -> None:
    spec = make_spec(strategy="freeze_9")
    with pytest.raises(RequestError, match="freeze_9 names 9 blocks, and the base model has 4"):
        train(spec)
    assert not spec.folder.exists()


def test_labels_of_the_arm_are_the_columns_of_its_predictions(make_spec: MakeSpec) -> None:
    outcome = train(make_spec(strategy="head", training={"epochs": 1}))
    assert read_predictions(outcome.test).truth.shape == (SIZES["test"], len(LABELS))
    assert len(outcome.thresholds) == len(LABELS)
    assert Path(str(outcome.folder)).is_dir()
