"""The Prefect server that a run talks to: the one that is configured, or a temporary one.

Prefect would start a temporary one by itself, but it gives up after 20 seconds, which a busy
machine exceeds, a run that is killed leaves it behind, and the run itself imports the whole server
to find it. The command line lets it start while the run's own libraries are imported.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import httpx
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.logging import get_logger
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_LOGGING_TO_API_ENABLED,
    PREFECT_UI_URL,
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
        """Run it; see `begin` and `a_server` for what they may raise before."""
        if FlowRunContext.get() is not None:  # the flow that calls it has one
            return super().__call__(*args, **kwargs)
        begin()
        with a_server():
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


def begin() -> None:
    """See that the configured server answers; where none is, let a temporary one start.

    Raises:
        ThawError: none answers at PREFECT_API_URL.
    """
    if PREFECT_API_URL.value():
        check_answers()
    else:
        _temporary()


@contextmanager
def a_server() -> Iterator[None]:
    """What is done within talks to a server: the configured one, or the temporary one.

    Raises:
        ThawError: the temporary one does not start.
    """
    if PREFECT_API_URL.value():
        yield
        return
    address = _temporary().address()
    # It shows no pages, and is gone when somebody would look up what it was told.
    nothing = {PREFECT_UI_URL: "", PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings({PREFECT_API_URL: f"{address}/api", **nothing}):
        yield


def is_temporary() -> bool:
    """Whether the server that is talked to ends with this run."""
    begun = _temporary.cache_info().currsize > 0
    return begun and PREFECT_API_URL.value() == f"{_temporary().address()}/api"


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


class TemporaryServer:
    """A server that ends when this process does."""

    def __init__(self) -> None:
        """Let it start; nothing waits for it yet."""
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        self.said = TemporaryFile()  # noqa: SIM115 - as long as the process
        self.answers = False
        self.process = subprocess.Popen(
            # -P: what lies in the current folder is none of its modules.
            [sys.executable, "-P", str(Path(__file__).with_name("temporary_server.py"))],
            env={**os.environ, **settings, "PREFECT_UI_ENABLED": "0"},
            stdin=subprocess.PIPE,  # never written to: the server watches for its end
            stdout=subprocess.PIPE,
            stderr=self.said,
            start_new_session=True,  # Ctrl-C is for the run, which still has to say how it ended
        )

    def address(self) -> str:
        """Where it answers, as soon as it does.

        Raises:
            ThawError: it ended, or never answered; with its last words.
        """
        if not self.answers:
            get_logger().info("Starting a temporary Prefect server, which ends with this run")
            self.port = int(next(iter(self.process.stdout or ()), b"0"))
            _wait(self.process, f"http://127.0.0.1:{self.port}/api/health", self.said)
            self.answers = True
        return f"http://127.0.0.1:{self.port}"


@cache
def _temporary() -> TemporaryServer:
    return TemporaryServer()


def _wait(process: "subprocess.Popen[bytes]", health: str, said: IO[bytes]) -> None:
    """Return when the server answers, however long a busy machine takes.

    Raises:
        ThawError: it ended, or never answered; with its last words.
    """
    last = time.monotonic() + START
    # One client without certificates: to read those takes longer than the whole question.
    with httpx.Client(timeout=ANSWER, trust_env=False, verify=False) as client:  # noqa: S501
        while time.monotonic() < last and process.poll() is None:
            try:
                if client.get(health).is_success:
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
