"""Strategies: which parameters of a model train.

`full` trains everything; `freeze_<n>` freezes the embeddings and the bottom n blocks;
`last_<n>` trains only the top n blocks and the head; `head` trains the head alone. Embeddings
are always frozen together with the blocks above them: autograd can stop early, and a frozen
output can be stored, only where everything below is frozen too.

Two more leave the whole base model as it is and train something new beside the head:
`prompt_<n>` a soft prompt of n virtual tokens before the text, `lora_<r>` low-rank updates of
rank r to every linear layer. What they add is built in `tasks/models/adapting.py`.

Models joined by cross-attention (`vqa`) are frozen by part instead: a strategy names what is
frozen, `encoders` for both. `tasks/models/multimodal/freezing.py` says what that means.
"""

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, model_serializer, model_validator
from pydantic.json_schema import WithJsonSchema

from tasks.config.base import Task
from tasks.errors import RequestError

FrozenParts = Literal["nothing", "text_encoder", "image_encoder", "encoders", "decoder", "all"]
FROZEN_PARTS: tuple[FrozenParts, ...] = get_args(FrozenParts)
"""The strategies of models joined by cross-attention."""
WHOLE = ("full", "nothing")
"""The strategies under which everything trains: costs are told as multiples of theirs."""
_FORM = re.compile(r"(full|head)|(freeze|last|prompt|lora)_([1-9]\d*)|" + "|".join(FROZEN_PARTS))
OF_BLOCKS = "full, freeze_<n>, last_<n>, head, prompt_<n>, lora_<r>"
OF_PARTS = ", ".join(FROZEN_PARTS)
KNOWN_FORMS = f"{OF_BLOCKS}; in vqa {OF_PARTS}"


class _Strategy(BaseModel):
    """A strategy by name; written and read as the plain string everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"name": value}
        if isinstance(value, dict) and not _FORM.fullmatch(str(value.get("name"))):
            raise ValueError(
                f"{value.get('name')!r} is no strategy: use {KNOWN_FORMS} with n and r from 1 "
                "(only a contiguous bottom part can be frozen)"
            )
        return value

    @model_serializer
    def _as_text(self) -> str:
        return self.name

    def __str__(self) -> str:
        return self.name

    def frozen_blocks(self, blocks: int) -> int | None:
        """How many bottom blocks are frozen in a model of `blocks` blocks.

        Returns:
            None when no block is left out of what training changes: nothing is frozen, or a
            soft prompt or LoRA reaches them all. Otherwise the embeddings are frozen too,
            and `blocks` means that the whole base model is.

        Raises:
            RequestError: the model has fewer blocks than the strategy names.
        """
        if self.name == "full" or self.trunk_obstacle or self.is_of_parts:
            return None
        if self.name == "head":
            return blocks
        kind, _, count = self.name.partition("_")
        if int(count) > blocks:
            raise RequestError(
                f"Strategy {self.name} names {count} blocks, and the base model has {blocks}: "
                f"use {kind}_1 to {kind}_{blocks}, or `head` to freeze them all."
            )
        return int(count) if kind == "freeze" else blocks - int(count)

    @property
    def is_of_parts(self) -> bool:
        """Whether it freezes whole parts of a model joined by cross-attention."""
        return self.name in FROZEN_PARTS

    @property
    def prompt_tokens(self) -> int:
        """Virtual tokens of the soft prompt; 0 for every other strategy."""
        return self._number("prompt")

    @property
    def lora_rank(self) -> int:
        """Rank of LoRA's updates; 0 for every other strategy."""
        return self._number("lora")

    def _number(self, form: str) -> int:
        kind, _, number = self.name.partition("_")
        return int(number) if kind == form else 0

    @property
    def trunk_obstacle(self) -> str | None:
        """Why no part of the base model gives the same output in every epoch, if so.

        Its weights are frozen under both, yet what its blocks compute changes with each step.
        """
        if self.prompt_tokens:
            return "a soft prompt changes the input of every block"
        return "LoRA changes every block" if self.lora_rank else None

    @property
    def rate_field(self) -> str:
        """The training field that holds the learning rate of what it trains below the head."""
        if self.prompt_tokens:
            return "prompt_learning_rate"
        return "lora_learning_rate" if self.lora_rank else "learning_rate"


Strategy = Annotated[
    _Strategy,
    WithJsonSchema({"type": "string", "description": f"One of {KNOWN_FORMS}."}),
]


def strategy(name: str) -> _Strategy:
    """The strategy of that name.

    Raises:
        pydantic.ValidationError: there is none.
    """
    return _Strategy.model_validate(name)


def check_task(strategies: tuple[_Strategy, ...], task: Task) -> None:
    """Refuse strategies of other tasks.

    Raises:
        ValueError: the first of them, and those that there are.
    """
    for each in strategies:
        if each.is_of_parts != (task == "vqa"):
            known = OF_PARTS if task == "vqa" else OF_BLOCKS
            raise ValueError(f"strategy {each} does not go with task {task}: use {known}")
