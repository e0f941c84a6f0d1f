"""A writing arm: with and without a trunk, resumed, diverging, asked before and after."""

from pathlib import Path
from typing import Any

import pytest
from completion_arms import MakeArm, arm_maker, figures, train

from tasks.errors import RequestError, ThawError
from tasks.evaluation.completions import read_completions
from tasks.kinds.writing.building import load_trained_writer
from tasks.kinds.writing.training import CompletionTrainer
from tasks.kinds.writing.untouched import untouched_outcome, worked_examples
from tasks.language.generating import Decoding, generate
from tasks.training.keeping import finished_outcome

GREEK = ("alpha", "beta", "gamma")


@pytest.fixture
def make_arm(tiny_writer: Path) -> MakeArm:
    """Arms on the tiny Llama; `training=` and `language=` take fields to change."""
    rows = [(f"{g}{n}", f"{g} plus {n}", [f"\\{g}"]) for n in range(8) for g in GREEK]
    return arm_maker(tiny_writer, "latex", rows, 15, "freeze_2", source_name="E", target_name="L")


def test_the_trunk_changes_nothing_but_the_cost(make_arm: MakeArm) -> None:
    with_trunk = train(make_arm(training={"trunk": "on"}))
    without = train(make_arm(training={"trunk": "off"}))
    assert with_trunk.trunk.startswith("on: hidden states of block 2")
    assert without.trunk == "training.trunk=off"
    assert figures(with_trunk) == pytest.approx(figures(without), rel=1e-3)
    texts = [read_completions(o.test).frame["generated"].tolist() for o in (with_trunk, without)]
    assert texts[0] == texts[1]


def test_another_prompt_does_not_read_the_stored_states(make_arm: MakeArm) -> None:
    first = train(make_arm())
    other = train(make_arm(language={"source_name": "English"}))
    plain = train(make_arm(language={"source_name": "English"}, training={"trunk": "off"}))
    assert figures(other) != figures(first)
    assert figures(other) == pytest.approx(figures(plain), rel=1e-3)


@pytest.mark.parametrize("name", ["full", "last_1", "lora_4"])
def test_what_is_left_on_disk_writes_what_was_tested(make_arm: MakeArm, name: str) -> None:
    spec = make_arm(strategy=name)
    outcome = train(spec)
    _, model, tokenizer = load_trained_writer(spec.folder)
    frame = read_completions(outcome.test).frame
    prompts = [f"E: {prompt}\nL:" for prompt in frame["prompt"]]
    answers = generate(model, tokenizer, prompts, Decoding(max_new_tokens=10))
    assert [answer.text for answer in answers] == frame["generated"].tolist()
    assert not list(spec.folder.glob("checkpoint-*"))
    assert not any(".lora_" in parameter for parameter, _ in model.named_parameters())


def test_validation_chooses_the_epoch_by_the_completions_loss(make_arm: MakeArm) -> None:
    outcome = train(make_arm(training={"epochs": 6, "learning_rate": 3e-2}))
    curve = [p.metrics["val/loss"] for p in outcome.curve if "val/loss" in p.metrics]
    assert len(curve) == 6
    assert outcome.metrics["val/loss"] == pytest.approx(min(curve), rel=1e-4)
    assert "generated" not in outcome.validation.columns
    assert outcome.metrics["val/whole_text_loss"] > outcome.metrics["val/loss"]


def test_the_whole_text_can_be_learnt_and_is_measured_under_its_own_name(
    make_arm: MakeArm,
) -> None:
    completion, whole = train(make_arm()), train(make_arm(language={"loss": "whole_text"}))
    name = "test/whole_text_loss"
    assert whole.metrics[name] < completion.metrics[name]


def test_a_killed_arm_goes_on_to_the_same_result(
    make_arm: MakeArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_arm()
    wanted = figures(train(spec))
    epochs = []
    evaluate = CompletionTrainer.evaluate

    def killed(self: CompletionTrainer, *args: Any, **kwargs: Any) -> dict[str, float]:
        epochs.append(self.state.epoch)
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return evaluate(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(CompletionTrainer, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            train(spec, force=True)
    assert finished_outcome(spec) is None
    assert list(spec.folder.glob("checkpoint-*"))
    resumed = train(spec)
    assert figures(resumed) == wanted
    assert len([p for p in resumed.curve if "val/loss" in p.metrics]) == 3
    assert train(spec) == resumed  # finished: reused


def test_a_diverging_arm_is_a_sentence(make_arm: MakeArm) -> None:
    with pytest.raises(ThawError, match=r"lower training\.learning_rate"):
        train(make_arm(strategy="full", training={"learning_rate": 1e30, "max_grad_norm": 0}))


def test_an_arm_that_never_stops_is_bounded_and_counted(make_arm: MakeArm) -> None:
    outcome = train(make_arm(language={"max_new_tokens": 3}))
    frame = read_completions(outcome.test).frame
    assert frame["tokens"].tolist() == [3] * len(frame)
    assert outcome.metrics["test/stops"] == 0


def test_the_untouched_model_is_shown_training_pairs_alone(make_arm: MakeArm) -> None:
    spec = make_arm()
    shown = worked_examples(spec.train, 3, spec.seed)
    assert shown == worked_examples(spec.train, 3, spec.seed)
    trained = spec.train.read()
    assert set(shown) <= {(r.text, r.labels[0]) for r in trained.itertuples()}
    with pytest.raises(RequestError, match="lower it"):
        worked_examples(spec.train, 16, spec.seed)


def test_the_untouched_model_answers_once_for_every_test_row(make_arm: MakeArm) -> None:
    spec = make_arm()
    zero, few = (untouched_outcome([spec], shots, "run") for shots in (0, 2))
    assert (zero.name, few.name) == ("untouched, zero-shot", "untouched, 2-shot")
    for outcome in (zero, few):
        assert outcome.kind == "baseline"
        assert outcome.test.read()["id"].tolist() == spec.test.read()["id"].tolist()
    assert "test/whole_text_loss" in zero.metrics
    assert "test/whole_text_loss" not in few.metrics
    two = [spec.model_copy(update={"fold": 0}), spec.model_copy(update={"fold": 1})]
    two[1] = two[1].model_copy(update={"test": spec.validation, "validation": spec.test})
    pooled = untouched_outcome(two, 0, "run")
    assert pooled.test.rows == spec.test.rows + spec.validation.rows
    assert pooled.run_id == "run"
