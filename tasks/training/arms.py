"""An arm: one strategy, one seed, one point of the grid; and the key under which it is kept."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

import tasks
from tasks.config import (
    CaseConfig,
    LanguageConfig,
    ModelConfig,
    NumbersConfig,
    PreferenceConfig,
    RewardConfig,
    RLConfig,
    TrainingConfig,
    VqaConfig,
)
from tasks.config.base import Task
from tasks.config.loading import grid_points
from tasks.config.strategies import Depth, Strategy
from tasks.errors import RequestError
from tasks.evaluation.ordinal import Scale
from tasks.evaluation.scoring import Scoring
from tasks.models.examining import Examination
from tasks.paths import store_dir
from tasks.storage import TableRef

# What an arm's result depends on: a change elsewhere (a report, the README) retrains nothing.
CODE_OF_AN_ARM = (
    "config/strategies",
    "texts.py",
    "latex",
    "models",
    "training",
    "evaluation/metrics.py",
    "evaluation/single_label.py",
    "evaluation/weighted_decisions.py",
    "evaluation/weighted_rankings.py",
    "evaluation/ordinal.py",
    "evaluation/calibration.py",
    "language",
    "evaluation/completions.py",
    "evaluation/scored.py",
    "evaluation/numeric.py",
    "registry/stages.py",
    "kinds",
)
SHORTEST_ROOM = 8  # tokens; a text of fewer says nothing
RATES = frozenset({"learning_rate", "prompt_learning_rate", "lora_learning_rate"})
Idle = Callable[[CaseConfig, Strategy], Collection[str]]


class ArmSpec(BaseModel):
    """Everything that decides an arm's result.

    Attributes:
        positive: column of the positive class of a two-class case.
        scale: the number that each label of an ordered case stands for.
        calibrate: whether the logits are divided by a temperature fitted on validation.
        language: how pairs become text, in cases that write.
        encoder_digest: of the model that compares answers, where it is another than the base model.
        numbers: what a number is told by, in cases that learn one.
        preference: how a reward model learns from comparisons.
        rl, rewards: how a policy learns from what, in cases that learn from rewards.
        reward_digests: of the model behind each reward, empty for a plain function.
        vqa: how questions about pictures are answered, in cases that do.
        fold: number of the fold that is the test part; None without cross-validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    task: Task
    strategy: Strategy
    seed: int
    point: dict[str, Any]
    model: ModelConfig
    training: TrainingConfig
    base_digest: str
    labels: tuple[str, ...]
    positive: int | None = None
    scale: Scale | None = None
    calibrate: bool = False
    language: LanguageConfig | None = None
    encoder_digest: str = ""
    numbers: NumbersConfig | None = None
    preference: PreferenceConfig | None = None
    rl: RLConfig | None = None
    rewards: tuple[RewardConfig, ...] = ()
    reward_digests: tuple[str, ...] = ()
    vqa: VqaConfig | None = None
    fold: int | None = None
    train: TableRef
    validation: TableRef
    test: TableRef

    @property
    def name(self) -> str:
        """The strategy, with the grid point where there is a grid: `full learning_rate=1e-05`."""
        shown = [f"{name.partition('.')[2]}={_called(value)}" for name, value in self.point.items()]
        return " ".join([str(self.strategy), *shown])

    @property
    def scoring(self) -> Scoring:
        """What its labels mean."""
        return Scoring(self.task, self.positive, self.scale)

    @property
    def title(self) -> str:
        """The name with the seed, as runs and progress bars call the arm."""
        fold = "" if self.fold is None else f" fold={self.fold}"
        return f"{self.name} seed={self.seed}{fold}"

    def of_fold(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings under names that the other folds' do not have, where there are folds."""
        before = "" if self.fold is None else f"fold {self.fold} "
        return {f"{before}{name}": value for name, value in settings.items()}

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


def pretrained_dir() -> Path:
    """Where base models lie that read a text before they learned pairs."""
    return store_dir() / "pretrained"


def _called(value: Any) -> Any:
    """How tables call a value of a grid: a base model that was made here by its own name."""
    made = isinstance(value, str) and Path(value).parent == pretrained_dir().absolute()
    return Path(value).name if made else value


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


def check_strategies(
    strategies: tuple[Strategy, ...], blocks: int, context: int | None = None, trunk: str = "auto"
) -> None:
    """Refuse, before anything is fetched or trained, what the base model cannot take.

    Args:
        strategies: those of the sweep.
        blocks: transformer blocks of the base model.
        context: tokens that it has positions for; None where it sets no limit.
        trunk: `training.trunk`.

    Raises:
        RequestError: a strategy that names too many blocks, or two that come to the same; a soft
            prompt that leaves no room for a text, or a trunk where nothing could be stored.
    """
    depths: dict[Depth | None, str] = {}
    for strategy in strategies:
        depth = strategy.depth(blocks)
        room_for_text(strategy, context)
        if trunk == "on" and strategy.trunk_obstacle:
            raise RequestError(
                f"training.trunk=on does not go with strategy {strategy}: "
                f"{strategy.trunk_obstacle}; use training.trunk=auto, or leave {strategy} out."
            )
        if depth == "pooled" or strategy.trunk_obstacle:
            # The head alone differs from freezing every block by the final norm of a decoder; a
            # soft prompt and adapters freeze no block in that sense.
            continue
        if depth in depths:
            raise RequestError(
                f"Strategies {depths[depth]} and {strategy} are the same in a base model of "
                f"{blocks} blocks: name one of them."
            )
        depths[depth] = strategy.name


def check_family(
    found: Examination | None, strategies: tuple[Strategy, ...], layer_decay: float = 1.0
) -> None:
    """Refuse strategies and rates that a base model's family cannot be trained with.

    Args:
        found: its examination; None for a base model that takes them all.
        strategies: those of the sweep.
        layer_decay: `training.layer_decay`.

    Raises:
        RequestError: the first of them, and why.
    """
    if found and found.undivided and layer_decay != 1.0:
        raise RequestError(
            f"training.layer_decay does not go with base models of the family {found.family!r}: "
            f"{found.undivided}; use 1."
        )
    for strategy in strategies if found else ():
        assert found is not None  # noqa: S101 - the loop is empty otherwise
        reason = found.undivided if strategy.divides else None
        if strategy.prompt_tokens:
            reason = found.unprompted
        if reason:
            raise _does_not_go(strategy, found.family, reason)
    if found:
        check_lacking(found.family, found.lacking, strategies)


def check_lacking(
    family: str, lacking: Mapping[str, str], strategies: tuple[Strategy, ...]
) -> None:
    """Refuse strategies for which a base model has nothing that could train.

    Args:
        family: the base model's, for the message.
        lacking: what it has nothing for, by the strategy's form, and why.
        strategies: those of the sweep.

    Raises:
        RequestError: the first of them, and why.
    """
    for strategy in strategies:
        if reason := lacking.get(strategy.forms[0]):
            raise _does_not_go(strategy, family, reason)


def _does_not_go(strategy: Strategy, family: str, reason: str) -> RequestError:
    return RequestError(
        f"Strategy {strategy} does not go with base models of the family {family!r}: {reason}."
    )


def room_for_text(strategy: Strategy, context: int | None) -> int | None:
    """Tokens that a base model's context leaves for a text; None where there is no limit.

    Raises:
        RequestError: a soft prompt leaves fewer than `SHORTEST_ROOM`.
    """
    if context is None:
        return None
    room = context - strategy.prompt_tokens
    if strategy.prompt_tokens and room < SHORTEST_ROOM:
        raise RequestError(
            f"Strategy {strategy} leaves {max(room, 0)} of the base model's {context} positions "
            f"for a text, which needs at least {SHORTEST_ROOM}: use prompt_1 to "
            f"prompt_{context - SHORTEST_ROOM}."
        )
    return room


def plan_arms(
    config: CaseConfig,
    base_digest: str,
    labels: list[str],
    parts: Mapping[str, TableRef],
    fold: int | None = None,
    sections: Callable[[CaseConfig], Mapping[str, Any]] = lambda made: {},
    idle: Idle = lambda made, strategy: frozenset(),
    bases: Mapping[str, str] | None = None,
    share: Callable[[TableRef, float], TableRef] = lambda train, share: train,
) -> list[ArmSpec]:
    """All arms of a sweep: strategies x grid x seeds, in that order.

    Points of the grid that differ in nothing that touches an arm are one arm.

    Args:
        config: the resolved configuration.
        base_digest: identity of the base model's weights.
        labels: the labels in column order; none in cases that write.
        parts: `train`, `validation` and `test`.
        fold: the number of the fold, where the parts are those of one.
        sections: the case at a point of its grid -> what arms of its kind alone have.
        idle: the same, and a strategy -> training fields that do not touch such arms of its kind.
        bases: base model -> identity of its weights, where a grid names several.
        share: the training part, and `training.share` -> the rows of it that are learned from.

    Raises:
        RequestError: `data.positive` is not one of two labels, or the labels of an ordered case
            are no numbers.
    """
    scoring = Scoring.of(config, labels)
    shared = cache(partial(share, parts["train"]))
    return [
        ArmSpec(
            case=config.case,
            task=config.task,
            strategy=strategy,
            seed=seed,
            point=point,
            model=made.model,
            training=made.training,
            base_digest=(bases or {}).get(made.model.base, base_digest),
            labels=tuple(labels),
            positive=scoring.positive,
            scale=scoring.scale,
            calibrate=config.evaluation.calibrate,
            fold=fold,
            **sections(made),
            **{**parts, "train": shared(made.training.share)},
        )
        for strategy in config.strategies
        for point, made in _points(config, strategy, idle)
        for seed in config.seeds_of(strategy)
    ]


def _points(
    config: CaseConfig, strategy: Strategy, idle: Idle
) -> Iterator[tuple[dict[str, Any], CaseConfig]]:
    """The points of the grid that make arms of their own; fields that do not touch these are as in
    the case itself."""
    seen = set()
    for point, made in grid_points(config):
        without = {*_other_rates(strategy, made.training), *idle(made, strategy)}
        idle_fields = {f"training.{name}" for name in without}
        if not strategy.prompt_tokens:
            idle_fields.add("model.prompt_text")
        touching = {name: value for name, value in point.items() if name not in idle_fields}
        told = json.dumps(touching, sort_keys=True, default=str)
        if told in seen:
            continue
        seen.add(told)
        plain = {name: getattr(config.training, name) for name in without}
        training = made.training.model_copy(update=plain if touching != point else {})
        model = made.model
        if not strategy.prompt_tokens:  # the same arm, whatever prompts start as
            model = model.model_copy(update={"prompt_text": ""})
        yield touching, made.model_copy(update={"training": training, "model": model})


def _other_rates(strategy: Strategy, training: TrainingConfig) -> frozenset[str]:
    """Rates at which nothing learns in arms of that strategy."""
    own = {strategy.rate_field}
    if training.head_learning_rate is None:
        own.add("learning_rate")  # the head's, too
    return RATES - own
