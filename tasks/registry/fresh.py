"""A packaged model asked in a fresh process, with the code that was packaged with it and no other.

    model = load_fresh(tracker, "models:/genre/3")
    model.predict(["a synopsis"], params={"rendered": True})     what its own `predict` returns
    model.call("nats", pairs)                                    of its package, where it has that
    model.package                                                its files, see below

A champion of an earlier release means what its own code makes of it: loaded here, it would be
given today's `tasks`. So the process is an isolated interpreter in a folder of its own, in which
no checkout and no installed Thaw can be imported (`fresh_child.py`), nor a data store, a
configuration or a hub be reached. Nothing secret is on its command line: it is given folders.

What each kind offers since the first release, for whoever judges a champion:

    labels    predict(texts, params={"rendered": True}): `labels`, `scores`, `probabilities`
    numbers   predict(texts, params={"rendered": True}): `number`, and `unit` where it has one
    writing   predict(prompts, params={"rendered": True}): `answer`, `stopped`, `tokens`;
              call("nats", [[prompt, completion], …]): floats, NaN where a pair does not fit
    ranking   predict([{"question": …, "answer": …}, …], params={"rendered": True}): `reward`
    pictures  predict([{"question": …, "image": Path}, …]): `answer`, `confidence`, …
    policy    as writing; its draws need the weights themselves: `package / "model"` and
              `package / "tokenizer"` are in transformers' format, the prompt is the field
              `language` of `package / "package.json"`

Each call costs the start of a process, some seconds: ask all rows at once. Where it is known that
a question will come, `fresh_process.ahead` lets the process start before.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tasks
from tasks.errors import RequestError, ThawError
from tasks.paths import PICTURES
from tasks.registry.fresh_process import FreshProcessError, ask
from tasks.tracking import Tracker

LOADING_SECONDS = 600.0
"""For the start and the loading of the largest models on the busiest machines."""
ROW_SECONDS = 10.0
"""More for each row: a long text by a large model."""


@dataclass(frozen=True)
class FreshModel:
    """A model in a local folder, as MLflow writes it.

    Attributes:
        folder: holds `MLmodel`, `code/` and `artifacts/`.
        name: how errors call it.
    """

    folder: Path
    name: str = "The packaged model"

    @property
    def package(self) -> Path:
        """The folder that the package was saved in."""
        return self.folder / "artifacts" / "package"

    @property
    def is_of_today(self) -> bool:
        """Whether it was packaged with the very code that runs here, so that both say the same."""
        here, there = Path(str(tasks.__file__)).parent, self.folder / "code" / "tasks"
        brought = _sources(there)
        return bool(brought) and brought.items() <= _sources(here).items()

    def predict(
        self, rows: Sequence[Any], params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """What the model's own `predict` returns for all rows.

        Args:
            rows: texts, or records whose values are texts; a `Path` is a file of this machine
                that the model may read.
            params: of the kind's `predict`.

        Raises:
            RequestError: the model refuses a row or a parameter.
            ThawError: it cannot be loaded, fails, dies, or takes too long.
        """
        request = {"method": "predict", "rows": list(rows), "params": params}
        answers: list[dict[str, Any]] = self._ask(request, len(rows), _folder_of(rows))
        return answers

    def call(self, method: str, *arguments: Sequence[Any]) -> Any:
        """What another method of the package returns; arrays come as lists.

        Raises:
            ThawError: as `predict`, or the package has no such method.
        """
        rows = max(map(len, arguments), default=0)
        return self._ask({"method": method, "arguments": arguments}, rows, None)

    def _ask(self, request: dict[str, Any], rows: int, pictures: str | None) -> Any:
        seconds = LOADING_SECONDS + ROW_SECONDS * rows
        shown = {PICTURES: pictures} if pictures else {}
        asked = {"model": str(self.folder.resolve()), "environment": shown, **request}
        try:
            said = ask(json.dumps(asked, default=str), seconds)
        except FreshProcessError as error:
            raise ThawError(f"{self.name} {error}.") from error
        if "error" in said:
            kind = RequestError if said["exit_code"] == RequestError.exit_code else ThawError
            raise kind(said["error"])
        return said["answer"]


def load_fresh(tracker: Tracker, model_uri: str) -> FreshModel:
    """A registered or logged model, brought onto this machine; nothing of it runs yet.

    Args:
        tracker: the store.
        model_uri: `models:/genre/3`, `models:/genre@champion`, a logged model's, or a folder.

    Raises:
        ThawError: its files cannot be read.
    """
    called = model_uri.removeprefix("models:/")
    return FreshModel(tracker.local_model(model_uri), f"The model {called}")


def _sources(folder: Path) -> dict[str, bytes]:
    """Each module below a folder, by its place."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.py")}


def _folder_of(rows: Sequence[Any]) -> str | None:
    """The folder below which all files lie that the rows name by `Path`, if they name any."""
    records = [row for row in rows if isinstance(row, Mapping)]
    files = {each.resolve() for row in records for each in row.values() if isinstance(each, Path)}
    return os.path.commonpath([file.parent for file in files]) if files else None
