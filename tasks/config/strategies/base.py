"""What a strategy says of itself; a family of them is one class in one file of this folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from peft import PeftConfig

Depth = int | Literal["pooled"]
"""Where an arm begins to train: above so many blocks, or above the pooled vectors."""


@dataclass(frozen=True)
class Strategy:
    """Which parameters of a model train; written and read as its name everywhere.

    A family overrides what is different about it. What follows from a strategy stands here, and
    nowhere else is asked which one it is.
    """

    name: str
    number: int = 0
    """What the name counts: blocks, virtual tokens, a rank; 0 where it counts nothing."""

    forms: ClassVar[tuple[str, ...]]
    """How its names are written; `<n>` stands for a number from 1."""
    rate_field: ClassVar[str] = "learning_rate"
    """The training field that holds the learning rate of what it trains below the head."""
    trunk_obstacle: ClassVar[str | None] = None
    """Why no part of the base model gives the same output in every epoch, though its weights are
    frozen, if so."""
    divides: ClassVar[bool] = False
    """Whether it freezes block by block, for which the base model's family has to be known."""
    top_alone: ClassVar[bool] = False
    """Whether it names a top that trains alone, above a trunk that all such arms share."""
    keeps_base: ClassVar[bool] = False
    """Whether the base model stays as it was, so that several arms can share one."""
    decays: ClassVar[bool] = True
    """Whether weight decay acts on the matrices that it trains below the head."""
    needs: ClassVar[str | None] = None
    """What a base model must have to be trained so."""
    refusals: ClassVar[Mapping[str, str]] = {}
    """Tasks that it does not go with, and why."""

    def __str__(self) -> str:
        return self.name

    @classmethod
    def read(cls, name: str) -> "Strategy | None":
        """The strategy of that name, if it is one of this family's."""
        for form in cls.forms:
            pattern = re.sub("<.>", r"([1-9]\\d*)", form)
            if found := re.fullmatch(pattern, name):
                return cls(name, int(found[1]) if found.groups() else 0)
        return None

    def frozen_blocks(self, blocks: int) -> int | None:
        """How many bottom blocks are frozen in a model of `blocks` blocks.

        Returns:
            None when no block is left out of what training changes: nothing is frozen, or an
            adapter reaches them all. Otherwise the embeddings are frozen too, and `blocks` means
            that the whole base model is.

        Raises:
            RequestError: the model has fewer blocks than the strategy names.
        """
        return None

    def depth(self, blocks: int) -> Depth | None:
        """Where it begins to train; None if no block keeps its output."""
        return self.frozen_blocks(blocks)

    def trains(self, parameter: str) -> bool:
        """Whether a parameter below the head trains, by its name; blocks are divided besides."""
        return True

    def thawed(self, epoch: int, blocks: int) -> int | None:
        """How many top blocks train in an epoch, from 0; None where that is the same in all.

        Args:
            epoch: the number of whole epochs behind.
            blocks: of the base model.
        """
        return None

    @property
    def adapts(self) -> bool:
        """Whether it puts an adapter into a base model."""
        return type(self).adapter is not Strategy.adapter

    @property
    def prompt_tokens(self) -> int:
        """Virtual tokens that it puts before a text."""
        return 0

    def adapter(self, dropout: float, transposed: bool) -> "PeftConfig | None":
        """PEFT's configuration of the adapter that it puts into a base model, if it does.

        Args:
            dropout: on what the adapter reads.
            transposed: the base model keeps its matrices transposed (GPT-2).
        """
        return None
