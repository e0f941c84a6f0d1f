"""Freezing the joined model by part: the strategies of visual question answering.

| strategy | frozen | trains |
|---|---|---|
| `nothing` | | everything |
| `text_encoder` | the text encoder | the rest |
| `image_encoder` | the image encoder | the rest |
| `encoders` | both | projections, decoder |
| `decoder` | the decoder, but for its cross-attention | projections, cross-attention, encoders |
| `all` | both encoders, and the decoder as above | projections, cross-attention |

Projections train with the norms before them. With cross-attention the layer norms train that
feed it: they are as new. (The chapter froze
them, because "ln_cross_attn" does not contain the word that it looked for.)
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.config.strategies.parts import FROZEN_PARTS, Parts
from tasks.errors import RequestError
from tasks.wording import nearest

if TYPE_CHECKING:
    from tasks.kinds.pictures.model.model import MultimodalModel

# Modules of cross-attention by their names in BERT's and GPT-2's family, then in BART's.
_CROSS_ATTENTION = {"crossattention", "ln_cross_attn", "encoder_attn", "encoder_attn_layer_norm"}


@dataclass(frozen=True)
class PartFreezing:
    """What a strategy left trainable.

    Attributes:
        parts: the frozen parts: of `text_encoder`, `image_encoder`, `decoder`. The states of a
            frozen encoder are the same in every epoch.
        trainable: parameters that train.
        total: all parameters.
    """

    parts: tuple[str, ...]
    trainable: int
    total: int

    @property
    def share(self) -> float:
        """Trainable share of all parameters."""
        return self.trainable / self.total


def freeze_parts(model: "MultimodalModel", strategy: str) -> PartFreezing:
    """Switch gradients off in the parts that the strategy freezes, and on everywhere else.

    Frozen encoders leave training mode: see `MultimodalModel.train`.

    Raises:
        RequestError: no such strategy.
    """
    named = Parts.read(strategy)
    if not isinstance(named, Parts):
        raise RequestError(
            f"{strategy!r} is no strategy of models joined by cross-attention"
            f"{nearest(strategy, FROZEN_PARTS)}: use {', '.join(FROZEN_PARTS)}."
        )
    parts = named.frozen
    for name, parameter in model.named_parameters():
        frozen = name.split(".", 1)[0] in parts and not is_cross_attention(name)
        parameter.requires_grad_(not frozen)
    model.train(model.training)
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return PartFreezing(
        parts=parts,
        trainable=sum(size for size, trains in counts if trains),
        total=sum(size for size, _ in counts),
    )


def is_cross_attention(parameter: str) -> bool:
    """Whether a parameter, by its dotted name, belongs to a decoder's cross-attention."""
    return not _CROSS_ATTENTION.isdisjoint(parameter.split("."))
