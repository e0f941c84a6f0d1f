"""From `rewards` in the configuration to the parts that score: registered models, hub ids, folders.

A registered model reads an answer exactly as it read texts in its own training: a classifier
behind its cleaning and its template, a reward model with the question before the answer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from tasks.config import RewardConfig
from tasks.errors import RequestError, ThawError
from tasks.kinds.labels.package import Package
from tasks.kinds.policy.rewards import Reward, named_function
from tasks.kinds.ranking.classifier_reward import ClassifierReward, label_column, load_classifier
from tasks.kinds.ranking.package import RewardModel
from tasks.models.anatomy import context_length
from tasks.models.base_models import locate
from tasks.registry.stages import PACKAGE, is_reference, package_folder
from tasks.training.device import uses_gpu

FIELD = "rewards[].model"


@dataclass(frozen=True)
class PackageReward:
    """A label's logit of a registered classifier."""

    name: str
    weight: float
    identity: str
    package: Package
    column: int

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        """The label's logit for each answer, before the calibration's temperature."""
        logits: list[float] = self.package.logits(list(answers))[:, self.column].tolist()
        return logits


@dataclass(frozen=True)
class RegisteredReward:
    """The reward that a registered reward model gives."""

    name: str
    weight: float
    identity: str
    package: RewardModel

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        """The reward of each answer to its prompt."""
        return self.package.rewards(prompts, answers)


def build_rewards(configs: Sequence[RewardConfig], digests: Sequence[str]) -> list[Reward]:
    """Load every part, on the GPU where there is one.

    Args:
        configs: the parts; registered models are pinned (`pinning.pin`).
        digests: of the model behind each; empty for a plain function.

    Raises:
        RequestError: a label or a function that there is not, a model that does not score.
        ThawError: a model cannot be loaded.
    """
    return [build_reward(*each) for each in zip(configs, digests, strict=True)]


def build_reward(config: RewardConfig, digest: str) -> Reward:
    """One part of it; see `build_rewards`."""
    if config.model is None:
        return named_function(str(config.function), config.weight, config.title)
    if is_reference(config.model):
        return _of_package(config, package_folder(digest), digest)
    model, tokenizer, labels = load_classifier(locate(config.model, FIELD))
    if uses_gpu():
        model.cuda()
    context = context_length(model.config) or config.max_length
    return ClassifierReward(
        config.title,
        model,
        tokenizer,
        labels,
        config.label,
        config.weight,
        max_length=min(config.max_length, context),
        identity=digest,
    )


def _of_package(config: RewardConfig, folder: Path, digest: str) -> Reward:
    try:
        return _read_package(config, folder, digest)
    except RequestError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ThawError(
            f"The registered model {config.model} cannot be read, perhaps because another version "
            f"of Thaw made it ({str(error).splitlines()[0]}): train it again."
        ) from error


def _read_package(config: RewardConfig, folder: Path, digest: str) -> Reward:
    about = json.loads((folder / PACKAGE).read_text(encoding="utf-8"))
    common = (config.title, config.weight, digest)
    if "labels" in about:
        classifier = Package.load(folder)
        column = label_column(config.title, classifier.info.labels, config.label)
        if uses_gpu():
            classifier.model.cuda()
        return PackageReward(*common, classifier, column)
    if "deviation" in about:
        raise RequestError(
            f"{FIELD}={config.model} is a registered model that gives numbers: name a classifier "
            "or a reward model."
        )
    if (folder / "head.json").is_file():
        if config.label is not None:
            raise RequestError(
                f"The reward {config.title} names the label {config.label!r}, and {config.model} "
                "is a reward model, which has one output and no labels: leave label out."
            )
        scorer = RewardModel.load(folder)
        if uses_gpu():
            scorer.model.cuda()
        return RegisteredReward(*common, scorer)
    raise RequestError(
        f"{FIELD}={config.model} is a registered model that does not score texts: name a "
        "classifier or a reward model."
    )
