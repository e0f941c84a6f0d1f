"""Strategies: which parameters of a model train.

Some train a contiguous top part of it (`blocks.py`). Some leave the base model's own weights as
they are, or all but a few, and train something small beside the head: a soft prompt, low-rank
updates, biases. Models joined by cross-attention are frozen by part instead (`parts.py`).

A family of strategies is one class in one file, and one entry of `OF_TEXT`.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from tasks.config.strategies import base
from tasks.config.strategies.base import Depth
from tasks.config.strategies.bitfit import BitFit
from tasks.config.strategies.blocks import Freeze, Full, Head, Last
from tasks.config.strategies.ia3 import IA3
from tasks.config.strategies.lora import Dora, Lora
from tasks.config.strategies.parts import FROZEN_PARTS, Parts
from tasks.config.strategies.prompt import Prompt
from tasks.config.strategies.unfreezing import Unfreeze

__all__ = [
    "FROZEN_PARTS",
    "OF_PARTS",
    "OF_TEXT",
    "WHOLE",
    "Depth",
    "Family",
    "Strategy",
    "check_families",
    "strategy",
]

Family = type[base.Strategy]

OF_TEXT: tuple[Family, ...] = (
    Full,
    Freeze,
    Last,
    Unfreeze,
    Head,
    Prompt,
    Lora,
    Dora,
    IA3,
    BitFit,
)
"""Of one model that reads texts."""
OF_PARTS: tuple[Family, ...] = (Parts,)
"""Of models that are joined by cross-attention."""
WHOLE = ("full", "nothing")
"""The strategies under which everything trains: costs are told as multiples of theirs."""


def _written(families: Sequence[Family]) -> str:
    return ", ".join(form for family in families for form in family.forms)


KNOWN_FORMS = f"{_written(OF_TEXT)}; in vqa {_written([Parts])}"


def strategy(name: Any) -> base.Strategy:
    """The strategy of that name; one is its own.

    Raises:
        ValueError: there is none.
    """
    if isinstance(name, base.Strategy):
        return name
    for family in (*OF_TEXT, *OF_PARTS):
        if isinstance(name, str) and (found := family.read(name)):
            return found
    raise ValueError(
        f"{name!r} is no strategy: use {KNOWN_FORMS} with n and r from 1 "
        "(only a contiguous bottom part can be frozen)"
    )


Strategy = Annotated[
    base.Strategy,
    PlainValidator(strategy),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": f"One of {KNOWN_FORMS}."}),
]
"""A strategy as a field: written and read as the plain string."""


def check_families(
    strategies: Sequence[base.Strategy], families: Sequence[Family], task: str
) -> None:
    """Refuse strategies of other kinds.

    Raises:
        ValueError: the first of them, and those that there are, or why it does not go.
    """
    known = [family for family in families if task not in family.refusals]
    for each in strategies:
        if not isinstance(each, tuple(known)):
            reason = each.refusals.get(task)
            because = f", since {reason}" if reason else ""
            raise ValueError(
                f"strategy {each} does not go with task {task}{because}: use {_written(known)}"
            )
