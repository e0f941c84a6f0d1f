"""What the ways of training have in common: rows, model, seed, learning rate."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tasks.config.loading import load_case
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare as prepare_texts
from tasks.ingestion.usable import usable_examples
from tasks.models.base_models import LocatedModel, locate
from tasks.splitting.parts import split_texts
from tasks.splitting.units import text_units
from tasks.training.arms import ArmSpec, plan_arms
from tasks.training.building import encode_part
from tasks.training.encoding import EncodedPart

MAX_LENGTH = 256  # longer than any message of the SMS collection: the chapter cuts none


@dataclass(frozen=True)
class Setting:
    """One benchmark's rows and settings."""

    spec: ArmSpec
    located: LocatedModel
    parts: dict[str, EncodedPart]
    epochs: int
    scratch: Path

    @property
    def train_tokens(self) -> int:
        """Tokens of the training part, without padding."""
        return self.parts["train"].tokens

    @property
    def longest(self) -> int:
        """Tokens of the longest training text."""
        return int(np.max(self.parts["train"].rows["length"]))

    def describe(self) -> str:
        """The setting in a line."""
        rows = len(self.parts["train"].ids)
        return (
            f"{self.spec.model.base}, {self.spec.strategy}, {rows:,} training rows of "
            f"{self.train_tokens / rows:.0f} tokens on average and {self.longest} at most, "
            f"{self.epochs} epochs, batch size {self.spec.training.batch_size}, learning rate "
            f"{self.spec.training.learning_rate:g}, seed {self.spec.seed}"
        )


def prepare(data: Path | None, model: str, strategy: str, epochs: int, scratch: Path) -> Setting:
    """Read, split and tokenise the messages once for all ways, in a store of their own."""
    os.environ["THAW_STORE"] = str(scratch / "store")
    config = load_case("spam", "sample", overrides(data, model, strategy, epochs))
    raw = ingest(config.data)
    examples, usable = usable_examples(prepare_texts(raw, config.data), config.data)
    (parts,), _ = split_texts(
        examples, partial(text_units, config=config.split, labelled=True), config.split
    )
    located = locate(config.model.base)
    spec = plan_arms(config, located.digest, list(usable.labels), parts)[0]
    encoded = {name: encode_part(spec, name, located) for name in ("train", "validation", "test")}
    return Setting(spec, located, encoded, epochs, scratch)


def overrides(data: Path | None, model: str, strategy: str, epochs: int) -> list[str]:
    """The case's overrides; both learning rates are one, as in the chapter's loop."""
    texts = [
        f"model.base={model}",
        f"model.max_length={MAX_LENGTH}",
        f"strategies=[{strategy}]",
        f"training.epochs={epochs}",
        "training.learning_rate=5e-4",
        "training.head_learning_rate=5e-4",
        "training.weight_decay=0.0",
        "training.warmup=0.0",
        "training.schedule=constant",
    ]
    if data is not None:
        texts += [
            f"data.path={data}",
            "data.format=tsv",
            "data.header=[label,text]",
            "data.quotes_are_text=true",
        ]
    return texts
