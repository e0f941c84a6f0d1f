"""A classifier of words as a package."""

from typing import Any, Literal

import numpy as np

from tasks.ingestion.prepare import render_bare
from tasks.kinds.labels.answers import answers
from tasks.registry.words_folder import WordsFolder, WordsInfo


class ClassicalInfo(WordsInfo):
    """The same of a classifier."""

    task: Literal["multi_label", "single_label"]
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]


class ClassicalPackage(WordsFolder[ClassicalInfo]):
    """A classifier."""

    info_type = ClassicalInfo

    def probabilities(self, texts: list[str], rendered: bool = False) -> np.ndarray:
        """(n, labels); arguments as `Package.probabilities` has them."""
        inputs = texts if rendered else [render_bare(text, self.info.data) for text in texts]
        return self.words.probabilities(inputs)

    def predict(self, texts: list[str], rendered: bool = False) -> list[dict[str, Any]]:
        """What `Package.predict` says, by this model."""
        found = self.probabilities(texts, rendered)
        return answers(found, self.info.task, self.info.labels, self.info.thresholds)
