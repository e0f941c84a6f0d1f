"""A trained classifier in one folder, with its labels, thresholds and template."""

from typing import Any, Literal

import numpy as np

from tasks.kinds.labels.answers import answers
from tasks.models.classifier import to_probabilities
from tasks.registry.model_folder import FolderInfo, ModelFolder


class PackageInfo(FolderInfo):
    """The same of a classifier that gives labels."""

    task: Literal["multi_label", "single_label"]
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    temperature: float = 1.0


class Package(ModelFolder[PackageInfo]):
    """A loaded classifier that gives labels."""

    info_type = PackageInfo

    def probabilities(self, texts: list[str], rendered: bool = False) -> np.ndarray:
        """(n, labels) probabilities in float32 arithmetic, the same on every machine.

        Args:
            texts: raw texts, or whole model inputs when `rendered`.
            rendered: the template has been applied already.
        """
        logits = self.logits(texts, rendered)
        return to_probabilities(logits / self.info.temperature, self.info.task)

    def predict(self, texts: list[str], rendered: bool = False) -> list[dict[str, Any]]:
        """For each text its labels by falling probability, and the probability of every label.

        Multi-label: the labels at or above their threshold, possibly none. Single-label: the
        most probable one.
        """
        found = self.probabilities(texts, rendered)
        return answers(found, self.info.task, self.info.labels, self.info.thresholds)
