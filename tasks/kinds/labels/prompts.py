"""Packages of classifiers, and several of them on one base model.

An arm that trained a soft prompt left kilobytes behind, and the base model as it was. So one base
model in memory serves any number of them:

    prompts = Prompts("minilm")
    prompts.add(folder_of_an_arm, config)
    prompts.add(folder_of_another, config_of_its_case, name="stars")
    prompts.predict("stars", ["Broke after a week."])
"""

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from tasks.config import CaseConfig
from tasks.errors import RequestError
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.kind import folder_of
from tasks.kinds.labels.package import Package, PackageInfo
from tasks.models.base_models import locate
from tasks.models.loading import load_backbone, load_tokenizer
from tasks.registry.arm_prediction import read_outcome
from tasks.training.building import load_trained, read_spec


def build_package(
    best: Outcome, config: CaseConfig, backbone: PreTrainedModel | None = None
) -> Package:
    """The best arm's model with all that prediction needs.

    `backbone` is the base model where it is in memory already, see `load_trained`.
    """
    spec, model = load_trained(folder_of(best), backbone)
    info = PackageInfo(
        case=config.case,
        task=config.task,
        labels=spec.labels,
        thresholds=best.thresholds,
        temperature=best.temperature,
        max_length=spec.model.max_length,
        prompt_end=spec.model.prompt_end,
        data=config.data.without_source(),
        arm_key=best.key,
        strategy=str(best.strategy),
    )
    return Package(info, model, load_tokenizer(locate(spec.model.base)))


class Prompts:
    """One base model, loaded once, behind the soft prompts and heads of several arms.

    The arms may be those of different cases. Each is a package of its own that shares the base
    model's parameters with the others, so that changing from one to another costs nothing.
    """

    def __init__(self, base: str) -> None:
        self.located = locate(base)
        self.backbone = load_backbone(self.located)
        self.packages: dict[str, Package] = {}

    def add(self, folder: Path, config: CaseConfig, name: str | None = None) -> str:
        """Take in a finished arm; returns the name under which `predict` knows it.

        Args:
            folder: the arm's, in the store.
            config: its case, for the text's template.
            name: by default the arm's strategy.

        Raises:
            RequestError: the arm changed the base model's weights, or has another base model; or
                the name is taken.
        """
        spec = read_spec(folder)
        name = name or str(spec.strategy)
        if not spec.strategy.keeps_base:
            raise RequestError(
                f"{spec.title} changed the base model's weights, so it cannot share them: only "
                "prompt_<n> and head can."
            )
        if spec.base_digest != self.located.digest:
            raise RequestError(
                f"{spec.title} was trained on the base model {spec.model.base}, and here is "
                f"{self.located.name}: its prompt means nothing to another model."
            )
        if name in self.packages:
            raise RequestError(f"There is an arm {name} already: give this one another name.")
        self.packages[name] = build_package(read_outcome(folder), config, self.backbone)
        return name

    def predict(self, name: str, texts: list[str], rendered: bool = False) -> list[dict[str, Any]]:
        """What the arm's own package would answer; see `Package.predict`.

        Raises:
            RequestError: no arm of that name was added.
        """
        if name not in self.packages:
            known = ", ".join(self.packages) or "none"
            raise RequestError(f"There is no arm {name} here: there are {known}.")
        return self.packages[name].predict(texts, rendered)
