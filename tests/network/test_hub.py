"""Hub datasets, from a hub on loopback that speaks as much of the protocol as is needed."""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import datasets
import httpx
import huggingface_hub.constants
import pyarrow as pa
import pytest

from tasks.errors import RequestError, ThawError
from tasks.network import hub, hub_dataset, hub_snapshot

CARD = b"""---
configs:
- config_name: default
  data_files: [{split: train, path: data.csv}]
dataset_info:
  features:
  - {name: text, dtype: string}
  - name: label
    dtype: {class_label: {names: {'0': ham, '1': spam}}}
---
"""
WEIGHTS = b"safe" * 500
FILES = {"README.md": CARD, "data.csv": b"text,label\nhello,0\nwin now,1\nwithheld,-1\n"}
MODEL = {"config.json": b"{}", "model.safetensors": WEIGHTS, "pytorch_model.bin": b"pickled"}
COMMIT = "a" * 40
ROWS = {"text": ["hello", "win now", "withheld"], "label": ["ham", "spam", None]}


@pytest.fixture
def point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Send the hub's libraries to an address, with caches of the test's own."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf_datasets")

    def to(address: str) -> None:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", address)  # read when it was imported

    return to


@pytest.fixture
def asked(point: Callable[[str], None]) -> Iterator[list[str]]:
    """A hub with a dataset and a model `me/mine`; yields the paths that it is asked for."""
    paths: list[str] = []
    info = {"id": "me/mine", "sha": COMMIT, "private": False, "tags": [], "siblings": []}

    def entry(name: str, data: bytes) -> dict[str, Any]:
        oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()  # as git names a file
        return {"type": "file", "path": name, "size": len(data), "oid": oid}

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            paths.append(self.path)
            path, status, body = self.path.partition("?")[0], 200, b""
            headers = {"X-Repo-Commit": COMMIT}
            name = path.rpartition("/")[2]
            files = FILES if "/datasets/" in path else MODEL
            if "me/mine" not in path or "/nope" in path:
                missing = "RevisionNotFound" if "/nope" in path else "RepoNotFound"
                status, headers = 404, {"X-Error-Code": missing}
            elif "/tree/" in path:
                body = json.dumps([entry(name, data) for name, data in files.items()]).encode()
            elif path.startswith("/api/"):
                body = json.dumps(info).encode()
            elif name in files:
                body = files[name]
                headers["ETag"] = f'"{entry(name, body)["oid"]}"'
            else:
                status, headers = 404, headers | {"X-Error-Code": "EntryNotFound"}
            self.send_response(status)
            for header, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(header, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    point(f"http://127.0.0.1:{server.server_port}")
    yield paths
    server.shutdown()
    server.server_close()


def test_a_dataset_is_fetched_once_with_its_class_names(asked: list[str]) -> None:
    assert hub_dataset("me/mine").to_pydict() == ROWS
    count = len(asked)
    assert count > 0
    assert hub_dataset("me/mine").to_pydict() == ROWS
    assert len(asked) == count


def test_a_cached_dataset_is_used_offline(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_dataset("me/mine")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub_dataset("me/mine").num_rows == 3
    with pytest.raises(ThawError, match="HF_HUB_OFFLINE forbids"):
        hub_dataset("me/other")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"dataset": "me/none"}, r"me/none .*doesn't exist"),
        ({"dataset": "me/mine", "split": "holdout"}, r'Unknown split "holdout".*train'),
        ({"dataset": "me/mine", "config": "french"}, r"'french' not found. Available: \['default'"),
        ({"dataset": "me/mine", "revision": "nope"}, r"Revision 'nope' doesn't exist"),
    ],
)
def test_what_the_hub_does_not_have_is_named(
    asked: list[str], request_: dict[str, str], says: str
) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        hub_dataset(**request_)
    assert caught.value.exit_code == 2


def test_an_unreachable_hub_is_told_at_once(point: Callable[[str], None]) -> None:
    with socket.socket() as taken:  # bound but not listening
        taken.bind(("127.0.0.1", 0))
        point(f"http://127.0.0.1:{taken.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(ThawError, match=r"hub at http.* cannot be reached .*data\.path=FILE"):
            hub_dataset("me/mine")
        assert time.monotonic() - began < 5


def test_a_hub_that_never_answers_is_not_waited_for(
    point: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "PROBE_TIMEOUT", httpx.Timeout(0.2))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        point(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ThawError, match="cannot be reached"):
            hub_dataset("me/mine")


def test_a_folder_with_a_clone_needs_no_hub(
    point: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point("http://127.0.0.1:9")
    monkeypatch.setenv("THAW_OFFLINE", "1")
    clone = tmp_path / "clone"
    clone.mkdir()
    for name, data in FILES.items():
        (clone / name).write_bytes(data)
    assert hub_dataset(str(clone)).to_pydict() == ROWS


def test_lists_of_classes_become_lists_of_names(tmp_path: Path, point: object) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    features = datasets.Features(
        {"tags": datasets.List(datasets.ClassLabel(names=["joy", "anger"]))}
    )
    rows = datasets.Dataset.from_dict({"tags": [[1], [0, 1], [], None]}, features=features)
    rows.to_parquet(str(clone / "train.parquet"))
    table = hub_dataset(str(clone))
    assert table.column("tags").to_pylist() == [["anger"], ["joy", "anger"], [], None]
    assert table.schema.field("tags").type == pa.list_(pa.string())


def test_a_model_is_fetched_once_and_only_its_safe_weights(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hub_snapshot("me/mine", COMMIT)
    assert {each.name for each in folder.iterdir()} == {"config.json", "model.safetensors"}
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    count = len(asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub_snapshot("me/mine", COMMIT) == folder
    assert len(asked) == count


def test_a_model_in_the_older_format_is_taken_too(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(MODEL, "model.safetensors")
    folder = hub_snapshot("me/mine")
    assert (folder / "pytorch_model.bin").read_bytes() == b"pickled"
    assert hub_snapshot("me/mine") == folder


def test_a_repository_without_weights_says_so(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(MODEL, "model.safetensors")
    monkeypatch.delitem(MODEL, "pytorch_model.bin")
    with pytest.raises(RequestError, match="me/mine holds no weights"):
        hub_snapshot("me/mine")


@pytest.mark.parametrize(
    ("name", "revision"), [("me/none", None), ("me/mine", "nope"), ("a b", None)]
)
def test_a_model_that_does_not_exist_says_so(
    asked: list[str], name: str, revision: str | None
) -> None:
    with pytest.raises(RequestError, match=f"{name}"):
        hub_snapshot(name, revision)


def test_without_the_hub_a_model_says_what_to_do_instead(
    point: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        point(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ThawError, match=r"cannot be reached .*give a local folder in"):
            hub_snapshot("me/mine")
    monkeypatch.setenv("THAW_OFFLINE", "1")
    with pytest.raises(ThawError, match="THAW_OFFLINE forbids"):
        hub_snapshot("me/mine")
