"""Where a base model's embeddings, blocks and final norm are, for each family that Thaw knows.

Freezing and the frozen trunk need the same three facts about an architecture; they stand here
and nowhere else.
"""

from dataclasses import dataclass

from torch import nn

from tasks.errors import RequestError


@dataclass(frozen=True)
class Anatomy:
    """Module paths inside a headless model (`AutoModel`)."""

    embeddings: tuple[str, ...]
    blocks: str
    final: tuple[str, ...] = ()


FAMILIES = {
    "bert": Anatomy(("embeddings",), "encoder.layer"),
    "roberta": Anatomy(("embeddings",), "encoder.layer"),
    "distilbert": Anatomy(("embeddings",), "transformer.layer"),
    "gpt2": Anatomy(("wte", "wpe"), "h", ("ln_f",)),
    "llama": Anatomy(("embed_tokens",), "layers", ("norm",)),
}


def anatomy_of(backbone: nn.Module) -> Anatomy:
    """The anatomy of a model's family.

    Raises:
        RequestError: Thaw does not know the family.
    """
    family = str(backbone.config.model_type)  # type: ignore[union-attr]
    if family not in FAMILIES:
        raise RequestError(
            f"Base models of the family {family!r} cannot be frozen block by block yet: the known "
            f"families are {', '.join(FAMILIES)}; use strategies=[full] or strategies=[head]."
        )
    return FAMILIES[family]


def blocks_of(backbone: nn.Module) -> nn.ModuleList:
    """The model's transformer blocks, bottom first."""
    return backbone.get_submodule(anatomy_of(backbone).blocks)  # type: ignore[return-value]


def frozen_modules(backbone: nn.Module, frozen_blocks: int) -> list[nn.Module]:
    """The embeddings and the bottom `frozen_blocks` blocks."""
    anatomy = anatomy_of(backbone)
    embeddings = [backbone.get_submodule(path) for path in anatomy.embeddings]
    return [*embeddings, *blocks_of(backbone)[:frozen_blocks]]
