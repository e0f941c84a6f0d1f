"""Prices, for the picture of what answers cost over time beside a hosted model's."""

from typing import Annotated

from pydantic import Field, model_validator

from tasks.config.base import Frozen

Money = Annotated[float, Field(ge=0)]


class CostsConfig(Frozen):
    """What a machine and a hosted model cost, all in one currency; nothing is drawn without.

    Prices are those that you pay: none is known here.
    """

    machine_hour: Money | None = None
    """An hour of the machine on which this run trains and is timed."""
    input_tokens: Money | None = None
    """A million tokens of prompts at a hosted model."""
    output_tokens: Money = 0.0
    """A million tokens of its answers."""
    prompt_tokens: Annotated[int, Field(gt=0)] | None = None
    """Tokens of one prompt there: its instructions and examples, and the text."""
    answer_tokens: Annotated[int, Field(gt=0)] = 1
    """Tokens of one answer there."""
    predictions: Annotated[int, Field(gt=0)] | None = None
    """How many answers the picture spans (none: twice as many as it takes until they are even)."""
    currency: str = "$"
    """Stands before each price."""

    @model_validator(mode="after")
    def _compares(self) -> "CostsConfig":
        if (self.input_tokens is None) != (self.prompt_tokens is None):
            raise ValueError("needs input_tokens and prompt_tokens together")
        if self.input_tokens is not None and self.machine_hour is None:
            raise ValueError("compares with an own machine: give machine_hour too")
        return self
