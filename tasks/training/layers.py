"""A base model's parameters by the layer that they belong to: rates by depth, gradual unfreezing.

Layers are counted from the bottom: 0 is what lies below the blocks (embeddings), 1 the first
block, and so on; what lies above the last block (a final norm) belongs to it. The parameters are
those objects that train, so that a model cut at its frozen trunk needs nothing else.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tasks.config.strategies import Strategy
from tasks.models.anatomy import divided


@dataclass(frozen=True)
class Layers:
    """Where a base model's parameters lie.

    Attributes:
        of: parameter -> its layer.
        blocks: how many blocks there are: the number of the topmost layer.
        above: the parameters above the last block.
    """

    of: dict[nn.Parameter, int]
    blocks: int
    above: frozenset[nn.Parameter]


def layers_of(backbone: nn.Module) -> Layers:
    """The layers of a base model, adapters that stand in it included.

    Raises:
        RequestError: its blocks cannot be told apart.
    """
    anatomy = divided(backbone)
    of, above = dict[nn.Parameter, int](), set[nn.Parameter]()
    for name, parameter in backbone.named_parameters():
        if name.startswith(f"{anatomy.blocks}."):
            of[parameter] = 1 + int(name.removeprefix(f"{anatomy.blocks}.").partition(".")[0])
        elif name in anatomy.above:
            of[parameter] = anatomy.count
            above.add(parameter)
        else:
            of[parameter] = 0
    return Layers(of, anatomy.count, frozenset(above))


def decay_by_layer(optimizer: torch.optim.Optimizer, layers: Layers, decay: float) -> None:
    """Let each layer learn at `decay` times the rate of the one above it, in place.

    The topmost block keeps its rate, and so does what is no part of the base model (the head).
    Discriminative fine-tuning: Howard and Ruder 2018 (ULMFiT), 3.1.
    """
    groups = []
    for group in optimizer.param_groups:
        by_layer: dict[int, list[nn.Parameter]] = {}
        for parameter in group["params"]:
            by_layer.setdefault(layers.of.get(parameter, layers.blocks), []).append(parameter)
        for layer, parameters in by_layer.items():
            rate = group["lr"] * decay ** (layers.blocks - layer)
            groups.append({**group, "params": parameters, "lr": rate})
    optimizer.param_groups[:] = groups


class Thawing(TrainerCallback):
    """Before each epoch, lets those blocks train that a strategy thaws in it, and no other."""

    def __init__(self, strategy: Strategy, layers: Layers) -> None:
        self._strategy, self._layers = strategy, layers
        self._trains = {each: layer for each, layer in layers.of.items() if each.requires_grad}

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Choose by the epochs behind; a resumed arm goes on where it was."""
        layers = self._layers
        thawed = self._strategy.thawed(round(state.epoch or 0), layers.blocks) or 0
        lowest = layers.blocks - thawed + 1 if thawed < layers.blocks else 0
        for parameter, layer in self._trains.items():
            parameter.requires_grad_(layer >= lowest or parameter in layers.above)
