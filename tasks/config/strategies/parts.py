"""Strategies of models joined by cross-attention: they name the parts that are frozen.

`tasks/models/multimodal/freezing.py` says what that means for cross-attention between them.
"""

from typing import Literal, get_args

from tasks.config.strategies.base import Strategy

FrozenParts = Literal["nothing", "text_encoder", "image_encoder", "encoders", "decoder", "all"]
FROZEN_PARTS: tuple[FrozenParts, ...] = get_args(FrozenParts)
"""Their names."""


class Parts(Strategy):
    """Whole parts are frozen: an encoder or both, the decoder, or all of them."""

    forms = FROZEN_PARTS
