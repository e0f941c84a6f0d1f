"""Applying a strategy to a model: which parameters train, and how many they are."""

from dataclasses import dataclass

from torch import nn

from tasks.config.strategies import Strategy
from tasks.models.adapting import kind_of
from tasks.models.anatomy import OnBackbone, blocks_in, blocks_of, frozen_modules


@dataclass(frozen=True)
class Freezing:
    """What a strategy left trainable.

    `frozen_blocks` is None where training changes what every block gives: nothing is frozen, or
    the whole base model is and a soft prompt or LoRA acts on it.
    """

    frozen_blocks: int | None
    trainable: int
    total: int

    @property
    def share(self) -> float:
        """Trainable share of all parameters."""
        return self.trainable / self.total


def freeze(model: OnBackbone, strategy: Strategy) -> Freezing:
    """Switch off gradients below the strategy's first trainable part.

    A soft prompt and LoRA, which `building.build_model` has put in place, train with the head.

    Raises:
        RequestError: the strategy names more blocks than there are, or blocks of a family that
            Thaw does not know.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    frozen_blocks: int | None = None
    if strategy.name == "head":
        _switch_off(model.backbone)
        frozen_blocks = count_blocks(model.backbone)
    elif strategy.trunk_obstacle:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(kind_of(name) != "base")
    elif strategy.name != "full":
        frozen_blocks = strategy.frozen_blocks(len(blocks_of(model.backbone)))
        for module in frozen_modules(model.backbone, frozen_blocks or 0):
            _switch_off(module)
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return Freezing(
        frozen_blocks=frozen_blocks,
        trainable=sum(size for size, trains in counts if trains),
        total=sum(size for size, _ in counts),
    )


def count_blocks(backbone: nn.Module) -> int:
    """Number of transformer blocks, by the configuration every family has."""
    return blocks_in(backbone.config)


def _switch_off(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.requires_grad_(False)
