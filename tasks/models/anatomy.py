"""Where a base model's embeddings, blocks and final norm are, for each family that Thaw knows.

Freezing and the frozen trunk need the same three facts about an architecture; they stand here
and nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tasks.errors import RequestError


class OnBackbone(Protocol):
    """A module that stands on a base model: a classifier, or a language model's output layer.

    What freezing and the frozen trunk need of it; every `nn.Module` has all but `backbone`.
    """

    training: bool

    @property
    def backbone(self) -> PreTrainedModel:
        """The base model without what stands on it."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """As `nn.Module` has it."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """As `nn.Module` has it."""
        ...

    def to(self, device: torch.device) -> Any:
        """As `nn.Module` has it."""
        ...

    def eval(self) -> Any:
        """As `nn.Module` has it."""
        ...

    def train(self, mode: bool = True) -> Any:
        """As `nn.Module` has it."""
        ...


class GivenEmbeddings(nn.Module):
    """Stands for an embedding layer where the hidden states are given instead of tokens."""

    def forward(self, *args: Tensor | None, **kwargs: Tensor | None) -> Tensor:
        """The given states: by name, or as the second argument (DistilBERT's order)."""
        states = kwargs.get("inputs_embeds")
        if states is None:
            states = next(value for value in args if value is not None and value.ndim == 3)
        return states


class NoPositions(nn.Module):
    """Stands for a position embedding that the given states already contain."""

    def forward(self, positions: Tensor) -> Tensor:
        """Zero, of a shape that adds to anything."""
        return torch.zeros(1, 1, 1, device=positions.device)


@dataclass(frozen=True)
class Anatomy:
    """Module paths inside a headless model (`AutoModel`).

    `given` says what takes the place of the embedding layers in a model whose forward gets
    hidden states as `inputs_embeds`: module path -> the class that stands in.
    """

    embeddings: tuple[str, ...]
    blocks: str
    final: tuple[str, ...] = ()
    given: tuple[tuple[str, type[nn.Module]], ...] = ()


FAMILIES = {
    "bert": Anatomy(("embeddings",), "encoder.layer", given=(("embeddings", GivenEmbeddings),)),
    "roberta": Anatomy(("embeddings",), "encoder.layer", given=(("embeddings", GivenEmbeddings),)),
    "distilbert": Anatomy(
        ("embeddings",), "transformer.layer", given=(("embeddings", GivenEmbeddings),)
    ),
    "gpt2": Anatomy(
        ("wte", "wpe"), "h", ("ln_f",), given=(("wpe", NoPositions), ("drop", nn.Identity))
    ),
    "llama": Anatomy(("embed_tokens",), "layers", ("norm",)),
}
ENCODER_DECODERS = {
    "t5": Anatomy(("shared", "encoder"), "decoder.block", ("decoder.final_layer_norm",)),
}
"""What strategies divide is the decoder; the encoder lies below its first block. They write, and
nothing is stored of them."""


def anatomy_of(backbone: nn.Module) -> Anatomy:
    """The anatomy of a model's family.

    Raises:
        RequestError: Thaw does not know the family.
    """
    family = str(backbone.config.model_type)  # type: ignore[union-attr]
    known = FAMILIES | ENCODER_DECODERS
    if family not in known:
        raise RequestError(
            f"Base models of the family {family!r} cannot be frozen block by block yet: the known "
            f"families are {', '.join(known)}; use strategies=[full] or strategies=[head]."
        )
    return known[family]


def blocks_of(backbone: nn.Module) -> nn.ModuleList:
    """The model's transformer blocks, bottom first."""
    return backbone.get_submodule(anatomy_of(backbone).blocks)  # type: ignore[return-value]


def context_length(config: object) -> int | None:
    """Most tokens that a model has positions for; None where its configuration sets no limit.

    RoBERTa's first position is the one behind its pad token's number, so it has fewer than rows.
    """
    rows: int | None = getattr(config, "max_position_embeddings", None)
    if rows is not None and getattr(config, "model_type", None) == "roberta":
        return rows - int(config.pad_token_id) - 1  # type: ignore[attr-defined]
    return rows


def blocks_in(config: object) -> int:
    """Transformer blocks that strategies divide; of an encoder-decoder, those of its decoder."""
    own = getattr(config, "num_decoder_layers", None)
    return int(config.num_hidden_layers if own is None else own)  # type: ignore[attr-defined]


def frozen_modules(backbone: nn.Module, frozen_blocks: int) -> list[nn.Module]:
    """The embeddings and the bottom `frozen_blocks` blocks."""
    anatomy = anatomy_of(backbone)
    embeddings = [backbone.get_submodule(path) for path in anatomy.embeddings]
    return [*embeddings, *blocks_of(backbone)[:frozen_blocks]]
