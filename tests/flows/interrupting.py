"""A command that gets a signal at a chosen moment."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from genre_runs import ROOT, options
from prefect.settings import PREFECT_API_URL

LONGEST = 120.0
"""Seconds after which a moment counts as missed."""

Moment = Callable[[Path], bool]


def checkpoints(folder: Path) -> set[Path]:
    return set(folder.glob("store/arms/*/checkpoint-*/trainer_state.json"))


def after_a_checkpoint(folder: Path) -> bool:
    """The first arm is under way and has written something to go on from."""
    return len({path.parent.name for path in checkpoints(folder)}) >= 2


def interrupt(
    python: str,
    overrides: tuple[str, ...],
    folder: Path,
    moment: Moment,
    sign: int,
    case: str = "genre",
) -> int:
    """Start the command in a process of its own, send it a signal at a moment; its exit code.

    Args:
        python: the program that runs `-m flows.cli run CASE`.
        overrides: of the case.
        folder: holds the runs and the store.
        moment: when.
        sign: which signal.
        case: its name.
    """
    command = [python, "-m", "flows.cli", "run", case, *options(*overrides)]
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            last = time.monotonic() + LONGEST
            while not moment(folder):
                assert process.poll() is None, (folder / "output.txt").read_text()
                assert time.monotonic() < last
                time.sleep(0.002)
            process.send_signal(sign)
            return process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
