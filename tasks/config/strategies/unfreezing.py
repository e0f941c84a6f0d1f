"""Gradual unfreezing: the head first, then more blocks from the top with every epoch.

Howard and Ruder, Universal Language Model Fine-tuning for Text Classification, ACL 2018, 3.3.
"""

from collections.abc import Mapping
from typing import ClassVar

from tasks.config.strategies.base import Strategy


class Unfreeze(Strategy):
    """In epoch e (from 0) the top n * e blocks train, with the head and what lies above the blocks.

    What lies below the blocks trains once all of them do. With fewer epochs the bottom stays as
    it was.
    """

    forms = ("unfreeze_<n>",)
    divides = True
    trunk_obstacle = "what is frozen changes with every epoch"
    refusals: ClassVar[Mapping[str, str]] = {
        "completion": "a model that writes has no head of its own to begin with",
        "policy": "a policy learns in steps, not in epochs",
    }

    def thawed(self, epoch: int, blocks: int) -> int | None:
        """See `Strategy`."""
        return min(self.number * epoch, blocks)
