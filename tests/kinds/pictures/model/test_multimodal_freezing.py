"""Freezing by part: what trains moves, and nothing else does."""

from collections.abc import Callable

import pytest
import torch
from kinds.pictures.model.joined_parts import Joined

from tasks.config.strategies import FROZEN_PARTS
from tasks.errors import RequestError
from tasks.kinds.pictures.model.freezing import freeze_parts, is_cross_attention

Join = Callable[..., Joined]
# Which groups of parameters train under each strategy.
TRAINS = {
    "nothing": {"text_encoder", "image_encoder", "decoder", "cross", "projections"},
    "text_encoder": {"image_encoder", "decoder", "cross", "projections"},
    "image_encoder": {"text_encoder", "decoder", "cross", "projections"},
    "encoders": {"decoder", "cross", "projections"},
    "decoder": {"text_encoder", "image_encoder", "cross", "projections"},
    "all": {"cross", "projections"},
}


def group(name: str) -> str:
    if ".crossattention." in name or ".ln_cross_attn." in name:
        return "cross"
    part = name.split(".")[0]
    return "projections" if part.endswith(("_projection", "_norm")) else part


@pytest.mark.parametrize("strategy", FROZEN_PARTS)
def test_what_trains_moves_and_nothing_else(join: Join, strategy: str) -> None:
    joined = join()
    model = joined.model
    freezing = freeze_parts(model, strategy)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    labels = joined.processor.read_answers(["red", "no", "two"])
    model(**joined.batch, labels=labels).loss.backward()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    torch.optim.SGD(trained, lr=0.5).step()
    for name, value in model.named_parameters():
        if group(name) not in TRAINS[strategy]:
            assert value.grad is None, name
            assert torch.equal(value, before[name]), name
    moved = {group(n) for n, v in model.named_parameters() if not torch.equal(v, before[n])}
    assert moved == TRAINS[strategy]
    assert freezing.trainable == sum(parameter.numel() for parameter in trained)
    assert freezing.total == sum(parameter.numel() for parameter in model.parameters())
    assert 0 < freezing.share <= 1


def test_every_trainable_parameter_gets_a_gradient(join: Join) -> None:
    joined = join()
    freeze_parts(joined.model, "nothing")
    labels = joined.processor.read_answers(["red", "no", "two"])
    joined.model(**joined.batch, labels=labels).loss.backward()
    without = [
        name
        for name, value in joined.model.named_parameters()
        if value.grad is None or not value.grad.abs().any()
    ]
    assert without == []


def test_the_norm_before_cross_attention_trains_with_it() -> None:
    assert is_cross_attention("decoder.transformer.h.0.ln_cross_attn.weight")
    assert is_cross_attention("decoder.transformer.h.0.crossattention.q_attn.weight")
    assert is_cross_attention("model.decoder.layers.0.encoder_attn_layer_norm.weight")
    assert not is_cross_attention("decoder.transformer.h.0.ln_1.weight")


def test_a_frozen_encoder_has_no_dropout_and_a_trained_one_has(join: Join) -> None:
    model = join().model
    freeze_parts(model, "image_encoder")
    model.train()
    assert model.text_encoder.training
    assert model.decoder.training
    assert not any(module.training for module in model.image_encoder.modules())
    freeze_parts(model, "nothing")
    assert model.image_encoder.training
    freeze_parts(model.eval(), "encoders")
    assert not model.decoder.training


def test_one_strategy_after_another_leaves_no_trace(join: Join) -> None:
    model = join().model
    first = freeze_parts(model, "decoder")
    freeze_parts(model, "all")
    assert freeze_parts(model, "decoder") == first
    assert freeze_parts(model, "nothing").share == 1


def test_an_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(RequestError, match=r"did you mean encoders\?"):
        freeze_parts(torch.nn.Linear(1, 1), "encoder")  # type: ignore[arg-type]
