"""The solved head against scikit-learn, on the same vectors."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from tiny import MakeSpec

from tasks.config.base import Task
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.evaluation.outcomes import read_predictions
from tasks.evaluation.scoring import Scoring
from tasks.kinds.labels.training import LabelLearner
from tasks.models.classifier import Head, HeadConfig
from tasks.training import solving
from tasks.training.run import ArmRun, train_arm
from tasks.training.solving import solve, vectors_of


def theirs(vectors: np.ndarray, truth: np.ndarray, task: Task, strength: float) -> list:
    """scikit-learn's regressions: one a label, or one over the classes."""
    model = LogisticRegression(C=strength, max_iter=2000, tol=1e-6)
    if task == "single_label":
        return [model.fit(vectors, truth.argmax(1))]
    return [
        LogisticRegression(C=strength, max_iter=2000, tol=1e-6).fit(vectors, column)
        for column in truth.T
    ]


@pytest.mark.parametrize("task", ["multi_label", "single_label"])
@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_it_comes_to_scikit_learns_weights(
    task: Task, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(200, 12)).astype(np.float32)
    scores = vectors @ generator.normal(size=(12, 3)) + generator.normal(size=(200, 3))
    truth = (scores > 0).astype(np.int8)
    labels = torch.tensor(truth, dtype=torch.float32)
    if task == "single_label":
        truth = np.eye(3, dtype=np.int8)[scores.argmax(1)]
        labels = torch.tensor(truth.argmax(1))
    monkeypatch.setattr(solving, "STRENGTHS", (strength,))
    head = Head(12, HeadConfig(task=task, labels=3, pooling="mean"))
    head[-1].weight.data += 5.0  # what it was before says nothing
    assert solve(head, torch.tensor(vectors), labels, lambda: 0.0).strength == strength
    expected = np.concatenate([each.coef_ for each in theirs(vectors, truth, task, strength)])
    if task == "single_label":  # only differences between classes are determined
        found = head[-1].weight.detach().numpy()
        np.testing.assert_allclose(found - found.mean(0), expected - expected.mean(0), atol=2e-3)
    else:
        np.testing.assert_allclose(head[-1].weight.detach().numpy(), expected, atol=2e-3)


def test_validation_chooses_the_strength() -> None:
    head = Head(4, HeadConfig(task="single_label", labels=2, pooling="mean"))
    vectors, labels = torch.randn(40, 4), torch.arange(40) % 2
    scores = iter([0.1, float("nan"), 0.7, 0.7, 0.2])
    assert solve(head, vectors, labels, lambda: next(scores)).strength == solving.STRENGTHS[2]


@pytest.mark.parametrize("trunk", ["on", "off"])
def test_the_head_arm_is_no_worse_than_scikit_learn_on_its_vectors(
    trunk: str, make_spec: MakeSpec
) -> None:
    spec = make_spec(
        strategy="head",
        training={"solve_head": True, "trunk": trunk, "select_by": "val/f1_macro"},
    )
    arm = ArmRun(spec, LabelLearner)
    arm.train(lambda metrics, step: None)
    learner = arm.learner
    assert isinstance(learner, LabelLearner)
    trainee = learner.trainee
    vectors = {
        name: vectors_of(trainee.module, part, trainee.collate, 64).numpy()
        for name, part in trainee.parts.items()
    }
    outcome = arm.evaluate("run")
    assert "solved to its optimum" in outcome.note
    truth = {name: learner.encoded[name].truth for name in vectors}

    def figure(strength: float, part: str) -> float:
        models = theirs(vectors["train"], truth["train"], "multi_label", strength)
        found = np.stack([each.predict_proba(vectors[part])[:, 1] for each in models], 1)
        return float(compute(Scoring("multi_label"), truth[part], found)["f1_macro"])

    best = max(solving.STRENGTHS, key=lambda strength: figure(strength, "validation"))
    assert outcome.metrics["test/f1_macro"] >= figure(best, "test") - 0.002
    assert outcome.metrics["cost/examples_per_second"] > 0
    assert outcome.curve == ()  # no step was taken
    table = read_predictions(outcome.validation)
    assert outcome.thresholds == tune_thresholds(table.truth, table.probabilities)


def test_a_head_is_solved_on_float32_vectors_whatever_computes_beside_it(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.training.device.has_fast_bf16", lambda: True)
    found = [
        train_arm(
            make_spec(strategy="head", training={"solve_head": True, "precision": precision}),
            "run",
            LabelLearner,
            lambda metrics, step: None,
            depths=(1, "pooled"),
        )
        for precision in ("fp32", "bf16")
    ]
    alone, beside = (read_predictions(each.test).probabilities for each in found)
    np.testing.assert_array_equal(alone, beside)


@pytest.mark.parametrize("strategy", ["freeze_2", "lora_2"])
def test_another_arm_starts_from_the_solved_head(strategy: str, make_spec: MakeSpec) -> None:
    """With no rate to move by it stays there: what it answers is what the head alone does."""
    still = {"learning_rate": 1e-12, "lora_learning_rate": 1e-12, "weight_decay": 0.0, "epochs": 1}
    model = {"dropout": 0.0, "backbone_dropout": 0.0}
    outcomes = [
        train_arm(
            make_spec(strategy=named, training=still | {field: True}, model=model),
            "run",
            LabelLearner,
            lambda metrics, step: None,
        )
        for named, field in (("head", "solve_head"), (strategy, "start_from_head"))
    ]
    head, started = (read_predictions(each.test).probabilities for each in outcomes)
    np.testing.assert_allclose(started, head, atol=1e-4)
    assert "started from the optimum of a head alone" in outcomes[1].note
    assert outcomes[1].metrics["cost/train_seconds"] > 0
