"""The Prefect server of a run: the temporary one ends with it, an absent one is a sentence."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from genre_runs import ROOT, thaw
from prefect.settings import PREFECT_API_URL, temporary_settings

RUN = """
from prefect.client.orchestration import get_client
from flows.server import a_server
from prefect.settings import PREFECT_UI_URL
import sys
with a_server(), get_client(sync_client=True) as client:
    assert not PREFECT_UI_URL.value()  # nobody could open its pages
    assert "prefect.server.api.server" not in sys.modules  # which would take seconds
    print(client.api_url, client.api_healthcheck(), flush=True)
input()
"""


def test_a_temporary_server_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    environment = os.environ | {
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}",
    }
    environment.pop("PREFECT_API_URL", None)
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert run.stdout is not None
        assert re.fullmatch(rb"http://127.0.0.1:\d+/api/ None\n", run.stdout.readline())
        (server,) = psutil.Process(run.pid).children(recursive=True)
        assert "temporary_server.py" in " ".join(server.cmdline())
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    server.wait(timeout=60)  # psutil waits for what is no child of ours, too
    assert not server.is_running()


def test_a_server_that_is_set_and_away_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_settings({PREFECT_API_URL: "http://user:secret@127.0.0.1:9/api"}):
        for command in (("run", "genre"), ("serve",)):
            answer = thaw(*command)
            assert answer.code == 1
            assert "No Prefect server answers at http://127.0.0.1:9/api" in answer.sentence
            assert "unset PREFECT_API_URL" in answer.sentence
            assert "secret" not in answer.err


def test_a_server_that_never_answers_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.server.ANSWER", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        begun = time.monotonic()
        with temporary_settings({PREFECT_API_URL: address}):
            sentence = thaw("run", "genre").sentence
    assert address in sentence
    assert time.monotonic() - begun < 30


def test_a_temporary_server_that_cannot_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked_python: str
) -> None:
    database = f"sqlite+aiosqlite:///{tmp_path / 'no' / 'folder' / 'prefect.db'}"
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", database)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    environment = os.environ | {"PREFECT_HOME": str(tmp_path)}
    command = [forked_python, "-m", "flows.cli", "run", "genre"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "thaw: Prefect's temporary server ended with code" in done.stderr
    assert "Traceback" not in done.stderr
