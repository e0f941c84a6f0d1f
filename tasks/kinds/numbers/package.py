"""A trained model of a number in one folder, with the scale that brings its answers back."""

from typing import Any

from tasks.kinds.numbers.answers import answers
from tasks.registry.model_folder import FolderInfo, ModelFolder


class NumberInfo(FolderInfo):
    """The same of a model that gives a number.

    `mean` and `deviation` are those of the training part, in `unit`.
    """

    mean: float
    deviation: float
    unit: str = ""


class NumberPackage(ModelFolder[NumberInfo]):
    """A loaded model that gives numbers."""

    info_type = NumberInfo

    @property
    def spread(self) -> float:
        """How far answers usually lie apart."""
        return self.info.deviation

    def predict(self, texts: list[str], rendered: bool = False) -> list[dict[str, Any]]:
        """For each text its number; see `answers`, and `ModelFolder.logits` for the arguments."""
        info = self.info
        return answers(self.logits(texts, rendered)[:, 0], info.mean, info.deviation, info.unit)
