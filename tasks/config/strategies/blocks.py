"""Strategies that train a contiguous top part of the model's own weights.

`full` trains everything; `freeze_<n>` freezes the embeddings and the bottom n blocks; `last_<n>`
trains only the top n blocks and the head; `head` trains the head alone. Embeddings are always
frozen together with the blocks above them: autograd can stop early, and a frozen output can be
stored, only where everything below is frozen too.
"""

from collections.abc import Mapping
from typing import ClassVar

from tasks.config.strategies.base import Depth, Strategy
from tasks.errors import RequestError


class Full(Strategy):
    """Everything trains."""

    forms = ("full",)


class Freeze(Strategy):
    """The embeddings and the bottom n blocks are frozen."""

    forms = ("freeze_<n>",)
    divides = True

    def frozen_blocks(self, blocks: int) -> int:
        """See `Strategy`."""
        if self.number > blocks:
            kind = self.name.partition("_")[0]
            raise RequestError(
                f"Strategy {self.name} names {self.number} blocks, and the base model has "
                f"{blocks}: use {kind}_1 to {kind}_{blocks}, or `head` to freeze them all."
            )
        return self.number


class Last(Freeze):
    """Only the top n blocks train, with the final norm and the head."""

    forms = ("last_<n>",)
    top_alone = True

    def frozen_blocks(self, blocks: int) -> int:
        """See `Strategy`."""
        return blocks - super().frozen_blocks(blocks)


class Head(Strategy):
    """Only the head trains."""

    forms = ("head",)
    top_alone = True
    keeps_base = True
    refusals: ClassVar[Mapping[str, str]] = {
        "completion": "a model that writes has no head of its own, and its output layer is mostly "
        "its embedding (last_1 is the least that can train)",
        "policy": "what a policy trains is its blocks",
    }

    def frozen_blocks(self, blocks: int) -> int:
        """See `Strategy`."""
        return blocks

    def depth(self, blocks: int) -> Depth:
        """See `Strategy`."""
        return "pooled"

    def trains(self, parameter: str) -> bool:
        """See `Strategy`."""
        return False
