"""The automations of docs/automations.yaml, against a real server and a webhook of our own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import pytest
from own_server import PATIENCE, own_server
from prefect import flow, tags
from prefect.blocks.webhook import Webhook
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.pages import tell_champion
from tasks.errors import ThawError
from tasks.registry.promotion import Promotion

FILE = Path(__file__).resolve().parents[1] / "docs" / "automations.yaml"


@pytest.fixture
def told() -> Iterator[tuple[str, "Queue[str]"]]:
    """A webhook's address, and what it is told."""
    heard: Queue[str] = Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.put(json.loads(body)["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{hook.server_port}/news", heard
        hook.shutdown()


@flow(flow_run_name="genre: head on films.csv")
def failing() -> None:
    raise ThawError('The disk is "full".')


@flow
def crowning() -> None:
    won = Promotion(name="genre", version="3", status="champion", reason="it beats version 2")
    tell_champion(won, "genre")
    tell_champion(won.model_copy(update={"version": "4", "status": "challenger"}), "genre")
    tell_champion(won.model_copy(update={"status": "unchanged"}), "genre")


@pytest.mark.slow
def test_a_webhook_hears_of_failed_runs_and_of_new_champions(
    told: tuple[str, "Queue[str]"], tmp_path: Path
) -> None:
    address, heard = told
    with own_server(tmp_path) as server, temporary_settings({PREFECT_API_URL: f"{server}/api"}):
        block = Webhook(url=address).save("thaw")
        file = tmp_path / "automations.yaml"
        file.write_text(FILE.read_text("utf-8").replace("BLOCK", str(block)), "utf-8")
        made = [sys.executable, "-m", "prefect", "automation", "create", "--from-file", str(file)]
        subprocess.run(
            made,
            env=os.environ | {"PREFECT_API_URL": f"{server}/api"},
            check=True,
            timeout=PATIENCE,
        )
        with pytest.raises(ThawError):  # at a terminal, where somebody reads it
            failing()
        with pytest.raises(ThawError), tags("thaw"):
            failing()
        failed = heard.get(timeout=PATIENCE)
        assert failed.startswith("genre: head on films.csv: ")
        assert 'The disk is "full".' in failed
        crowning()
        assert heard.get(timeout=PATIENCE) == "genre version 3 is champion: it beats version 2"
        assert heard.empty()
