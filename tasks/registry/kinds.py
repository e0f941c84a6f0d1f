"""How the model of each task is packaged for MLflow: which file runs it, and on what libraries."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from tasks.config.base import Task
from tasks.storage import TableRef

CHECKED_ROWS = 8
# What every package's code imports.
_REQUIREMENTS = (
    "mlflow",
    "torch",
    "transformers",
    "safetensors",
    "tokenizers",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "filelock",
    "httpx",
    "tqdm",
)
OF_WRITERS = ("datasets", "peft", "pylatexenc", "rapidfuzz", "scipy")


def text_examples(test: TableRef) -> list[Any]:
    """Texts of the test part (column `text`), spread over their lengths."""
    return _spread(test.read(["text"])["text"].tolist())


def picture_examples(test: TableRef) -> list[Any]:
    """Questions of the test part (columns `question` and `path`) with their pictures in base64.

    So that an example means the same on another machine.
    """
    frame = test.read(["question", "path"])
    place = {question: row for row, question in enumerate(frame["question"])}
    rows = [place[question] for question in _spread(list(place))]
    return [
        {"question": question, "image": base64.b64encode(Path(path).read_bytes()).decode()}
        for question, path in frame.iloc[rows].itertuples(index=False)
    ]


def reward_examples(test: TableRef) -> list[Any]:
    """Answers of the test part (columns `text`, `chosen`, `rejected`) with their questions."""
    frame = test.read(["text", "chosen", "rejected"])
    asked = {
        answer: question
        for question, *answers in frame.itertuples(index=False)
        for answer in answers
    }
    return [{"question": asked[answer], "answer": answer} for answer in _spread(list(asked))]


def _spread(texts: list[str]) -> list[str]:
    return sorted(texts, key=len)[:: max(1, len(texts) // CHECKED_ROWS)][:CHECKED_ROWS]


@dataclass(frozen=True)
class Kind:
    """How models of one task are packaged.

    Attributes:
        file: beside this one; MLflow runs it to load the model.
        extra: libraries that it needs besides those of every package.
        params: of its `predict`, with their defaults.
        examples: rows of the test part as `predict` takes them, by which a package is checked.
    """

    file: str = "packaged.py"
    extra: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=lambda: {"rendered": False})
    examples: Callable[[TableRef], list[Any]] = text_examples

    @property
    def requirements(self) -> list[str]:
        """The libraries, pinned to what the model was trained with."""
        return [f"{name}=={installed_version(name)}" for name in (*_REQUIREMENTS, *self.extra)]


_WRITER = Kind("packaged_writer.py", OF_WRITERS, {"rendered": False, "beams": 0})
KINDS: dict[Task, Kind] = {
    "multi_label": Kind(),
    "single_label": Kind(),
    "completion": _WRITER,
    "policy": _WRITER,
    "preference": Kind(
        "packaged_reward.py",
        ("datasets",),
        {"rendered": False, "question": ""},
        reward_examples,
    ),
    "vqa": Kind("packaged_pictures.py", ("pillow",), {"beams": 0}, picture_examples),
}
