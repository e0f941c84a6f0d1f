"""TF-IDF with a regression as arrays: what it answers, and how it is kept without pickle.

<folder>/words.json            the words and word pairs, or the runs of characters, in the order of
                               the weights
<folder>/words.safetensors     inverse document frequencies, weights, intercepts
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer

from tasks.storage import write_text

Reading = Literal["words", "characters"]
READINGS: dict[Reading, dict[str, Any]] = {
    "words": {"ngram_range": (1, 2), "sublinear_tf": True},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 4), "sublinear_tf": True},
}
"""What of a text the vectoriser reads: its words and pairs of words; or, in any script, runs of two
to four characters that reach over no blank (fastText's subwords are such)."""


@dataclass(frozen=True)
class WordModel:
    """Fitted regressions over the words, or the characters, of a text.

    Attributes:
        words: that it knows (or runs of characters); none where the training texts had none.
        idf: (words,), at least one number.
        weights: (outputs, words), at least one column.
        intercepts: (outputs,).
        columns: int (outputs,), the label that each output is about.
        constants: (labels,), the answer about labels that no output is about.
        exclusive: a row has exactly one of the labels.
        reading: what it reads; models of earlier releases read words.
    """

    words: tuple[str, ...]
    idf: np.ndarray
    weights: np.ndarray
    intercepts: np.ndarray
    columns: np.ndarray
    constants: np.ndarray
    exclusive: bool
    reading: Reading = "words"

    def logits(self, texts: list[str]) -> np.ndarray:
        """(texts, outputs)."""
        found = np.tile(self.intercepts, (len(texts), 1))
        if texts and self.words and len(self.weights):
            vectoriser = TfidfVectorizer(**READINGS[self.reading], vocabulary=self.words)
            vectoriser.idf_ = self.idf
            found += vectoriser.transform(texts) @ self.weights.T
        return np.asarray(found)

    def probabilities(self, texts: list[str]) -> np.ndarray:
        """(texts, labels), float32."""
        found, logits = np.tile(self.constants, (len(texts), 1)), self.logits(texts)
        if logits.size:
            found[:, self.columns] = softmax(logits, axis=1) if self.exclusive else expit(logits)
        return found.astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the two files."""
        names = ("idf", "weights", "intercepts", "columns", "constants")
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in names}
        save_file(arrays, folder / "words.safetensors")
        told = {"reading": self.reading, "exclusive": self.exclusive, "words": self.words}
        write_text(folder / "words.json", json.dumps(told, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        told = json.loads((folder / "words.json").read_text("utf-8"))
        arrays = load_file(folder / "words.safetensors")
        return cls(
            words=tuple(told["words"]),
            exclusive=told["exclusive"],
            reading=told.get("reading", "words"),
            **arrays,
        )
