"""A model of words that gives a number, as a package."""

from typing import Any

from tasks.ingestion.prepare import render_bare
from tasks.kinds.numbers.answers import answers
from tasks.registry.words_folder import WordsFolder, WordsInfo


class ClassicalNumberInfo(WordsInfo):
    """The same of a model that gives a number, as `NumberInfo` has it."""

    mean: float
    deviation: float
    unit: str = ""


class ClassicalNumber(WordsFolder[ClassicalNumberInfo]):
    """A regression over words."""

    info_type = ClassicalNumberInfo

    @property
    def spread(self) -> float:
        """How far answers usually lie apart."""
        return self.info.deviation

    def predict(self, texts: list[str], rendered: bool = False) -> list[dict[str, Any]]:
        """What `NumberPackage.predict` says, by this model."""
        info = self.info
        read = texts if rendered else [render_bare(text, info.data) for text in texts]
        return answers(self.words.logits(read)[:, 0], info.mean, info.deviation, info.unit)
