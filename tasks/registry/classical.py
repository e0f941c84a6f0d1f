"""A classifier of words in one folder, as `package.py` has one of a transformer.

<folder>/package.json          labels, thresholds, template
<folder>/words.json, words.safetensors      the model, see `evaluation/word_model.py`
"""

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.config import DataConfig
from tasks.evaluation.word_model import WordModel
from tasks.registry.package import answers, render_bare
from tasks.storage import write_text


class ClassicalInfo(BaseModel):
    """What the package knows about itself besides the model; `data` as in `package.FolderInfo`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    name: str
    data: DataConfig
    arm_key: str
    task: Literal["multi_label", "single_label"]
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]


class ClassicalPackage:
    """A loaded classifier of words."""

    def __init__(self, info: ClassicalInfo, words: WordModel) -> None:
        self.info = info
        self.words = words

    def save(self, folder: Path) -> Path:
        """Write the package; returns `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.words.save(folder)
        write_text(folder / "package.json", self.info.model_dump_json(indent=2))
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote."""
        told = (Path(folder) / "package.json").read_text("utf-8")
        return cls(ClassicalInfo.model_validate_json(told), WordModel.load(Path(folder)))

    def probabilities(self, texts: list[str], rendered: bool = False) -> np.ndarray:
        """(n, labels); arguments as `Package.probabilities` has them."""
        inputs = texts if rendered else [render_bare(text, self.info.data) for text in texts]
        return self.words.probabilities(inputs)

    def predict(self, texts: list[str], rendered: bool = False) -> list[dict[str, Any]]:
        """What `Package.predict` says, by this model."""
        found = self.probabilities(texts, rendered)
        return answers(found, self.info.task, self.info.labels, self.info.thresholds)
