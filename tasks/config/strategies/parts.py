"""Strategies of models joined by cross-attention: they name the parts that are frozen.

`tasks/kinds/pictures/model/freezing.py` says what that means for cross-attention between them.
"""

from tasks.config.strategies.base import Strategy

FROZEN: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "text_encoder": ("text_encoder",),
    "image_encoder": ("image_encoder",),
    "encoders": ("text_encoder", "image_encoder"),
    "decoder": ("decoder",),
    "all": ("text_encoder", "image_encoder", "decoder"),
}
"""Strategy -> the parts that it freezes."""
FROZEN_PARTS = tuple(FROZEN)


class Parts(Strategy):
    """Whole parts are frozen: an encoder or both, the decoder, or all of them."""

    forms = FROZEN_PARTS

    @property
    def frozen(self) -> tuple[str, ...]:
        """Of `text_encoder`, `image_encoder` and `decoder`, those that are frozen."""
        return FROZEN[self.name]
