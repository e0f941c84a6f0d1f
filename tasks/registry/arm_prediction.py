"""Prediction with finished arms, by strategy: the champion is only one of them.

An arm that trained a soft prompt left kilobytes behind, and the base model as it was. So one base
model in memory serves any number of them:

    prompts = Prompts("minilm")
    prompts.add(folder_of_an_arm, config)
    prompts.add(folder_of_another, config_of_its_case, name="stars")
    prompts.predict("stars", ["Broke after a week."])
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.address import Address
from tasks.config import CaseConfig
from tasks.errors import RequestError
from tasks.evaluation.comparison import best_outcome
from tasks.evaluation.outcomes import Outcome
from tasks.models.base_models import load_backbone, locate
from tasks.paths import store_dir
from tasks.registry.package import Package
from tasks.registry.promotion import AnyPackage, build_package, package_of
from tasks.tracking import Tracker
from tasks.training.building import read_spec


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


def load_arm(case: str, strategy: str, tracking: Address | str | None = None) -> AnyPackage:
    """The arm of that strategy in the case's latest finished sweep, with any strategy's name.

    Of several (seeds, points of a grid) the one that validation chose.

    Raises:
        RequestError: no sweep is finished, it has no such arm (the sentence names those that it
            has), or what the arm left behind is gone.
    """
    tracker = Tracker(tracking)
    sweep = tracker.latest_sweep(case)
    folders: dict[str, list[Path]] = {}
    for run in tracker.find_runs(case, {"thaw.kind": "arm", "mlflow.parentRunId": sweep}):
        folder = store_dir() / "arms" / run.data.tags["thaw.arm"]
        folders.setdefault(run.data.tags["thaw.strategy"], []).append(folder)
    if strategy not in folders:
        raise RequestError(
            f"The latest sweep of {case} has no arm of strategy {strategy}: it has "
            f"{', '.join(sorted(folders))}."
        )
    config = _config_of(tracker, sweep, case)
    return package_of(best_outcome(list(map(read_outcome, folders[strategy])), config), config)


def read_outcome(folder: Path) -> Outcome:
    """What a finished arm came to.

    Raises:
        RequestError: the folder does not hold it any more.
    """
    try:
        found = Outcome.model_validate_json((folder / "outcome.json").read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise RequestError(
            f"The arm in {folder} cannot be read any more: the same `thaw run` trains it again."
        ) from error
    # The store may have been moved since.
    return found.model_copy(update={"folder": str(folder)})


def _config_of(tracker: Tracker, sweep: str, case: str) -> CaseConfig:
    """The configuration that the sweep ran with, overrides included."""
    try:
        return CaseConfig.model_validate_json(tracker.read_text(sweep, "config.json"))
    except ValidationError as error:
        raise RequestError(
            f"The latest sweep of {case} was made by another version of Thaw: `thaw run {case}` "
            "makes one that this version reads."
        ) from error
