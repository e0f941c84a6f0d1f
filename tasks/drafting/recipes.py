"""What suits each kind of case on a first run: base model, strategies, training on two cores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.ingestion.comparisons import layout_of as layout_of_comparisons
from tasks.ingestion.layouts import layout_of as layout_of_dialogues
from tasks.ingestion.numbered import Record

_RATES = {"batch_size": 16, "learning_rate": 2e-4, "head_learning_rate": 2e-3}


@dataclass(frozen=True)
class Recipe:
    """What `thaw new` knows of one kind of case.

    Attributes:
        base: the base model.
        strategies: how much of it trains.
        training: fields of `training`, but for the epochs.
        epochs: fewest and most passes over the training part.
        max_length: tokens, where the texts alone do not say it.
        learns: what a column holds that this kind learns: `label`, `labels`, `number`, `text`;
            empty where a layout says it.
        layout: the case's `data.layout` for files whose fields say what they are.
        layout_of: gives the name of such a layout, or raises RequestError.
        data: fields of `data` that such a layout wants.
    """

    base: str
    strategies: tuple[str, ...]
    training: Mapping[str, Any]
    epochs: tuple[int, int]
    max_length: int
    learns: str = ""
    layout: str = ""
    layout_of: Callable[[str, Record], str] | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts_labels(self) -> bool:
        """Whether rows have labels, which can be counted."""
        return self.learns in ("label", "labels")

    @property
    def reads_alone(self) -> bool:
        """Whether the text is all that the model reads: no answer has to fit beside it."""
        return bool(self.learns) and not self.writes

    @property
    def writes(self) -> bool:
        """Whether what is learned is a text to write."""
        return self.learns == "text"


def _of_text(learns: str) -> Recipe:
    return Recipe("minilm", ("full", "freeze_4", "last_1", "head"), _RATES, (2, 8), 128, learns)


RECIPES = {
    "single_label": _of_text("label"),
    "multi_label": _of_text("labels"),
    "regression": _of_text("number"),
    "completion": Recipe(
        "smollm2",
        ("full", "freeze_15", "lora_8"),
        {"batch_size": 8, "learning_rate": 1e-4, "schedule": "cosine"},
        (1, 5),
        512,
        learns="text",
        layout="dialogues",
        layout_of=layout_of_dialogues,
        data={"keep_lines": True},
    ),
    "preference": Recipe(
        "minilm",
        ("full", "freeze_3", "lora_8", "head"),
        {"batch_size": 16, "learning_rate": 1e-4, "head_learning_rate": 1e-3},
        (2, 3),
        256,
        layout="comparisons",
        layout_of=layout_of_comparisons,
    ),
}
"""The YAML's `task:` -> its recipe."""
TASK_OF = {recipe.learns: task for task, recipe in RECIPES.items() if recipe.learns}
"""What a column holds -> the kind of case that learns it."""
