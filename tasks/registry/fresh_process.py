"""The processes in which packaged models are asked (`fresh_child.py`), each for one question.

Most of a question's time is the import of large libraries. Whoever knows that one will come lets
its process start before, and goes on:

    with ahead(["torch"]):
        …                           as long as the imports take
        FreshModel(folder).predict(rows)
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks.paths import PICTURES

CHILD = Path(__file__).with_name("fresh_child.py")


class FreshProcessError(Exception):
    """It gave no answer; says how it ended, for a sentence that begins with the model's name."""


class FreshProcess:
    """An isolated interpreter in a folder of its own, which waits for a question."""

    def __init__(self, libraries: Sequence[str] = ()) -> None:
        """Let it start.

        Args:
            libraries: to import before the question comes.

        Raises:
            OSError: it cannot be started.
        """
        self._scratch = tempfile.TemporaryDirectory(prefix="thaw-fresh-")
        self.here = Path(self._scratch.name)
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(CHILD), *libraries],
            cwd=self.here,
            env=_environment(self.here),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )

    def ask(self, request: str, seconds: float) -> Any:
        """What it answers, see `fresh_child.py`.

        Raises:
            FreshProcessError: it gives no answer, or takes more seconds than that.
        """
        try:
            out, err = self.process.communicate(request, seconds)
        except subprocess.TimeoutExpired as error:
            raise FreshProcessError(f"did not answer within {seconds:.0f} s") from error
        answered = self.here / "answer.json"
        if self.process.returncode != 0 or not answered.is_file():
            raise FreshProcessError(_death(self.process.returncode, err or out))
        return json.loads(answered.read_text(encoding="utf-8"))

    def close(self) -> None:
        """End it, if it has not ended, and leave nothing of it."""
        self.process.kill()
        self.process.communicate()
        self._scratch.cleanup()


_waiting: list[FreshProcess] = []  # started ahead, and asked nothing yet


@contextmanager
def ahead(libraries: Sequence[str] | None) -> Iterator[None]:
    """Let a process start now that answers the next question asked within, if one is asked.

    Args:
        libraries: that it imports meanwhile, beside MLflow; None starts no process.
    """
    started: list[FreshProcess] = []
    with suppress(OSError):  # whoever asks is told
        if libraries is not None:
            started = [FreshProcess(["mlflow.pyfunc", *libraries])]
    _waiting.extend(started)
    try:
        yield
    finally:
        for process in started:
            if process in _waiting:
                _waiting.remove(process)
                process.close()


def ask(request: str, seconds: float) -> Any:
    """Put a question to a process: one that was started ahead, or a new one.

    Args:
        request: JSON, see `fresh_child.py`.
        seconds: that it may take.

    Raises:
        FreshProcessError: it cannot be started, or gives no answer in time.
    """
    process = _next()
    try:
        return process.ask(request, seconds)
    finally:
        process.close()


def _next() -> FreshProcess:
    """The first that still waits, or a new one."""
    while _waiting:
        process = _waiting.pop(0)
        if process.process.poll() is None:
            return process
        process.close()
    try:
        return FreshProcess()
    except OSError as error:
        raise FreshProcessError(f"could not be started ({error})") from error


def _environment(nowhere: Path) -> dict[str, str]:
    """This process's, without what leads to anything but the package."""
    changed = dict.fromkeys(("THAW_RUNS", "THAW_STORE", "THAW_CACHE", "THAW_CONF"), str(nowhere))
    changed |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "THAW_OFFLINE": "1"}
    dropped = {"MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", PICTURES}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | changed


def _death(code: int, said: str) -> str:
    """How a process ended that gave no answer."""
    if code < 0:
        return f"was ended by signal {-code} (9: most likely for want of memory)"
    last = said.strip().splitlines()[-1:] or ["no message"]
    return f"ended without an answer: {last[0]}"
