"""Applying a strategy to a model: which parameters train, and how many they are."""

from dataclasses import dataclass

from tasks.config.strategies import Strategy
from tasks.errors import RequestError
from tasks.models.adapting import is_head
from tasks.models.anatomy import (
    OnBackbone,
    count_blocks,
    frozen_parameters,
    unused_parameters,
)


@dataclass(frozen=True)
class Freezing:
    """What a strategy left trainable.

    `frozen_blocks` is None where training changes what every block gives: nothing is frozen, or
    the whole base model is and a soft prompt or an adapter acts on it.
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

    A soft prompt and adapters, which `building.build_model` has put in place, train with the head.

    Raises:
        RequestError: the strategy names more blocks than there are, or the family's blocks cannot
            be frozen one by one, or the base model does not have what trains.
    """
    reached = False
    for name, parameter in model.named_parameters():
        below = not is_head(name)
        parameter.requires_grad_(not below or strategy.trains(name))
        reached = reached or (below and parameter.requires_grad)
    if strategy.needs and not reached:
        raise RequestError(
            f"Strategy {strategy} trains a base model's {strategy.needs}, and one of the family "
            f"{model.backbone.config.model_type!r} has none: use lora_<r> or last_<n>."
        )
    frozen_blocks = strategy.frozen_blocks(count_blocks(model.backbone))
    if strategy.divides and frozen_blocks is not None:
        for parameter in frozen_parameters(model.backbone, frozen_blocks):
            parameter.requires_grad_(False)
    for parameter in unused_parameters(model.backbone):
        parameter.requires_grad_(False)
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return Freezing(
        frozen_blocks=frozen_blocks,
        trainable=sum(size for size, trains in counts if trains),
        total=sum(size for size, _ in counts),
    )
