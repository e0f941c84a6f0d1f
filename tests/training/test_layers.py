"""Layers that learn at rates of their own, and layers that begin to train later."""

from collections.abc import Callable
from pathlib import Path

import pytest
from test_resume import interrupt, undisturbed
from test_run import figures, train
from tiny import BLOCKS, MakeSpec

from tasks.errors import RequestError
from tasks.models.base_models import locate
from tasks.training.arms import ArmSpec
from tasks.training.building import build_model, load_trained
from tasks.training.freezing import freeze
from tasks.training.layers import decay_by_layer, layers_of
from tasks.training.trainer import optimizer, training_arguments

LAST = {"keep": "last", "learning_rate": 1e-2}


def moved(spec: ArmSpec) -> set[int]:
    """The layers of a trained arm's base model that are others than they were."""
    located = locate(spec.model.base)
    before = dict(build_model(spec, located).backbone.named_parameters())
    _, model = load_trained(spec.folder)
    layers = layers_of(model.backbone)
    return {
        layers.of[parameter]
        for name, parameter in model.backbone.named_parameters()
        if (parameter - before[name]).abs().max() > 1e-9
    }


@pytest.mark.parametrize("family", ["bert", "gpt2"])
@pytest.mark.parametrize("strategy", ["full", "last_2", "lora_2"])
def test_each_layer_learns_at_its_share_of_the_rate_above(
    family: str, strategy: str, make_spec: MakeSpec, tiny: Callable[[str], Path]
) -> None:
    spec = make_spec(strategy=strategy, model={"base": str(tiny(family))})
    model = build_model(spec, locate(spec.model.base))
    freeze(model, spec.strategy)
    arguments = training_arguments(spec.training, spec.folder, 1, 8)
    updates = optimizer(model, spec.training, arguments, spec.strategy)
    before = {id(p): g["lr"] for g in updates.param_groups for p in g["params"]}
    layers = layers_of(model.backbone)
    decay_by_layer(updates, layers, 0.5)
    after = {id(p): g["lr"] for g in updates.param_groups for p in g["params"]}
    assert after.keys() == before.keys()
    seen = set()
    for parameter in model.parameters():
        if parameter.requires_grad:
            below = BLOCKS - layers.of.get(parameter, BLOCKS)
            seen.add(below)
            assert after[id(parameter)] == before[id(parameter)] * 0.5**below
    frozen = {"full": set(), "last_2": {2, 3, 4}, "lora_2": {4}}[strategy]
    assert seen == set(range(BLOCKS + 1)) - frozen


def test_an_arm_trains_its_layers_at_those_rates(make_spec: MakeSpec) -> None:
    spec = make_spec(strategy="full", training={"epochs": 1, "layer_decay": 1e-30, **LAST})
    train(spec)
    assert moved(spec) == {BLOCKS}  # the others' steps are nothing


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_gradual_unfreezing_takes_one_more_step_down_with_every_epoch(
    epochs: int, make_spec: MakeSpec
) -> None:
    spec = make_spec(strategy="unfreeze_2", training={"epochs": epochs, **LAST})
    train(spec)
    top = {1: {BLOCKS}, 2: {BLOCKS, BLOCKS - 1}, 3: set(range(BLOCKS + 1))}
    # BERT has a norm in each block and none above the last: with the head alone, nothing moves.
    assert moved(spec) == (set() if epochs == 1 else top[epochs])


def test_gradual_unfreezing_is_resumed_where_it_was(make_spec: MakeSpec) -> None:
    spec = make_spec(strategy="unfreeze_1")
    wanted, _ = undisturbed(spec)
    interrupt(spec, after=2)
    assert figures(train(spec)) == wanted


def test_the_best_epoch_comes_back_whole_though_less_was_thawed_in_it(make_spec: MakeSpec) -> None:
    """The later epochs ruin the base model, so that the first one is the best."""
    spec = make_spec(
        strategy="unfreeze_4",
        training={
            "learning_rate": 30.0,
            "head_learning_rate": 5e-2,
            "warmup": 0.0,
            "schedule": "constant",
            "epochs": 2,
        },
    )
    outcome = train(spec)
    losses = [p.metrics["val/loss"] for p in outcome.curve if "val/loss" in p.metrics]
    assert losses[0] < losses[1]
    assert outcome.metrics["val/loss"] == pytest.approx(losses[0], abs=1e-4)
    assert moved(spec) == set()


def test_rates_by_layer_need_blocks_that_can_be_told_apart(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    from families import make

    base = str(make("albert", tmp_path / "albert"))
    for changes in (
        {"strategy": "full", "training": {"layer_decay": 0.9}},
        {"strategy": "unfreeze_1"},
    ):
        with pytest.raises(RequestError, match="family 'albert'"):
            train(make_spec(**changes, model={"base": base}))
