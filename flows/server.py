"""The Prefect server that a run talks to: the one that is configured, or a temporary one.

Prefect would start a temporary one by itself, but it gives up after 20 seconds, which a busy
machine exceeds, and a run that is killed leaves it behind.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import httpx
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.logging import get_logger
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    get_current_settings,
    temporary_settings,
)

from tasks.errors import ThawError

ANSWER = 15.0
"""Seconds that a server which runs already has for its answer."""
START = 300.0
"""Seconds that a temporary server has to start: ten do on an idle machine."""

P = ParamSpec("P")
R = TypeVar("R")


class ServedFlow(Flow[P, R]):
    """A flow that sees to its server when it is called, by the command line or a program."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it; see `ensure_server` for what it may raise before."""
        if FlowRunContext.get() is None:  # else the flow that calls it has one
            ensure_server()
        return super().__call__(*args, **kwargs)


def served(name: str, run_name: Callable[[], str]) -> Callable[[Callable[P, R]], ServedFlow[P, R]]:
    """A decorator that makes a function such a flow.

    Args:
        name: of the flow.
        run_name: makes the name of a run, within its context.
    """

    def flow(run: Callable[P, R]) -> ServedFlow[P, R]:
        return ServedFlow(run, name=name, flow_run_name=run_name)

    return flow


def ensure_server() -> None:
    """See that a server answers: the configured one, or one that ends with this process.

    Raises:
        ThawError: none answers at PREFECT_API_URL, or the temporary one does not start.
    """
    if PREFECT_API_URL.value():
        check_answers()
        return
    server = SubprocessASGIServer()  # where Prefect's clients look for theirs
    if not server.running:
        server.server_process, server.port = _started()
        server.running = True


def check_answers() -> None:
    """Raise unless the server at PREFECT_API_URL answers.

    Raises:
        ThawError: it does not; says what to do.
    """
    patience = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: ANSWER}
    with temporary_settings(patience), get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error is not None:
        parts = urlsplit(str(PREFECT_API_URL.value()))
        address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ThawError(
            f"No Prefect server answers at {address} ({reason}): start it (`prefect server start`) "
            "or unset PREFECT_API_URL, and a temporary one serves the run."
        ) from error


def _started() -> tuple["subprocess.Popen[bytes]", int]:
    """A server that answers, which ends when this process does, and its port."""
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    with TemporaryFile() as said:
        process = subprocess.Popen(
            # -P: what lies in the current folder is none of its modules.
            [sys.executable, "-P", str(Path(__file__).with_name("temporary_server.py"))],
            env={**os.environ, **settings, "PREFECT_UI_ENABLED": "0"},
            stdin=subprocess.PIPE,  # never written to: the server watches for its end
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for the run, which still has to say how it ended
        )
        port = int(next(iter(process.stdout or ()), b"0"))
        get_logger().info("Starting a temporary Prefect server, which ends with this run")
        _wait(process, f"http://127.0.0.1:{port}/api/health", said)
    return process, port


def _wait(process: "subprocess.Popen[bytes]", health: str, said: IO[bytes]) -> None:
    """Return when the server answers, however long a busy machine takes.

    Raises:
        ThawError: it ended, or never answered; with its last words.
    """
    last = time.monotonic() + START
    while time.monotonic() < last and process.poll() is None:
        try:
            if httpx.get(health, timeout=ANSWER, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    said.seek(0)
    words = said.read().decode(errors="replace")
    reasons = re.findall(r"^[\w.]+(?:Error|Exception): .+", words, re.MULTILINE) or [words[-200:]]
    what = "did not start" if process.poll() is None else f"ended with code {process.poll()}"
    process.kill()
    raise ThawError(
        f"Prefect's temporary server {what} ({reasons[-1].strip()}): free the machine, or start "
        "a server (`prefect server start`) and set PREFECT_API_URL to it."
    )
