"""Positions counted over real tokens, so that padding on either side shifts nothing."""

import torch
from torch import Tensor, nn


def position_ids(mask: Tensor) -> Tensor:
    """Positions counted over real tokens, so that padding on the left shifts nothing.

    Args:
        mask: (batch, tokens), 1 for real tokens.

    Returns:
        (batch, tokens) of 0, 1, 2, … from the first real token on; padding gets 0 before it.
    """
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def position_arguments(
    backbone: nn.Module, mask: Tensor, embedded: bool = False
) -> dict[str, Tensor]:
    """`position_ids` as a model takes them.

    RoBERTa counts over real tokens by itself where it reads token ids; where it reads embeddings
    (`embedded`) it would count padding too. It counts from the number behind its pad token's.
    """
    positions = position_ids(mask)
    if backbone.config.model_type == "roberta":  # type: ignore[union-attr]
        if not embedded:
            return {}
        pad = int(backbone.config.pad_token_id)  # type: ignore[union-attr, arg-type]
        positions = torch.where(mask.bool(), positions + pad + 1, pad)
    return {"position_ids": positions}
