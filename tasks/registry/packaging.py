"""How a model is packaged for MLflow: which file runs it, on what libraries, checked by what."""

import ast
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Protocol

import tasks
from tasks.config import CaseConfig
from tasks.evaluation.outcomes import Outcome
from tasks.registry.fresh import FreshModel
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


def text_examples(test: TableRef) -> list[Any]:
    """Texts of the test part (column `text`), spread over their lengths."""
    return spread(test.read(["text"])["text"].tolist())


def spread(texts: list[str]) -> list[str]:
    """A few of the texts, from short to long."""
    return sorted(texts, key=len)[:: max(1, len(texts) // CHECKED_ROWS)][:CHECKED_ROWS]


@dataclass(frozen=True)
class Packaging:
    """How models of one kind are packaged.

    Attributes:
        file: below `tasks/`; MLflow runs it to load the model.
        extra: libraries that it needs besides those of every package.
        params: of its `predict`, with their defaults.
        examples: rows of the test part as `predict` takes them, by which a package is checked.
        libraries: what the answers wait for, if they come first: modules that take seconds to
            import.
        any_rows: `predict` takes texts, records and tables (`asked.py`), of which MLflow has no
            one type: it is told of the parameters alone.
    """

    file: str
    extra: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=lambda: {"rendered": False})
    examples: Callable[[TableRef], list[Any]] = text_examples
    libraries: tuple[str, ...] = ("torch", "transformers.modeling_utils")
    any_rows: bool = False

    @property
    def requirements(self) -> list[str]:
        """The libraries, pinned to what the model was trained with."""
        return [f"{name}=={_release(name)}" for name in (*_REQUIREMENTS, *self.extra)]

    def bring_code(self, folder: Path) -> Path:
        """Copy the modules that the file reaches into a folder; returns that of the copy.

        A package brings the code of its kind and not the whole of `tasks/`.
        """
        here = Path(str(tasks.__file__)).parent
        start = "tasks." + self.file.removesuffix(".py").replace("/", ".")
        for file in modules_of(start):
            copy = folder / "tasks" / file.relative_to(here)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        return folder / "tasks"


def modules_of(start: str) -> set[Path]:
    """The files of `tasks/` that a module imports, itself among them.

    Read from the sources and followed through all of them: imports within functions, too, and
    modules that a string names (`tasks.kinds.labels.package:Package`).
    """
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        parts = waiting.pop().split(".")
        for length in range(1, len(parts) + 1):
            file = _file_of(parts[:length])
            if file is not None and file not in found:
                found.add(file)
                waiting += _named_in(file)
    return found


_MODULE = re.compile(r"(tasks(?:\.\w+)+)(?::\w+)?")


def _named_in(file: Path) -> Iterator[str]:
    """What may be modules of `tasks` among the names in a source."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        match node:
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from (f"{module}.{each.name}" for each in names)
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.Constant(value=str(text)) if named := _MODULE.fullmatch(text):
                yield named[1]


def _file_of(parts: list[str]) -> Path | None:
    """The file of the module `a.b.c`, if it is one of `tasks`."""
    if parts[0] != "tasks":
        return None
    place = Path(str(tasks.__file__)).parent.joinpath(*parts[1:])
    files = (place / "__init__.py", place.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


def _release(name: str) -> str:
    """The installed version, without what a build of it adds (`2.13.0+cpu`): no index has that."""
    return installed_version(name).partition("+")[0]


class Packager(Protocol):
    """What the registry asks of a kind of case: `tasks/kinds/kind.py` says it of each method."""

    packaging: Packaging

    def package(self, best: Outcome, config: CaseConfig) -> Any:
        """A finished arm's model with all that answering needs."""

    def champion_figure(
        self, champion: FreshModel, best: Outcome, config: CaseConfig, test: TableRef
    ) -> float:
        """The primary figure of a standing champion on the test rows of the best arm."""

    def figure(self, outcome: Outcome, best: Outcome, config: CaseConfig) -> float:
        """The primary figure of an outcome's predictions, anew."""

    def floor_title(self, floor: Outcome) -> str:
        """How a verdict calls the outcome that a champion has to beat."""
