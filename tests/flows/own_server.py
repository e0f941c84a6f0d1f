"""A real Prefect server with its pages, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

PATIENCE = 300.0
"""Seconds that a busy machine may take to start a server or to show a page."""
# What watches the clock writes to the database, which then is locked for others on a busy machine.
IDLE = ("SCHEDULER", "LATE_RUNS", "FOREMAN", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS")


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@contextmanager
def own_server(home: Path) -> Iterator[str]:
    """The address of a server that keeps everything below `home`; it takes in events, too."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    own = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_UI_API_URL": f"{address}/api",
        "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        **{f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in IDLE},
    }
    app = ["--factory", "prefect.server.api.server:create_app", "--port", port]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *app, "--log-level", "error"],
            env=os.environ | own,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_for(process, f"{address}/api/health", home / "server.log")
            yield address
        finally:
            process.kill()
            process.wait()


def wait_for(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    """Wait until a server answers."""
    last = time.monotonic() + PATIENCE
    while not answers(health):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < last
        time.sleep(0.2)


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=10, trust_env=False).is_success
    except httpx.TransportError:
        return False
