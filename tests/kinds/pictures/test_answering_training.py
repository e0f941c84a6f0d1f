"""One arm from its specification to its outcome: learned, compared, resumed, kept."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kinds.pictures.answering_parts import MakeVqaSpec
from often import mostly
from safetensors.torch import load_file

from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import read_scored, scored_metrics
from tasks.kinds.pictures.baselines import as_baseline, blind_spec, most_frequent_outcome
from tasks.kinds.pictures.building import build_answerer, load_trained_answerer
from tasks.kinds.pictures.evaluating import answer_part
from tasks.kinds.pictures.inputs import prepare_inputs
from tasks.kinds.pictures.questions import read_questions
from tasks.kinds.pictures.scores import IMAGE_ONLY, MOST_FREQUENT, QUESTION_ONLY
from tasks.kinds.pictures.training import AnswerLearner
from tasks.training.arms import ArmSpec
from tasks.training.keeping import last_complete_checkpoint
from tasks.training.run import train_arm

Logged = list[tuple[int, dict[str, float]]]
DROPOUT = ("vqa.dropout.text=0.1", "vqa.dropout.image=0.2", "vqa.dropout.fused=0.2")
PRODUCT = ("vqa.fusion=product", *DROPOUT)


def train(spec: ArmSpec, logged: Logged | None = None) -> Outcome:
    log = [] if logged is None else logged
    return train_arm(
        spec, "run-1", AnswerLearner, lambda metrics, step: log.append((step, metrics))
    )


def curve(outcome: Outcome, metric: str = "val/loss") -> list[float]:
    return [point.metrics[metric] for point in outcome.curve if metric in point.metrics]


def test_an_arm_leaves_answers_figures_and_costs(make_vqa_spec: MakeVqaSpec) -> None:
    spec = make_vqa_spec()
    logged: Logged = []
    outcome = train(spec, logged)
    losses = curve(outcome)
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert {"train/loss", "val/loss"} <= {name for _, metrics in logged for name in metrics}
    figures = outcome.metrics
    wanted = {"vqa_accuracy", "exact_match", "yes_no", "number", "other", "stops", "loss"}
    assert {f"test/{name}" for name in wanted} <= figures.keys()
    assert figures["val/loss"] == pytest.approx(min(losses), abs=1e-5)
    assert 0 <= figures["test/ece"] <= 1
    assert {"test/ece_uncalibrated", "cost/images_per_second", "cost/trunk_megabytes"} <= {*figures}
    assert figures["cost/trainable_share"] < 1
    scored = read_scored(outcome.test)
    assert scored.ids == spec.test.read()["id"].tolist()
    frame = scored.frame
    assert {"question", "image", "given", "answer_type", "confidence"} <= {*frame}
    assert (frame["group"] == frame["image"]).all()
    assert frame["confidence_product"].between(0, 1).all()
    assert scored_metrics(scored)["loss"] == pytest.approx(figures["test/loss"])
    assert not [*spec.folder.glob("checkpoint-*")]


def test_a_finished_arm_is_not_trained_again(make_vqa_spec: MakeVqaSpec) -> None:
    spec = make_vqa_spec("training.epochs=1")
    outcome = train(spec)
    logged: Logged = []
    assert train(spec, logged) == outcome
    assert logged == []


@pytest.mark.parametrize("changes", [(), PRODUCT], ids=["sequence", "product"])
def test_frozen_encoders_that_run_once_give_the_same_curve(
    make_vqa_spec: MakeVqaSpec, changes: tuple[str, ...]
) -> None:
    frozen = ("strategies=[encoders]", *changes)
    kept = train(make_vqa_spec(*frozen))
    anew = train(make_vqa_spec(*frozen, "training.trunk=off"))
    assert kept.trunk.startswith("on: questions")
    assert anew.trunk == "training.trunk=off"
    assert kept.key != anew.key
    assert curve(kept) == pytest.approx(curve(anew), abs=1e-3)
    assert curve(kept, "train/loss") == pytest.approx(curve(anew, "train/loss"), abs=1e-3)


@pytest.mark.parametrize(
    "changes", mostly([PRODUCT], [("vqa.batches=images",), ("vqa.batches=questions",)])
)
def test_an_interrupted_arm_ends_as_if_nothing_had_happened(
    make_vqa_spec: MakeVqaSpec, changes: tuple[str, ...]
) -> None:
    spec = make_vqa_spec(*changes)
    wanted = train(spec)
    shutil.rmtree(spec.folder)
    epochs = 0

    def die(metrics: dict[str, float], step: int) -> None:
        nonlocal epochs
        if epochs == 2:
            raise KeyboardInterrupt
        epochs += "val/loss" in metrics

    with pytest.raises(KeyboardInterrupt):
        train_arm(spec, "run-1", AnswerLearner, die)
    assert last_complete_checkpoint(spec.folder) is not None
    again = train(spec)
    assert curve(again) == curve(wanted)
    assert again.test.digest == wanted.test.digest


@pytest.mark.parametrize("changes", [(), PRODUCT], ids=["sequence", "product"])
def test_what_was_trained_comes_back_from_its_folder(
    make_vqa_spec: MakeVqaSpec, changes: tuple[str, ...]
) -> None:
    spec = make_vqa_spec("training.epochs=1", *changes)
    outcome = train(spec)
    kept = load_file(spec.folder / "trained.safetensors")
    assert not [name for name in kept if name.startswith("text_encoder.")]
    found, model, processor = load_trained_answerer(spec.folder)
    assert found.key == spec.key
    assert model.fitted <= kept.keys()
    asked = read_questions(spec)
    inputs = prepare_inputs(spec, model, processor, asked, ("text_encoder",))
    answers = answer_part(model, processor, inputs, asked.parts["test"], 7)
    assert [each.text for each in answers] == read_scored(outcome.test).frame["given"].tolist()


@pytest.mark.parametrize(("name", "seen"), [(QUESTION_ONLY, "questions"), (IMAGE_ONLY, "pictures")])
def test_the_blind_see_nothing(make_vqa_spec: MakeVqaSpec, name: str, seen: str) -> None:
    """One question gets one answer whatever the picture shows, and the reverse."""
    spec = make_vqa_spec("training.epochs=1")
    blind = blind_spec(spec, name)
    assert blind.key != spec.key
    outcome = as_baseline(train(blind), name)
    assert (outcome.name, outcome.kind, outcome.strategy) == (name, "baseline", None)
    _, model, processor = load_trained_answerer(blind.folder)
    asked = read_questions(blind)
    inputs = prepare_inputs(blind, model, processor, asked, ("text_encoder",))
    part = asked.parts["test"]
    same = replace(part, **{seen: np.zeros_like(part.questions)})
    answers = answer_part(model, processor, inputs, same, 8)
    assert len(answers) > 20
    assert len({answer.text for answer in answers}) == 1
    chances = [answer.log_probabilities[0] for answer in answers]
    assert chances == pytest.approx([chances[0]] * len(chances), abs=1e-5)


def test_the_most_frequent_answer_of_each_type_is_a_baseline(make_vqa_spec: MakeVqaSpec) -> None:
    spec = make_vqa_spec()
    outcome = most_frequent_outcome(spec, "run-1")
    assert outcome.name == MOST_FREQUENT
    frame = read_scored(outcome.test).frame
    assert (frame.groupby("question_type")["given"].nunique() == 1).all()
    assert 0 < outcome.metrics["test/vqa_accuracy"] < 1
    assert "test/loss" not in outcome.metrics


def test_new_parts_learn_faster_than_what_is_to_be_kept(
    make_vqa_spec: MakeVqaSpec, tiny_gpt2: Path
) -> None:
    spec = make_vqa_spec(
        "strategies=[nothing]",
        f"model.base={tiny_gpt2}",
        "training.learning_rate=1.0e-9",
        "training.head_learning_rate=1.0e-2",
        "training.weight_decay=0.0",
        "training.epochs=1",
    )
    before, _ = build_answerer(spec)
    train(spec)
    _, after, _ = load_trained_answerer(spec.folder)
    moved = {
        name: float((value - dict(after.named_parameters())[name]).detach().abs().max())
        for name, value in before.named_parameters()
    }
    for name, by in moved.items():
        new = any(part in name for part in ("projection", "_norm", "image_encoder", "cross"))
        assert (by > 1e-6) == new, (name, by)
    assert torch.is_grad_enabled()


def test_an_arm_ends_with_its_best_epoch(make_vqa_spec: MakeVqaSpec) -> None:
    """Where it is not the last: with a rate that destroys what was learned."""
    outcome = train(make_vqa_spec("training.learning_rate=1.0e-1", "training.schedule=constant"))
    losses = curve(outcome)
    assert losses[-1] > min(losses)
    assert outcome.metrics["val/loss"] == pytest.approx(min(losses), rel=1e-4)


def test_answers_choose_the_epoch_where_that_is_asked(make_vqa_spec: MakeVqaSpec) -> None:
    outcome = train(make_vqa_spec("training.select_by=val/vqa_accuracy"))
    accuracies = curve(outcome, "val/vqa_accuracy")
    assert len(accuracies) == 3
    assert outcome.metrics["val/vqa_accuracy"] == pytest.approx(max(accuracies))
