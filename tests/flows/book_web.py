"""The web as the book's profiles see it, on loopback: true hosts and paths, invented rows.

What is asked of any host but loopback goes to one local server, which answers by host and path: the
hub's data sets by the hub's own protocol (Parquet or JSON lines with the true columns, at pinned
commits alone), files as their hosts give them (behind a redirect, in a zip archive, as a plain
file), and an LFS pointer where the host would give one.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import datasets
import httpx
import httpx2
import huggingface_hub.constants

LOCAL = {"127.0.0.1", "localhost", "::1"}
MEDIA = "media.githubusercontent.com"


@dataclass
class HubData:
    """A data set's repository: its commit and its files."""

    commit: str
    files: dict[str, bytes]


@dataclass
class Web:
    """What there is: `files` by `host/path`, `data` by the hub's id; and what was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    data: dict[str, HubData] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, address: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of `host/path`."""
        host, _, path = address.partition("/")
        if host == "huggingface.co":
            return self._hub(path)
        if host == MEDIA and address in self.files:  # as a content network does
            return 302, {"Location": f"https://cdn.example.org/{address}"}, b""
        body = self.files.get(address.removeprefix("cdn.example.org/"))
        if body is None and host == "raw.githubusercontent.com":
            owner, name, branch, rest = path.split("/", 3)
            content = self.files.get(f"{MEDIA}/media/{owner}/{name}/{branch}/{rest}")
            body = content and pointer(content)
        return (
            (200, {"ETag": f'"{digest(body)[:16]}"'}, body) if body is not None else (404, {}, b"")
        )

    def _hub(self, path: str) -> tuple[int, dict[str, str], bytes]:
        found = next((each for each in self.data if each in path), None)
        if found is None:
            return (200, {}, b"") if not path else (404, {"X-Error-Code": "RepoNotFound"}, b"")
        held = self.data[found]
        rest = path.partition(found)[2].strip("/")
        headers = {"X-Repo-Commit": held.commit}
        revision = rest.split("/")[1] if rest.count("/") else "main"
        if revision not in (held.commit, "main"):
            return 404, headers | {"X-Error-Code": "RevisionNotFound"}, b""
        if rest.startswith("resolve/"):
            body = held.files.get("/".join(rest.split("/")[2:]))
            if body is None:
                return 404, headers | {"X-Error-Code": "EntryNotFound"}, b""
            return 200, headers | {"ETag": f'"{digest(body)[:40]}"'}, body
        if rest.startswith("tree/"):
            below = "/".join(rest.split("/")[2:])
            return 200, headers, json.dumps(self._tree(held, below)).encode()
        siblings = [{"rfilename": name} for name in held.files]
        told = {"id": found, "sha": held.commit, "private": False, "tags": [], "siblings": siblings}
        return 200, headers, json.dumps(told).encode()

    @staticmethod
    def _tree(held: HubData, below: str) -> list[dict[str, Any]]:
        folders: dict[str, None] = {}
        entries: list[dict[str, Any]] = []
        for name, body in held.files.items():
            if below and not name.startswith(f"{below}/"):
                continue
            folder = name.rpartition("/")[0]
            if folder and folder != below:
                folders[folder] = None
            entries.append(
                {"type": "file", "path": name, "size": len(body), "oid": digest(body)[:40]}
            )
        made = [{"type": "directory", "path": name, "oid": "0" * 40} for name in folders]
        return made + entries


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pointer(content: bytes) -> bytes:
    """What a repository's own address gives in place of a file that LFS keeps."""
    return (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{digest(content)}\nsize {len(content)}\n"
    ).encode()


@contextmanager
def on_loopback(web: Web, folder: Path) -> Iterator[Web]:
    """Send every request for another machine to a server that answers as `web` does.

    Args:
        web: what there is.
        folder: for the hub library's caches, which may be filled before.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            address = unquote(urlsplit(self.path).path.lstrip("/"))
            web.asked.append(address)
            status, headers, body = web.answer(address)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with ExitStack() as patched:
        for library in (httpx, httpx2):  # Thaw's own, and the hub library's
            send = _sending(library, server.server_port)
            patched.enter_context(patch.object(library.HTTPTransport, "handle_request", send))
        hub = patch.object(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hub"))
        patched.enter_context(hub)
        prepared = patch.object(datasets.config, "HF_DATASETS_CACHE", folder / "datasets")
        patched.enter_context(prepared)
        patched.callback(server.server_close)
        patched.callback(server.shutdown)
        yield web


def _sending(library: Any, port: int) -> Callable[[Any, Any], Any]:
    """What a transport does with a request: to any machine but this one, by way of the server."""
    handle = library.HTTPTransport.handle_request

    def send(transport: Any, request: Any) -> Any:
        url = request.url
        if url.host not in LOCAL:
            request = library.Request(
                request.method,
                f"http://127.0.0.1:{port}/{url.host}{url.raw_path.decode()}",
                headers=request.headers.raw,
                stream=request.stream,
                extensions=request.extensions,
            )
        return handle(transport, request)

    return send
