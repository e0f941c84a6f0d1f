"""What all sections of the configuration are made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""As wide as NumPy's own generator takes one."""
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(gt=0.0, lt=1.0)]
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
"""The parts in their order: what is learned from, chosen by, and read once."""
Task = Literal[
    "multi_label", "single_label", "regression", "completion", "preference", "policy", "vqa"
]
"""What a case learns: any number of labels a row, exactly one, a number, to write a text, which of
two answers is better, to earn rewards, to answer questions about pictures."""


class Frozen(BaseModel):
    """Base of all configuration: immutable, and an unknown field is an error, never ignored."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
