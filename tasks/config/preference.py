"""How a reward model learns from comparisons."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.config.base import Frozen


class PreferenceConfig(Frozen):
    """What a reward model learns from pairs of answers, in cases that rank (`preference`)."""

    margin: Literal["none", "score"] = "none"
    """By how much the better answer's reward shall be higher before a pair teaches nothing more:
    `none`: not at all; `score`: in proportion to the difference of the two scores."""
    margin_scale: Annotated[float, Field(gt=0)] = 1.0
    """Reward per point of that difference (`margin=score`)."""
