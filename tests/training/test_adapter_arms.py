"""Arms that train a soft prompt or LoRA: what moves, what is kept, and that they come back."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from often import each_once
from safetensors.torch import load_file, save_file
from test_resume import interrupt, undisturbed
from test_run import Logged, figures, train
from tiny import FAMILIES, LABELS, WIDTH, MakeSpec

from tasks.config.strategies import strategy as strategy_named
from tasks.errors import RequestError, ThawError
from tasks.evaluation.outcomes import read_predictions
from tasks.kinds.labels.training import LabelLearner, untrained_outcome
from tasks.kinds.texts import check_unexamined
from tasks.models.adapting import is_head
from tasks.models.base_models import locate
from tasks.models.classifier import TextClassifier, to_probabilities
from tasks.training.arms import ArmSpec
from tasks.training.building import (
    DIGEST,
    TRAINED,
    build_model,
    collator_for,
    encode_part,
    load_trained,
    text_length,
)
from tasks.training.freezing import freeze
from tasks.training.keeping import last_complete_checkpoint
from tasks.training.predicting import predict_logits
from tasks.training.run import train_arm
from tasks.training.trainer import optimizer, training_arguments

ADAPTERS = ("prompt_4", "lora_2", "dora_2", "ia3", "bitfit")
HEAD = {"head.1.weight", "head.1.bias"}
INTERRUPTED = [
    ("prompt_4", "bert"),
    ("lora_2", "llama"),
    *(pytest.param(each, "bert", marks=pytest.mark.slow) for each in ADAPTERS[1:]),
]


@pytest.fixture
def spec_of(make_spec: MakeSpec, tiny: Callable[[str], Path]) -> Callable[..., ArmSpec]:
    """An arm on the tiny model of a family."""

    def make(family: str, strategy: str, **changes: Any) -> ArmSpec:
        model = {"base": str(tiny(family)), **changes.pop("model", {})}
        return make_spec(strategy=strategy, model=model, **changes)

    return make


def some_steps(spec: ArmSpec, steps: int = 3) -> tuple[TextClassifier, dict[str, torch.Tensor]]:
    """The arm's model after a few updates, and its parameters before them."""
    located = locate(spec.model.base)
    model = build_model(spec, located)
    freeze(model, spec.strategy)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    arguments = training_arguments(spec.training, spec.folder, spec.seed, 8)
    updates = optimizer(model, spec.training, arguments, spec.strategy)
    rows = encode_part(spec, "train", located).rows
    batch = collator_for(spec, located)([rows[row] for row in range(8)])
    torch.manual_seed(0)
    for _ in range(steps):
        model(**batch)["loss"].backward()
        updates.step()
        updates.zero_grad(set_to_none=False)  # so that every gradient is there to be looked at
    return model, before


def skip_without_biases(family: str, strategy: str) -> None:
    """Leave out what is refused."""
    if (family, strategy) == ("llama", "bitfit"):
        pytest.skip("models of this family have no biases")


@pytest.mark.parametrize(("family", "strategy"), each_once(FAMILIES, ADAPTERS))
def test_training_moves_the_adapter_and_the_head_and_nothing_else(
    family: str, strategy: str, spec_of: Callable[..., ArmSpec]
) -> None:
    skip_without_biases(family, strategy)
    spec = spec_of(family, strategy)
    model, before = some_steps(spec)
    for name, parameter in model.named_parameters():
        moves = is_head(name) or spec.strategy.trains(name)
        assert parameter.requires_grad == moves, name
        assert (parameter.grad is not None) == moves, name
        assert torch.equal(parameter, before[name]) != moves, name
    if model.prompt is not None:  # every virtual token was reached
        assert (model.prompt.weight != before["prompt.weight"]).any(1).all()


@pytest.mark.parametrize(("family", "strategy"), each_once(FAMILIES, ADAPTERS))
def test_equal_seeds_give_equal_arms(
    family: str, strategy: str, spec_of: Callable[..., ArmSpec]
) -> None:
    skip_without_biases(family, strategy)
    trained = []
    for seed in (1, 1, 2):
        torch.rand(len(trained) + 1)  # whatever was drawn in between
        model, _ = some_steps(spec_of(family, strategy, seed=seed))
        trained.append({n: p for n, p in model.named_parameters() if p.requires_grad})
    first, same, other = trained
    for name, value in first.items():
        assert torch.equal(value, same[name]), name
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


