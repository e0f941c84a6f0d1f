"""Python processes without the wait for their imports: a program that asks `zygote.py` for one.

`forked_python` is that program. It takes Python's arguments, and what it starts has its
environment, its folder, its open files, its signals and its exit code, and so have the processes
that multiprocessing starts from there. Packaged models are asked through it, except by tests that
look at that very process: they name `real_processes`. So is the Prefect server of a test run; one
with pages is as users start it.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from filelock import FileLock

PYTHON = sys.executable
ZYGOTE = Path(__file__).with_name("zygote.py")
PROGRAM = """#!{python} -IS
import array, json, os, signal, socket, sys
def is_open(number):
    try:
        return bool(os.fstat(number))
    except OSError:  # of the listing itself
        return False
files = [number for number in map(int, os.listdir("/proc/self/fd")) if is_open(number)]
with socket.socket(socket.AF_UNIX) as zygote:
    zygote.connect({place!r})
    said = dict(
        arguments=sys.argv[1:],
        environment=dict(os.environ),
        folder=os.getcwd(),
        files=files,
        program=sys.argv[0],
    )
    passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    message = json.dumps(said).encode() + b"\\n"
    sent = zygote.sendmsg([message], passed)
    zygote.sendall(message[sent:])
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, _: zygote.sendall(bytes([number])))
    code = int(zygote.makefile().readline() or -9)
if code < 0:
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class Zygote:
    """The process that forks, started when it is first wanted, for all workers of a test run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.answers = folder, True
        self._hold: socket.socket | None = None

    @property
    def program(self) -> str:
        """The path of the program, which answers from now on."""
        program, place = self.folder / "python", self.folder / "zygote"
        if self._hold is None:
            with FileLock(self.folder / "zygote.lock"):
                if not place.exists():
                    self._start(place)
                    text = PROGRAM.format(python=sys.executable, place=str(place))
                    program.write_text(text, encoding="utf-8")
                    program.chmod(0o700)
                self._hold = socket.socket(socket.AF_UNIX)
                self._hold.connect(str(place))
                self._hold.sendall(b"\n")
        return str(program)

    def _start(self, place: Path) -> None:
        with (self.folder / "zygote.txt").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-I", str(ZYGOTE), str(place)],
                cwd="/",
                env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        while not place.exists():
            assert process.poll() is None, (self.folder / "zygote.txt").read_text()
            time.sleep(0.1)

    def close(self) -> None:
        """Let it end when nobody else holds it."""
        if self._hold is not None:
            self._hold.close()


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """One for all workers of this run."""
    own = tmp_path_factory.getbasetemp()
    made = Zygote(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
    yield made
    made.close()


@pytest.fixture
def forked_python(zygote: Zygote) -> str:
    """A program that runs Python's arguments in a process of its own, at once."""
    return zygote.program


@pytest.fixture(scope="session", autouse=True)
def packages_are_asked_at_once(zygote: Zygote) -> Iterator[None]:
    """Let packaged models be asked through it, in fixtures of a session too."""
    start = subprocess.Popen.__init__

    def started(self: Any, args: Any, *others: Any, **named: Any) -> None:
        asked = list(map(str, args[:4])) if isinstance(args, list) else []
        package = asked[:2] == [PYTHON, "-I"] and asked[2].endswith("fresh_child.py")
        server = asked == [PYTHON, "-m", "uvicorn", "--app-dir"]  # of Prefect's test harness
        if zygote.answers and (package or server):
            args = [zygote.program, *args[1:]]
        start(self, args, *others, **named)

    with patch.object(subprocess.Popen, "__init__", started):
        yield


@pytest.fixture
def real_processes(zygote: Zygote) -> Iterator[None]:
    """Packaged models are asked as they are for users, in an interpreter that has just begun."""
    zygote.answers = False
    yield
    zygote.answers = True
