"""How numbers are written, and how they are learned."""

from typing import Literal

from pydantic import model_validator

from tasks.config.base import Frozen


class NumbersConfig(Frozen):
    """What a case that learns a number has to know of it (`regression`)."""

    unit: str = ""
    """What the numbers are in (minutes, EUR), as reports and answers say it; a cell may have it
    before or behind its number."""
    decimal: Literal[".", ","] = "."
    """What stands before decimals in the data."""
    thousands: Literal["", ".", ",", " ", "'"] = ""
    """What stands between thousands in the data (empty: nothing)."""
    loss: Literal["squared", "huber"] = "squared"
    """What training minimises, of numbers less their mean over their standard deviation: the
    squared error, or Huber's, to which an error far out counts by its size alone."""

    @model_validator(mode="after")
    def _tells_them_apart(self) -> "NumbersConfig":
        if self.decimal == self.thousands:
            raise ValueError(
                f"decimal and thousands are both {self.decimal!r}: a number could be read two ways"
            )
        return self
