"""An arm: one strategy, one seed, one point of the grid; and the key under which it is kept."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

import tasks
from tasks.config import CaseConfig, ModelConfig, TrainingConfig
from tasks.errors import RequestError
from tasks.evaluation.metrics import positive_index
from tasks.loading import grid_points
from tasks.paths import store_dir
from tasks.storage import TableRef
from tasks.training.strategies import Strategy

# What an arm's result depends on: a change elsewhere (a report, the README) retrains nothing.
CODE_OF_AN_ARM = ("models", "training", "evaluation/metrics.py", "evaluation/single_label.py")


class ArmSpec(BaseModel):
    """Everything that decides an arm's result.

    Attributes:
        positive: column of the positive class of a two-class case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    task: str
    strategy: Strategy
    seed: int
    point: dict[str, Any]
    model: ModelConfig
    training: TrainingConfig
    base_digest: str
    labels: tuple[str, ...]
    positive: int | None = None
    train: TableRef
    validation: TableRef
    test: TableRef

    @property
    def name(self) -> str:
        """The strategy, with the grid point where there is a grid: `full learning_rate=1e-05`."""
        shown = [f"{name.partition('.')[2]}={value}" for name, value in self.point.items()]
        return " ".join([str(self.strategy), *shown])

    @property
    def title(self) -> str:
        """The name with the seed, as runs and progress bars call the arm."""
        return f"{self.name} seed={self.seed}"

    @property
    def key(self) -> str:
        """Digest of configuration, data and code: equal keys give equal results."""
        content = self.model_dump(mode="json", exclude={"train", "validation", "test", "point"})
        content["data"] = [self.train.digest, self.validation.digest, self.test.digest]
        content["code"] = code_version()
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def folder(self) -> Path:
        """Where the arm's checkpoints, model and result lie."""
        return store_dir() / "arms" / self.key


@cache
def code_version() -> str:
    """SHA-256 of the sources on which an arm's result depends."""
    root = Path(tasks.__file__).parent
    sha = hashlib.sha256()
    for entry in CODE_OF_AN_ARM:
        path = root / entry
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            sha.update(source.relative_to(root).as_posix().encode())
            sha.update(source.read_bytes())
    return sha.hexdigest()[:16]


def check_strategies(strategies: tuple[Strategy, ...], blocks: int) -> None:
    """Refuse, before anything is fetched or trained, what the base model cannot take.

    Raises:
        RequestError: a strategy that names too many blocks, or two that come to the same.
    """
    depths: dict[int | None, str] = {}
    for strategy in strategies:
        depth = strategy.frozen_blocks(blocks)
        if strategy.name == "head":
            continue  # differs from freezing every block by the final norm of a decoder
        if depth in depths:
            raise RequestError(
                f"Strategies {depths[depth]} and {strategy} are the same in a base model of "
                f"{blocks} blocks: name one of them."
            )
        depths[depth] = strategy.name


def plan_arms(
    config: CaseConfig, base_digest: str, labels: list[str], parts: dict[str, TableRef]
) -> list[ArmSpec]:
    """All arms of a sweep: strategies x seeds x grid, in that order.

    Args:
        config: the resolved configuration.
        base_digest: identity of the base model's weights.
        labels: the labels in column order.
        parts: `train`, `validation` and `test`.

    Raises:
        RequestError: `data.positive` is not one of two labels.
    """
    positive = positive_index(labels, config.data.positive)
    return [
        ArmSpec(
            case=config.case,
            task=config.task,
            strategy=strategy,
            seed=seed,
            point=point,
            model=model,
            training=training,
            base_digest=base_digest,
            labels=tuple(labels),
            positive=positive,
            **parts,
        )
        for strategy in config.strategies
        for point, training, model in grid_points(config.grid, config.training, config.model)
        for seed in config.seeds
    ]
