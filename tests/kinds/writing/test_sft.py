"""Training through TRL: packed against single rows, its loss against Thaw's, kills, seeds."""

from pathlib import Path
from typing import Any

import pytest
import torch
from completion_arms import MakeArm, arm_maker, figures, train
from often import mostly

from tasks.config import TrainingConfig
from tasks.config.strategies import strategy
from tasks.evaluation.completions import read_completions
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.writing.completion_trainer import CompletionTrainer
from tasks.kinds.writing.sft import CompletionSFTTrainer, build_sft_trainer, pack, pack_length
from tasks.language.pairs import PairCollator, encode_pairs
from tasks.language.tail import WholeLanguageModel
from tasks.training.keeping import finished_outcome
from tasks.training.trainer import training_arguments

ANIMALS = ("cat", "dog", "cow")
PROMPTS = [f"Question: what does {animal} {n} say\nResponse:" for n in range(4) for animal in "ab"]
ANSWERS = [" it says " + "moo " * (1 + n % 3) for n in range(len(PROMPTS))]


@pytest.fixture
def make_arm(tiny_writer: Path) -> MakeArm:
    """Arms that train through TRL; `training=` and `language=` take fields to change."""
    rows = [(f"{a}{n}", f"say {a} {n}", [f"{a} {a}"]) for n in range(10) for a in ANIMALS]
    return arm_maker(
        tiny_writer, "sft", rows, 18, "full", source_name="Q", target_name="A", trainer="trl"
    )


def texts(outcome: Outcome) -> list[str]:
    return list(read_completions(outcome.test).frame["generated"])


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("family", ["gpt2", "llama", "llama-tied"])
def test_packed_examples_do_not_see_each_other(
    family: str, attention: str, decoder, tmp_path: Path
) -> None:
    model, tokenizer = decoder(family)
    model.set_attn_implementation(attention)
    rows = encode_pairs(PROMPTS, ANSWERS, tokenizer, 90).rows
    with torch.no_grad():
        batch = PairCollator(int(tokenizer.pad_token_id))(list(rows))
        wanted = float(WholeLanguageModel(model)(**batch)["loss"])
    config = TrainingConfig(precision="fp32", batch_size=4, packing=True)
    arguments = training_arguments(config, tmp_path, 0, len(rows))
    trainer = build_sft_trainer(
        model, tokenizer, arguments, config, strategy("full"), [], rows, rows
    )
    packed = pack(rows, pack_length(rows, 8))
    assert len(packed) < len(rows)
    assert sum(map(len, packed["seq_lengths"])) == len(rows)
    assert sum(map(len, packed["input_ids"])) == sum(rows["length"])
    model.eval()
    with torch.no_grad():
        inputs = trainer.data_collator(list(packed))
        assert "attention_mask" not in inputs
        assert float(trainer.compute_loss(model, inputs)) == pytest.approx(wanted, rel=1e-4)
        # Another first example changes nothing in those behind it.
        inputs = trainer.data_collator([packed[0]])
        start = packed[0]["seq_lengths"][0]
        before = model(**_forward(inputs)).logits[0, start:]
        inputs["input_ids"][0, :start] = inputs["input_ids"][0, 0]
        assert torch.allclose(model(**_forward(inputs)).logits[0, start:], before, atol=1e-5)
        # With a mask, transformers looks for no borders: what would happen if TRL gave one.
        mask = torch.ones_like(inputs["input_ids"])
        seen = model(**_forward(inputs), attention_mask=mask).logits[0, start:]
        assert not torch.allclose(seen, before, atol=1e-2)


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_loss_is_trls_own(precision: str, packing: bool, decoder, tmp_path: Path) -> None:
    model, tokenizer = decoder("llama")
    rows = encode_pairs(PROMPTS, ANSWERS, tokenizer, 90).rows
    config = TrainingConfig(precision=precision, batch_size=4, packing=packing)
    arguments = training_arguments(config, tmp_path, 0, len(rows))
    trainer = build_sft_trainer(
        model, tokenizer, arguments, config, strategy("full"), [], rows, rows
    )
    found = []
    for compute in (trainer.compute_loss, super(CompletionSFTTrainer, trainer).compute_loss):
        model.zero_grad()
        batch = trainer.data_collator([trainer.train_dataset[place] for place in (0, 1)])
        with trainer.accelerator.autocast():
            loss = compute(model, batch, num_items_in_batch=20)
        loss.backward()
        found.append((loss.item(), float(model.get_input_embeddings().weight.grad.norm())))
    assert found[0] == pytest.approx(found[1], rel=1e-4 if precision == "fp32" else 2e-2)


