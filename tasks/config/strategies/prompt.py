"""A soft prompt: n virtual tokens before the text train, and the base model stays as it is."""

from collections.abc import Mapping
from typing import ClassVar

from tasks.config.strategies.base import Strategy


class Prompt(Strategy):
    """A soft prompt and the head train; `tasks/models/adapting.py` makes it."""

    forms = ("prompt_<n>",)
    rate_field = "prompt_learning_rate"
    trunk_obstacle = "a soft prompt changes the input of every block"
    keeps_base = True
    decays = False  # its rows are points among the word embeddings, and zero is not a better one
    refusals: ClassVar[Mapping[str, str]] = {
        "completion": "a soft prompt is put before the texts of classifiers alone so far",
        "policy": "what a policy trains is its blocks",
    }

    def trains(self, parameter: str) -> bool:
        """See `Strategy`."""
        return parameter.startswith("prompt.")

    @property
    def prompt_tokens(self) -> int:
        """See `Strategy`."""
        return self.number