@pytest.mark.parametrize(("strategy", "family"), INTERRUPTED)
def test_an_arm_is_interrupted_resumed_and_comes_back(
    family: str, strategy: str, spec_of: Callable[..., ArmSpec]
) -> None:
    skip_without_biases(family, strategy)
    spec = spec_of(family, strategy)
    wanted, _ = undisturbed(spec)
    interrupt(spec, after=2)
    checkpoint = last_complete_checkpoint(spec.folder)
    assert checkpoint is not None
    written = load_file(checkpoint / "model.safetensors")
    lean = {name for name in written if not is_head(name)}
    assert lean
    assert all(spec.strategy.trains(name) for name in lean)
    outcome = train(spec)
    assert figures(outcome) == wanted
    stored = load_file(spec.folder / TRAINED)
    assert stored.keys() == written.keys() >= HEAD
    assert sum(v.numel() for v in stored.values()) == wanted["cost/trainable_parameters"]
    assert outcome.metrics["cost/saved_bytes"] == (spec.folder / TRAINED).stat().st_size

    back, model = load_trained(spec.folder)
    assert back == spec
    beside = {name.partition(".")[0] for name, _ in model.named_parameters()}
    assert beside == {"backbone", "head", *(["prompt"] if strategy == "prompt_4" else [])}
    assert not any("lora" in name for name, _ in model.named_parameters())
    part = encode_part(back, "test", located := locate(spec.model.base))
    logits = predict_logits(model, part, collator_for(back, located), 64)
    known = read_predictions(outcome.test).probabilities
    np.testing.assert_allclose(to_probabilities(logits, spec.task), known, atol=1e-5)


@pytest.mark.parametrize("strategy", ADAPTERS)
def test_an_adapter_learns_by_itself(make_spec: MakeSpec, strategy: str) -> None:
    spec = make_spec(strategy=strategy, model={"dropout": 0.0, "backbone_dropout": 0.0})
    located = locate(spec.model.base)
    model = build_model(spec, located)
    with torch.no_grad():
        model.head[-1].weight.mul_(20)  # a head that reads something, and stays as it is
    freeze(model, spec.strategy)
    model.head.requires_grad_(False)
    updates = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-2)
    rows = encode_part(spec, "train", located).rows
    batch = collator_for(spec, located)([rows[row] for row in range(24)])
    losses = []
    for _ in range(30):
        losses.append(loss := model(**batch)["loss"])
        updates.zero_grad()
        loss.backward()
        updates.step()
    # Whoever reads the tiny model behind its norms sees little of a prompt.
    assert losses[-1] < losses[0] - (0.5 if strategy in ("lora_2", "dora_2") else 0.01)


def test_what_is_saved_for_a_prompt_is_the_prompt_and_the_head(make_spec: MakeSpec) -> None:
    sizes = {}
    for name in ("prompt_4", "head", "lora_2", "full"):
        spec = make_spec(strategy=name, training={"epochs": 1})
        sizes[name] = train(spec).metrics["cost/saved_bytes"]
    stored = load_file(make_spec(strategy="prompt_4", training={"epochs": 1}).folder / TRAINED)
    assert {n: tuple(v.shape) for n, v in stored.items()} == {
        "prompt.weight": (4, WIDTH),
        "head.1.weight": (len(LABELS), WIDTH),
        "head.1.bias": (len(LABELS),),
    }
    numbers = 4 * (4 * WIDTH + len(LABELS) * (WIDTH + 1))
    assert numbers < sizes["prompt_4"] < numbers + 400
    assert sizes["head"] < sizes["prompt_4"] < sizes["lora_2"] < sizes["full"]


def test_the_chapters_prompt_is_61_kilobytes() -> None:
    assert 20 * 768 * 4 == 61_440


@pytest.mark.parametrize("strategy", ADAPTERS)
def test_the_run_says_why_there_is_no_trunk(make_spec: MakeSpec, strategy: str) -> None:
    reason = {
        "prompt_4": "a soft prompt changes the input of every block",
        "lora_2": "LoRA changes every block",
        "dora_2": "DoRA changes every block",
        "ia3": "(IA)3 changes every block",
        "bitfit": "BitFit trains biases in every block",
    }[strategy]
    outcome = train(make_spec(strategy=strategy, training={"epochs": 1}))
    assert outcome.trunk == reason
    assert "cost/trunk_seconds" not in outcome.metrics
    spec = make_spec(strategy=strategy, training={"trunk": "on"})
    with pytest.raises(
        RequestError, match=re.escape(f"training.trunk=on, but for {strategy} seed=1 {reason}")
    ):
        train(spec)
    assert not (spec.folder / "outcome.json").exists()


