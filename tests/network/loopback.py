"""A real HTTP server on loopback whose moods a test can script."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Site:
    """What the server holds and how it behaves; `moods` are used up, one a request."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str | None = '"v1"'
    ranges: bool = True
    moods: list[Callable[[Any, bytes], None]] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def ranges_seen(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.seen]


def answers(status: int, headers: dict[str, str] | None = None) -> Callable[[Any, bytes], None]:
    def mood(handler: Any, _: bytes) -> None:
        handler.reply(status, b"", headers or {})

    return mood


def cuts_after(count: int) -> Callable[[Any, bytes], None]:
    """Promise the whole (rest of the) file, send `count` bytes of it, hang up."""

    def mood(handler: Any, content: bytes) -> None:
        handler.serve(content, at_most=count)
        handler.close_connection = True

    return mood


def goes_silent(seconds: float) -> Callable[[Any, bytes], None]:
    """Wait before answering."""

    def mood(handler: Any, content: bytes) -> None:
        time.sleep(seconds)
        handler.serve(content)

    return mood


def gzipped(handler: Any, content: bytes) -> None:
    handler.reply(200, gzip.compress(content), {"Content-Encoding": "gzip"})


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            site.seen.append((self.path, dict(self.headers)))
            content = site.files.get(self.path.partition("?")[0])
            if site.moods:
                site.moods.pop(0)(self, content or b"")
            elif content is None:
                self.reply(404, b"", {})
            else:
                self.serve(content)

        def serve(self, content: bytes, at_most: int | None = None) -> None:
            headers = {"ETag": site.etag} if site.etag else {}
            wanted = self.headers.get("Range") if site.ranges else None
            if wanted and self.headers.get("If-Range") == site.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self.reply(416, b"", {})
                    return
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.reply(206, content[start:], headers, at_most)
            else:
                self.reply(200, content, headers, at_most)

        def reply(
            self, status: int, body: bytes, headers: dict[str, str], at_most: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[:at_most])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
