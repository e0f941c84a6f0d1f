"""Padding, and positions that no padding shifts.

A model counts positions by itself, each family in its own way: from 0, from behind its padding
row, relative to one another, not at all. Behind a text, padding changes none of that; before it,
it shifts most (in the library's own GPT-2 too). So a text's tokens are put first before a model
reads them, and the model's own forward does the counting.
"""

import inspect

import torch
from torch import Tensor, nn


def padded_right(mask: Tensor, *columns: Tensor) -> tuple[Tensor, ...]:
    """The same batch with all padding behind the texts.

    Args:
        mask: (batch, tokens), 1 for real tokens.
        columns: of (batch, tokens) or (batch, tokens, width), in the mask's order.

    Returns:
        The mask and the columns; they themselves where no padding stands before a text.
    """
    if bool(mask[:, 0].all()):
        return mask, *columns
    order = torch.argsort(mask, dim=1, descending=True, stable=True)
    rows = torch.arange(len(mask), device=mask.device).unsqueeze(1)
    return mask[rows, order], *(column[rows, order] for column in columns)


def position_ids(mask: Tensor) -> Tensor:
    """Positions counted over real tokens, so that padding on the left shifts nothing.

    Args:
        mask: (batch, tokens), 1 for real tokens.

    Returns:
        (batch, tokens) of 0, 1, 2, … from the first real token on; padding gets 0 before it.
    """
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def takes(model: nn.Module, argument: str) -> bool:
    """Whether a model's forward has an argument of that name."""
    return argument in inspect.signature(model.forward).parameters


def position_arguments(model: nn.Module, mask: Tensor) -> dict[str, Tensor]:
    """`position_ids` for texts behind padding; nothing where a model's own counting is right."""
    if bool(mask[:, 0].all()) or not takes(model, "position_ids"):
        return {}
    return {"position_ids": position_ids(mask)}
