"""The other side of `fresh.py`: one packaged model, its own code, one question.

    python -I fresh_child.py [LIBRARY …] < request

Run by its path, so that nothing of the checkout it lies in can be imported: this file knows the
standard library and, once the packaged code is the only `tasks` in reach, MLflow. The request is
JSON: the folder of the model, variables of the environment, and what is asked. The answer is
written to `answer.json` in the current folder. The libraries are those that it need not wait for
the request to import.
"""

import contextlib
import gc
import importlib
import json
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

THAW = ("tasks", "flows")  # the names that a checkout or an installation would answer to


class PackagedOnly:
    """A finder that lets the packaged code folder alone answer for some names.

    It stands before all others, so that neither an entry of `sys.path` nor the finder of an
    editable installation gives a module that the package lacks.
    """

    def __init__(self, code: Path) -> None:
        brought = {entry.stem for entry in code.iterdir()} if code.is_dir() else set()
        self.code, self.names = str(code), brought.union(THAW)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's place in the package; None for names that are none of the package's.

        Raises:
            ModuleNotFoundError: the package does not bring it.
        """
        if name.partition(".")[0] not in self.names:
            return None
        found = PathFinder.find_spec(name, [self.code] if path is None else path, target)
        if found is None:
            raise ModuleNotFoundError(f"the package does not bring its module {name}", name=name)
        return found


def no_checkout() -> None:
    """Take checkouts off the path."""
    sys.path[:] = [entry for entry in sys.path if not _is_checkout(Path(entry))]


def _is_checkout(entry: Path) -> bool:
    """Whether modules of Thaw lie here, and no other installed distributions beside them."""
    holds = any((entry / name / "__init__.py").is_file() for name in THAW)
    return holds and not any(entry.glob("*.dist-info"))


def answer(folder: Path, request: dict[str, Any]) -> Any:
    """What the model says: of its `predict`, or of another method of its package."""
    import mlflow.pyfunc

    # Nobody reads its warnings here, for which it would look at all that is installed.
    model = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
    gc.freeze()
    gc.enable()
    if request["method"] == "predict":
        return model.predict(request["rows"], params=request["params"])
    package = model.unwrap_python_model().package
    method = getattr(package, request["method"], None)
    if method is None:
        raise AttributeError(f"its code has no {request['method']}")
    return method(*request["arguments"])


def plain(value: Any) -> Any:
    """An array, or one of its numbers, as JSON has it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")


def main(libraries: list[str]) -> int:
    """Write `{"answer": …}`, or `{"error": …, "exit_code": …}`; nothing where nobody asks."""
    no_checkout()
    gc.disable()  # what is imported stays: to look through it again and again takes a fifth
    for name in libraries:
        with contextlib.suppress(ImportError):  # a model that needs it will say so
            importlib.import_module(name)
    said = sys.stdin.read()
    if not said:
        return 0
    request = json.loads(said)
    os.environ.update(request["environment"])
    folder = Path(request["model"])
    sys.meta_path.insert(0, PackagedOnly(folder / "code"))
    try:
        found = json.dumps({"answer": answer(folder, request)}, default=plain)
    except Exception as error:  # a model of any origin may fail in any way
        why = str(error).strip() or type(error).__name__
        found = json.dumps({"error": why, "exit_code": getattr(error, "exit_code", 1)})
    Path("answer.json").write_text(found, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
