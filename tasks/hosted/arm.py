"""A hosted arm: what decides its result, the key under which it is kept, and its files."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.config import PARTS, HostedConfig, LabelsCase
from tasks.evaluation.ordinal import Scale
from tasks.evaluation.scoring import Scoring
from tasks.hosted.prices import price_list, today
from tasks.paths import store_dir
from tasks.storage import TableRef

# Fields that change how the server is spoken to, but not what comes of it.
CIRCUMSTANCES = {
    "model",  # the arm has it, resolved
    "tokenizer",
    "key_variable",
    "timeout",
    "retries",
    "concurrency",
    "poll_seconds",
    "longest_hours",
    "cancel_on_interrupt",
}


OF_FIGURES = {"case", "positive", "scale"}  # what only says how answers are judged


class HostedArm(BaseModel):
    """The arm that `training.backend=hosted` adds to a sweep.

    Its key leaves Thaw's own code out, unlike that of a local arm: a job costs money, and what
    the code makes of its answers is made anew each time.

    Attributes:
        model: the server's base model.
        seed: the first of the case's seeds; there is one hosted arm, however many there are.
        shuffle: whether the training file is shuffled.
        positive: column of the positive class of a two-class case.
        scale: the number that each class of an ordered case stands for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    hosted: HostedConfig
    model: str
    seed: int
    shuffle: bool
    labels: tuple[str, ...]
    positive: int | None
    scale: Scale | None
    train: TableRef
    validation: TableRef
    test: TableRef

    @property
    def scoring(self) -> Scoring:
        """What its labels mean: one of them is right."""
        return Scoring("single_label", self.positive, self.scale)

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"hosted {self.model}"

    @property
    def title(self) -> str:
        """The name with the seed, as runs call the arm."""
        return f"{self.name} seed={self.seed}"

    @property
    def key(self) -> str:
        """Digest of all that decides the job and its answers."""
        content = self.model_dump(mode="json", exclude=OF_FIGURES | set(PARTS))
        content["hosted"] = self.hosted.model_dump(mode="json", exclude=CIRCUMSTANCES)
        content["data"] = [self.train.digest, self.validation.digest, self.test.digest]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def folder(self) -> Path:
        """Where the files that were uploaded, the job's record and the answers lie."""
        return hosted_dir() / self.key

    def part(self, name: str) -> TableRef:
        """`train`, `validation` or `test`."""
        table: TableRef = getattr(self, name)
        return table


def hosted_dir() -> Path:
    """The folder of all hosted arms."""
    return store_dir() / "hosted"


def plan_hosted(config: LabelsCase, labels: list[str], parts: dict[str, TableRef]) -> HostedArm:
    """The sweep's hosted arm.

    Args:
        config: the resolved configuration.
        labels: the labels in column order.
        parts: `train`, `validation` and `test`.

    Raises:
        RequestError: no base model is named, it is past its end, or `data.positive` is not one of
            two labels.
    """
    scoring = Scoring.of(config, labels)
    return HostedArm(
        case=config.case,
        hosted=config.hosted,
        model=price_list().model_for(config.hosted, today()),
        seed=config.seeds[0],
        shuffle=config.training.shuffle,
        labels=tuple(labels),
        positive=scoring.positive,
        scale=scoring.scale,
        **parts,
    )
