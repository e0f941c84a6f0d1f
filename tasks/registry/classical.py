"""A model of words in one folder, as `package.py` and `reward_model.py` have transformers.

<folder>/package.json          labels, thresholds, template
<folder>/words.json, words.safetensors      the model, see `evaluation/word_model.py`
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from tasks.config import DataConfig
from tasks.evaluation.word_model import WordModel
from tasks.ingestion.prepare import clean
from tasks.registry.model_folder import render_bare
from tasks.registry.package import answers
from tasks.registry.reward_model import Rewarding
from tasks.storage import write_text


class WordsInfo(BaseModel):
    """What a package knows about itself besides the model; `data` as in `FolderInfo`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    name: str
    data: DataConfig
    arm_key: str


class ClassicalInfo(WordsInfo):
    """The same of a classifier."""

    task: Literal["multi_label", "single_label"]
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]


Info = TypeVar("Info", bound=WordsInfo)


class WordsFolder(Generic[Info]):
    """A loaded model of words."""

    info_type: type[Info]

    def __init__(self, info: Info, words: WordModel) -> None:
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
        return cls(cls.info_type.model_validate_json(told), WordModel.load(Path(folder)))


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


class ClassicalReward(WordsFolder[WordsInfo], Rewarding):
    """A reward model: it reads the answer alone."""

    info_type = WordsInfo

    def rewards(
        self, questions: Sequence[str], answers: Sequence[str], rendered: bool = False
    ) -> list[float]:
        """See `RewardModel.rewards`."""
        read = answers if rendered else [clean(answer, self.info.data) for answer in answers]
        return self.words.logits(list(read))[:, 0].tolist()
