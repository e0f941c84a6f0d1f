"""How a model is packaged for MLflow: which file runs it, on what libraries, checked by what."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from typing import Any, Protocol

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
