"""A Python that has imported the large libraries and forks for each command: `forked.py` asks it.

    python -I zygote.py SOCKET

Each command is a process of its own with the environment, folder, arguments and open files of
whoever asks, and none of Thaw's modules: only what Thaw's own code imports is there already, which
would cost every process ten to twenty seconds. It ends when nobody holds a connection any more.
"""

import array
import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

LIBRARIES = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "scipy.optimize",
    "sklearn.metrics",
    "sklearn.linear_model",
    "sklearn.feature_extraction.text",
    "torch",
    "torch.optim.lr_scheduler",
    "safetensors.torch",
    "datasets",
    "evaluate",
    "transformers.trainer",
    "transformers.pipelines",
    "transformers.models.bert.modeling_bert",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.models.auto.tokenization_auto",
    "mlflow",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "great_expectations",
    "openai",
    "prefect",
    "prefect.client.orchestration",
    "prefect.server.api.server",
    "prefect.server.schemas.schedules",
)
MESSAGE = 1 << 20
ABOVE = 256  # no process that is started here has so many files


def serve(place: str) -> None:
    """Fork for everybody who asks, until nobody is left."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place + ".new")
    listening.listen(64)
    Path(place + ".new").rename(place)  # from now on somebody answers
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    holders: set[socket.socket] = set()
    running: dict[int, socket.socket] = {}
    came = False
    while holders or running or not came:
        ready, _, _ = select.select([listening, woken, *holders, *running.values()], [], [])
        for one in ready:
            if one is listening:
                asking, _ = listening.accept()
                came = True
                _take(asking, holders, running)
            elif one is woken:
                os.read(woken, 1024)
                _bury(running)
            elif one in holders:
                one.close()
                holders.remove(one)
            else:
                for pid in [pid for pid, asking in running.items() if asking is one]:
                    _pass_on(pid, running)


def _take(
    asking: socket.socket, holders: set[socket.socket], running: dict[int, socket.socket]
) -> None:
    """Fork for a command, or remember that somebody is there who may ask."""
    said, files = _received(asking)
    if not said:
        holders.add(asking)
        return
    pid = os.fork()
    if pid == 0:
        _become(said, files)
    for number in files:
        os.close(number)
    running[pid] = asking


def _received(asking: socket.socket) -> tuple[dict[str, Any], list[int]]:
    numbers = array.array("i")
    message, extra, _, _ = asking.recvmsg(MESSAGE, socket.CMSG_LEN(ABOVE * numbers.itemsize))
    for _, _, data in extra:
        numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    while message and not message.endswith(b"\n"):
        message += asking.recv(MESSAGE)
    return (json.loads(message) if message.strip() else {}), list(numbers)


def _bury(running: dict[int, socket.socket]) -> None:
    """Tell how each ended that has."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        asking = running.pop(pid)
        with contextlib.suppress(OSError):  # who asked may be gone
            asking.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        asking.close()


def _pass_on(pid: int, running: dict[int, socket.socket]) -> None:
    """A signal, or the death of who asked."""
    asking = running[pid]
    try:
        said = asking.recv(1)
    except OSError:
        said = b""
    os.kill(pid, said[0] if said else signal.SIGKILL)
    if not said:
        os.waitpid(pid, 0)
        asking.close()
        del running[pid]


def _become(said: dict[str, Any], files: list[int]) -> NoReturn:
    """Be the process that runs the command; see Python's own command line."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Out of the way first: a file may have come as the number that another one is to have.
        held = [fcntl.fcntl(number, fcntl.F_DUPFD, ABOVE) for number in files]
        os.closerange(0, ABOVE)
        for number, target in zip(held, said["files"], strict=True):
            os.dup2(number, target)
        os.closerange(ABOVE, 2 * ABOVE)
        multiprocessing.set_executable(said["program"])
        os.environ.clear()
        os.environ.update(said["environment"])
        os.chdir(said["folder"])
        multiprocessing.process.ORIGINAL_DIR = said["folder"]  # type: ignore[attr-defined]
        if context := sys.modules.get("prefect.context"):
            context.refresh_global_settings_context()
        code = _run(list(said["arguments"]))
    except BaseException:
        traceback.print_exc()
    os._exit(code)


def _run(arguments: list[str]) -> int:
    """Run `[-I] FILE …`, `-c CODE …` or `-m MODULE …`, and end as Python does."""
    isolated = arguments[0] == "-I"
    first, *rest = arguments[isolated:]
    if not isolated:
        beside = str(Path(first).resolve().parent)
        extra = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:0] = [
            "" if first == "-c" else os.getcwd() if first == "-m" else beside,  # noqa: PTH109
            *filter(None, extra),
        ]
    try:
        if first == "-c":
            sys.argv = ["-c", *rest[1:]]
            exec(compile(rest[0], "<string>", "exec"), sys.modules["__main__"].__dict__)  # noqa: S102
        elif first == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [first, *rest]
            runpy.run_path(first, run_name="__main__")
        code = 0
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        code = -signal.SIGINT
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return code


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for library in LIBRARIES:
        importlib.import_module(library)
    assert not {"tasks", "flows"} & {name.partition(".")[0] for name in sys.modules}
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()
    serve(sys.argv[1])