def test_a_text_that_does_not_fit_behind_the_prompt_is_cut_and_counted(
    make_spec: MakeSpec,
) -> None:
    fields: dict[str, Any] = {"model": {"max_length": 40}, "rows": {"text": "a " * 50}}
    spec = make_spec(strategy="prompt_170", **fields)
    located = locate(spec.model.base)
    assert text_length(spec, located) == 192 - 170
    part = encode_part(spec, "test", located)
    assert set(part.rows["length"]) == {22}
    assert part.truncated == len(part.ids)
    assert train(spec).metrics["cost/truncated_texts"] == 48
    assert text_length(make_spec(strategy="prompt_20", **fields), located) == 40
    longer = make_spec(strategy="full", model={"max_length": 1000})
    assert text_length(longer, located) == 192  # the model has no more positions
    padded = make_spec(strategy="prompt_170", training={"padding": "max"}, **fields)
    assert collator_for(padded, located).to_length == 22


def test_a_prompt_without_room_for_a_text_trains_nothing(make_spec: MakeSpec) -> None:
    spec = make_spec(strategy="prompt_185")
    with pytest.raises(RequestError, match="leaves 7 of the base model's 192 positions"):
        train(spec)
    assert not spec.folder.exists()


@pytest.mark.parametrize("strategy", ADAPTERS)
def test_the_untrained_baseline_has_no_adapter(make_spec: MakeSpec, strategy: str) -> None:
    plain = untrained_outcome(make_spec(strategy="full"), "run-1")
    found = untrained_outcome(make_spec(strategy=strategy), "run-1")
    assert found.metrics == plain.metrics


def test_another_arms_weights_are_refused(make_spec: MakeSpec) -> None:
    spec = make_spec(strategy="prompt_4", training={"epochs": 1})
    train(spec)
    stored = load_file(spec.folder / TRAINED)
    save_file(stored | {"backbone.strange": torch.zeros(1)}, spec.folder / TRAINED)
    (spec.folder / DIGEST).unlink()  # as an earlier release left it
    with pytest.raises(ThawError, match=r"holds backbone\.strange, which prompt_4 seed=1"):
        load_trained(spec.folder)


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        ("prompt_4", "prompt_learning_rate"),
        ("lora_2", "lora_learning_rate"),
        ("dora_2", "lora_learning_rate"),
        ("bitfit", "lora_learning_rate"),
    ],
)
def test_a_rate_that_is_too_high_is_named_by_its_field(
    make_spec: MakeSpec, strategy: str, field: str
) -> None:
    training = {field: 1e30, "max_grad_norm": 0, "warmup": 0.0, "head_learning_rate": 1e30}
    with pytest.raises(ThawError, match=rf"lower training\.{field} \(now 1e\+30\)"):
        train(make_spec(strategy=strategy, training=training))


def test_the_log_of_an_adapter_has_its_curve(make_spec: MakeSpec) -> None:
    logged: Logged = []
    outcome = train_arm(
        make_spec(strategy="lora_2", training={"epochs": 2}),
        "run-1",
        LabelLearner,
        lambda metrics, step: logged.append((step, metrics)),
    )
    assert [(p.step, p.metrics) for p in outcome.curve] == logged


def test_a_model_without_biases_is_told_what_else_would_do(
    spec_of: Callable[..., ArmSpec],
) -> None:
    spec = spec_of("llama", "bitfit")
    with pytest.raises(RequestError, match=r"bitfit .*'llama': it has no biases; use lora_<r>"):
        train(spec)
    assert not (spec.folder / "outcome.json").exists()


@pytest.mark.parametrize("writes", [False, True])
def test_a_shipped_model_without_biases_is_told_before_anything_trains(
    writes: bool, tiny: Callable[[str], Path]
) -> None:
    strategies = tuple(map(strategy_named, ("full", "bitfit", "lora_4", "ia3")))
    shipped = locate(str(tiny("llama"))).model_copy(update={"shipped": True})
    with pytest.raises(RequestError, match=r"bitfit .*'llama': it has no biases; use lora_<r>"):
        check_unexamined(strategies, shipped, writes)
    check_unexamined(strategies, locate(str(tiny("gpt2"))), writes)


def test_bitfit_trains_what_its_authors_count(make_spec: MakeSpec) -> None:
    """Ben Zaken et al. 2022: every bias of the encoder, those of its norms included."""
    model, _ = some_steps(make_spec(strategy="bitfit"), steps=1)
    modules = [m for m in model.backbone.modules() if getattr(m, "bias", None) is not None]
    counted = sum(module.bias.numel() for module in modules)
    head = sum(p.numel() for p in model.head.parameters())
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == counted + head