def test_bf16_is_what_the_loss_is_computed_in(decoder, tmp_path: Path) -> None:
    model, tokenizer = decoder("llama")
    rows = encode_pairs(PROMPTS, ANSWERS, tokenizer, 90).rows
    kinds = []
    model.get_output_embeddings().register_forward_hook(lambda *given: kinds.append(given[2].dtype))
    for precision in ("fp32", "bf16"):
        config = TrainingConfig(precision=precision)
        arguments = training_arguments(config, tmp_path, 0, len(rows))
        trainer = build_sft_trainer(
            model, tokenizer, arguments, config, strategy("full"), [], rows, rows
        )
        trainer.compute_loss(model, trainer.data_collator([rows[0], rows[1]]))
    assert kinds == [torch.float32, torch.bfloat16]


def _forward(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: inputs[name] for name in ("input_ids", "position_ids")}


def test_trl_and_thaw_train_alike(make_arm: MakeArm) -> None:
    through_trl = train(make_arm())
    thaws = train(make_arm(language={"trainer": "thaw"}))
    assert figures(through_trl) == pytest.approx(figures(thaws), rel=1e-2)
    assert through_trl.metrics["val/loss"] < 2


def test_a_frozen_part_is_stored_and_trained_on_as_elsewhere(make_arm: MakeArm) -> None:
    stored = train(make_arm(strategy="freeze_2", training={"trunk": "on"}))
    whole = train(make_arm(strategy="freeze_2", training={"trunk": "off"}))
    assert stored.trunk.startswith("on: ")
    assert whole.trunk == "training.trunk=off"
    assert figures(stored) == pytest.approx(figures(whole), rel=1e-2)


@pytest.mark.parametrize("name", mostly(["full"], ["last_1", "lora_4"]))
def test_packing_learns_the_same_in_as_many_updates(make_arm: MakeArm, name: str) -> None:
    single, packed = (
        train(make_arm(strategy=name, training={"packing": on, "trunk": "off", "epochs": 6}))
        for on in (False, True)
    )
    steps = [outcome.curve[-1].step for outcome in (single, packed)]
    assert abs(steps[0] - steps[1]) <= 0.25 * steps[0]
    assert packed.metrics["val/loss"] == pytest.approx(single.metrics["val/loss"], abs=0.35)


def test_two_runs_with_one_seed_write_the_same(make_arm: MakeArm) -> None:
    first, again = train(make_arm()), train(make_arm(), force=True)
    assert texts(first) == texts(again)
    assert figures(first) == figures(again)


@pytest.mark.parametrize("changes", [{}, {"training": {"packing": True}}, {"strategy": "lora_4"}])
def test_a_killed_arm_goes_on_to_the_same_result(
    make_arm: MakeArm, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    spec = make_arm(**changes)
    wanted = figures(train(spec))
    epochs: list[float] = []
    evaluate = CompletionTrainer.evaluate

    def killed(self: CompletionTrainer, *args: Any, **kwargs: Any) -> dict[str, float]:
        assert isinstance(self, CompletionSFTTrainer)
        epochs.append(self.state.epoch or 0)
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return evaluate(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(CompletionTrainer, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            train(spec, force=True)
    assert finished_outcome(spec) is None
    (last,) = sorted(spec.folder.glob("checkpoint-*"))[-1:]
    assert not (last / "tokenizer.json").exists()
    assert not (last / "README.md").exists()
    resumed = train(spec)
    assert figures(resumed) == wanted
    assert len([p for p in resumed.curve if "val/loss" in p.metrics]) == 3


def test_a_checkpoint_holds_what_trains(make_arm: MakeArm, monkeypatch) -> None:
    sizes: list[int] = []
    evaluate = CompletionTrainer.evaluate

    def looked_at(self: CompletionTrainer, *args: Any, **kwargs: Any) -> dict[str, float]:
        folder = Path(str(self.args.output_dir))
        sizes.extend(path.stat().st_size for path in folder.glob("*/model.safetensors"))
        return evaluate(self, *args, **kwargs)

    monkeypatch.setattr(CompletionTrainer, "evaluate", looked_at)
    train(make_arm(strategy="last_1", training={"trunk": "off"}))
    few, count = max(sizes), len(sizes)
    train(make_arm(strategy="full"))
    assert few < max(sizes[count:]) / 2


def test_as_many_test_prompts_are_answered_as_the_case_says(make_arm: MakeArm) -> None:
    outcome = train(make_arm(language={"answers": 4}))
    frame = read_completions(outcome.test).frame
    assert frame["generated"].notna().sum() == 4
    assert (frame["tokens_of_loss"] > 0).all()
    said = frame.dropna(subset="generated")
    assert outcome.metrics["test/stops"] == said["stopped"].astype(float).mean()
    assert {"test/distinct_1", "test/distinct_2", "test/repetition_4", "test/words"} <= set(
        outcome.metrics
    )
    other = train(make_arm(language={"answers": 4}, seed=2))
    again = read_completions(other.test).frame.dropna(subset="generated")
    assert again["id"].tolist() == said["id"].tolist()
