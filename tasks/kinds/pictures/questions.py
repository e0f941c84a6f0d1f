"""The questions, answers and pictures of an arm's three parts as numbers: each text once.

Questions repeat (a few thousand different ones in tens of thousands), pictures have several
questions, and a few hundred answers cover most. So each is tokenised, read or encoded once, and a
row of a part is three places.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from torch import Tensor

from tasks.config import PARTS
from tasks.kinds.pictures.model.model import IGNORED
from tasks.kinds.pictures.model.processing import MultimodalProcessor
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.batching import token_ids

_COLUMNS = ["id", "question", "question_type", "answer_type", "answer", "answers", "image", "path"]


@dataclass(frozen=True)
class AskedPart:
    """One part.

    Attributes:
        frame: a row a question, as `ingestion.vqa.parts` stored it.
        questions, pictures, answers: (n,) places in the lists of `Asked`.
    """

    frame: pd.DataFrame
    questions: np.ndarray
    pictures: np.ndarray
    answers: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: np.ndarray) -> "AskedPart":
        """Some of its rows."""
        places = (self.questions, self.pictures, self.answers)
        return AskedPart(self.frame.iloc[rows], *(each[rows] for each in places))


@dataclass(frozen=True)
class Asked:
    """All parts of an arm.

    Attributes:
        texts: the different questions, sorted.
        pictures: keys of the different pictures, sorted; `paths` in the same order.
        answers: the different answers, sorted.
        parts: by name.
    """

    texts: tuple[str, ...]
    pictures: tuple[str, ...]
    paths: tuple[Path, ...]
    answers: tuple[str, ...]
    parts: dict[str, AskedPart]


@dataclass(frozen=True)
class EncodedTexts:
    """Questions and answers in tokens.

    Attributes:
        questions: token ids of each different question.
        cut: how many of them were longer than the limit.
        unreadable: how many of them are in an alphabet that the tokenizer has never met.
        answers: (answers, longest) of token ids with the end token, then `IGNORED`.
    """

    questions: list[list[int]]
    cut: int
    unreadable: int
    answers: Tensor

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each different question."""
        return np.array([len(row) for row in self.questions], dtype=np.int64)

    def labels(self, answers: np.ndarray) -> Tensor:
        """(rows, longest of them) of the answers at those places."""
        rows = self.answers[torch.as_tensor(answers)]
        return rows[:, : int((rows != IGNORED).sum(1).max())]


def read_questions(spec: ArmSpec) -> Asked:
    """What the arm is asked; the arms of a sweep share it."""
    return _read(spec.train, spec.validation, spec.test)


@lru_cache(maxsize=2)
def _read(*tables: TableRef) -> Asked:
    frames = [table.read(_COLUMNS) for table in tables]
    whole = pd.concat(frames, ignore_index=True)
    texts, question = np.unique(whole["question"].to_numpy(dtype=str), return_inverse=True)
    keys, first, picture = np.unique(
        whole["image"].to_numpy(dtype=str), return_index=True, return_inverse=True
    )
    answers, answer = np.unique(whole["answer"].to_numpy(dtype=str), return_inverse=True)
    bounds = np.cumsum([0, *map(len, frames)])
    return Asked(
        texts=tuple(texts.tolist()),
        pictures=tuple(keys.tolist()),
        paths=tuple(Path(path) for path in whole["path"].iloc[first]),
        answers=tuple(answers.tolist()),
        parts={
            name: AskedPart(frame, question[low:high], picture[low:high], answer[low:high])
            for name, frame, low, high in zip(PARTS, frames, bounds, bounds[1:], strict=False)
        },
    )


def encode_texts(asked: Asked, processor: MultimodalProcessor) -> EncodedTexts:
    """Tokenise every different question and answer."""
    ids, cut = token_ids(list(asked.texts), processor.questions, processor.question_tokens)
    marks = {*processor.questions.all_special_ids}  # the unknown token among them
    unreadable = sum(marks.issuperset(row) for row in ids)
    return EncodedTexts(ids, cut, unreadable, processor.read_answers(asked.answers))


def training_rows(part: AskedPart, name: str, texts: EncodedTexts) -> Dataset:
    """The part as the Trainer takes it: each row's place, its picture and its length in tokens."""
    columns: dict[str, Any] = {
        "row": np.arange(len(part)),
        "part": np.full(len(part), PARTS.index(name)),
        "picture": part.pictures,
        "length": texts.lengths[part.questions],
    }
    return Dataset.from_dict({key: values.tolist() for key, values in columns.items()})
