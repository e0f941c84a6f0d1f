"""A model of words in one folder, as `model_folder.py` has transformers.

<folder>/package.json                       what it has to know
<folder>/words.json, words.safetensors      the model, see `evaluation/word_model.py`
"""

from pathlib import Path
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from tasks.config import DataConfig
from tasks.evaluation.word_model import WordModel
from tasks.storage import write_text


class WordsInfo(BaseModel):
    """What a package knows about itself besides the model; `data` as in `FolderInfo`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    name: str
    data: DataConfig
    arm_key: str


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
