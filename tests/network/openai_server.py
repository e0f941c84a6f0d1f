"""A server on loopback that speaks OpenAI's files, fine-tuning, completions and chat API.

It is as strict as the real one where a client could go wrong (key, fields, file format), and a
test can script its moods: `moods["chat"]` and its like are used up, one a request
(None: answer as usual).
"""

import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openai._base_client
import pytest
from hosted.openai_format import FormatError, read_strictly

from tasks.config import HostedConfig

MODEL = "gpt-4o-mini-2024-07-18"
KEY = "sk-test-3f9c1e7ab2d84c55-never-to-be-seen"
JOB_FIELDS = {"model", "training_file", "validation_file", "method", "seed", "metadata"}
CHAT_FIELDS = {"model", "messages", "max_tokens", "temperature", "logprobs", "top_logprobs"}
COMPLETION_FIELDS = {"model", "prompt", "max_tokens", "temperature", "logprobs"}

Mood = Callable[[Any], None]
Distribution = dict[str, float]


@dataclass
class OpenAI:
    """What the server holds, how it behaves, and what it has seen.

    Attributes:
        answer: text of a prompt (or of the user's message) -> token -> probability.
        statuses: what a new job goes through, one a look.
        job_error: the error of a job that fails.
        delay: longest random wait before an answer, seconds.
    """

    url: str = ""
    key: str = KEY
    answer: Callable[[str], Distribution] = lambda text: {"ham": 0.75, "spam": 0.25}
    statuses: tuple[str, ...] = ("validating_files", "queued", "running", "succeeded")
    job_error: dict[str, str] | None = None
    delay: float = 0.0
    moods: dict[str, list[Mood | None]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ahead: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def fails(status: int, message: str = "the server had an error", **headers: str) -> Mood:
    """Answer with an error."""

    def mood(handler: Any) -> None:
        body = {"error": {"message": message, "type": "server_error", "code": None}}
        handler.reply(status, body, {name.replace("_", "-"): v for name, v in headers.items()})

    return mood


def hangs(seconds: float) -> Mood:
    """Say nothing for a while, then hang up."""

    def mood(handler: Any) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return mood


def says(body: Any, kind: str = "application/json") -> Mood:
    """Answer 200 with any body."""

    def mood(handler: Any) -> None:
        handler.reply(200, body, {}, kind)

    return mood


def does_it_then(mood: Mood) -> Mood:
    """Carry the request out, but let its answer be lost."""

    def both(handler: Any) -> None:
        handler.muted = True
        handler.serve()
        handler.muted = False
        mood(handler)

    return both


@contextmanager
def openai_server(**changes: Any) -> Iterator[OpenAI]:
    """The running server."""
    state = OpenAI(**changes)
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAI]:
    """A fresh server, its key in the environment, and back-off without the waiting."""
    hurry(monkeypatch)
    with openai_server() as state:
        yield state


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the key, and let the SDK's and Thaw's own back-off start at a millisecond."""
    from tasks.network import hosted

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("THAW_OFFLINE", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr(openai._base_client, "MAX_RETRY_DELAY", 0.01)
    monkeypatch.setattr(hosted, "FIRST_WAIT", 0.001)


@pytest.fixture
def settings(server: OpenAI) -> Callable[..., HostedConfig]:
    """Hosted settings that point at the server and are quick."""

    def make(**changes: Any) -> HostedConfig:
        fields = {
            "base_url": server.url,
            "model": "babbage-002" if changes.get("format") == "completion" else MODEL,
            "retries": 3,
            "timeout": 5.0,
            "poll_seconds": 0.01,
        }
        return HostedConfig(**(fields | changes))

    return make


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: OpenAI
    muted = False

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self.handle_request()

    def do_POST(self) -> None:
        self.handle_request()

    def handle_request(self) -> None:
        state = self.state
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.steps = parts.path.removeprefix("/v1/").split("/")
        self.query = parse_qs(parts.query)
        name = self.endpoint()
        with state.lock:
            state.seen[name] += 1
            state.headers.append({k.lower(): v for k, v in self.headers.items()})
            state.busy += 1
            state.busiest = max(state.busiest, state.busy)
            moods = state.moods.get(name) or []
            mood = moods.pop(0) if moods else None
        try:
            if mood is not None:
                mood(self)
            else:
                self.serve()
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with state.lock:
                state.busy -= 1

    def endpoint(self) -> str:
        match (self.command, *self.steps):
            case ("POST", "files"):
                return "upload"
            case ("GET", "files", _):
                return "file"
            case ("POST", "fine_tuning", "jobs"):
                return "create"
            case ("GET", "fine_tuning", "jobs"):
                return "list"
            case ("GET", "fine_tuning", "jobs", _):
                return "job"
            case ("POST", "fine_tuning", "jobs", _, "cancel"):
                return "cancel"
            case ("POST", "completions"):
                return "completion"
            case ("POST", "chat", "completions"):
                return "chat"
        return "nowhere"

    def serve(self) -> None:
        try:
            given = self.headers.get("Authorization", "")
            if given != f"Bearer {self.state.key}":
                raise _RefusedError(
                    401, f"Incorrect API key provided: {given.removeprefix('Bearer ')}."
                )
            self.reply(200, getattr(self, f"on_{self.endpoint()}")())
        except _RefusedError as refusal:
            error = {"message": str(refusal), "type": "invalid_request_error", "code": None}
            self.reply(refusal.status, {"error": error})

    # --- endpoints ----------------------------------------------------------------------------

    def on_nowhere(self) -> Any:
        raise _RefusedError(404, f"Invalid URL ({self.command} {self.path})")

    def on_upload(self) -> Any:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = {}
        for part in message_from_bytes(head + self.body).get_payload():
            form[part.get_param("name", header="content-disposition")] = part
        if form["purpose"].get_payload() != "fine-tune":
            raise _RefusedError(400, "purpose must be fine-tune")
        content = form["file"].get_payload(decode=True)
        try:
            read_strictly(content)
        except FormatError as error:
            raise _RefusedError(400, f"Invalid file format. {error}") from error
        with self.state.lock:
            file_id = f"file-{len(self.state.files) + 1}"
            self.state.files[file_id] = content
        return self.described_file(file_id)

    def on_file(self) -> Any:
        if self.steps[1] not in self.state.files:
            raise _RefusedError(404, f"No such File object: {self.steps[1]}")
        return self.described_file(self.steps[1])

    def described_file(self, file_id: str) -> dict[str, Any]:
        return {
            "id": file_id,
            "object": "file",
            "bytes": len(self.state.files[file_id]),
            "created_at": int(time.time()),
            "filename": "train.jsonl",
            "purpose": "fine-tune",
            "status": "processed",
        }

    def on_create(self) -> Any:
        wanted = self.fields(JOB_FIELDS)
        for name in ("training_file", "validation_file"):
            if wanted[name] not in self.state.files:
                raise _RefusedError(400, f"invalid {name}: {wanted[name]}")
        with self.state.lock:
            job_id = f"ftjob-{len(self.state.jobs) + 1}"
            first, *rest = self.state.statuses
            self.state.ahead[job_id] = rest
            self.state.jobs[job_id] = {
                **wanted,
                "id": job_id,
                "object": "fine_tuning.job",
                "status": first,
                "created_at": 1_700_000_000 + len(self.state.jobs),
                "finished_at": None,
                "fine_tuned_model": None,
                "trained_tokens": None,
                "hyperparameters": wanted["method"]["supervised"].get("hyperparameters", {}),
                "organization_id": "org-1",
                "result_files": [],
                "error": None,
            }
            self.move(self.state.jobs[job_id], first)
        return self.state.jobs[job_id]

    def on_list(self) -> Any:
        jobs = list(reversed(self.state.jobs.values()))
        return {"object": "list", "data": jobs, "has_more": False}

    def on_job(self) -> Any:
        job = self.known_job(self.steps[2])
        with self.state.lock:
            if self.state.ahead[job["id"]]:
                self.move(job, self.state.ahead[job["id"]].pop(0))
        return job

    def on_cancel(self) -> Any:
        job = self.known_job(self.steps[2])
        with self.state.lock:
            self.state.ahead[job["id"]] = []
            self.move(job, "cancelled")
        return job

    def known_job(self, job_id: str) -> dict[str, Any]:
        if job_id not in self.state.jobs:
            raise _RefusedError(404, f"Could not find fine tune: {job_id}")
        return self.state.jobs[job_id]

    def move(self, job: dict[str, Any], status: str) -> None:
        job["status"] = status
        if status == "failed":
            job["error"] = self.state.job_error or {"code": "invalid", "message": "bad data"}
        if status == "succeeded":
            job["fine_tuned_model"] = f"ft:{job['model']}:org::{job['id']}"
            job["finished_at"] = job["created_at"] + 300
            job["trained_tokens"] = 10_000

    def on_chat(self) -> Any:
        wanted = self.fields(CHAT_FIELDS)
        text = wanted["messages"][-1]["content"]
        token, top = self.distribution(wanted["model"], text)
        content = [{"token": t, "logprob": p, "bytes": None} for t, p in top.items()]
        first = {"token": token, "logprob": top[token], "bytes": None, "top_logprobs": content}
        choice = {
            "index": 0,
            "finish_reason": "length",
            "message": {"role": "assistant", "content": token},
            "logprobs": {"content": [first]},
        }
        return self.answered("chat.completion", choice)

    def on_completion(self) -> Any:
        wanted = self.fields(COMPLETION_FIELDS)
        token, top = self.distribution(wanted["model"], wanted["prompt"])
        choice = {
            "index": 0,
            "finish_reason": "length",
            "text": token,
            "logprobs": {
                "tokens": [token],
                "token_logprobs": [top[token]],
                "top_logprobs": [top],
                "text_offset": [0],
            },
        }
        return self.answered("text_completion", choice)

    def distribution(self, model: str, text: str) -> tuple[str, dict[str, float]]:
        if model not in {job["fine_tuned_model"] for job in self.state.jobs.values()}:
            raise _RefusedError(404, f"The model `{model}` does not exist")
        with self.state.lock:
            self.state.asked.append(text)
        time.sleep(random.uniform(0, self.state.delay))  # noqa: S311
        top = {token: math.log(p) for token, p in self.state.answer(text).items()}
        return max(top, key=lambda token: top[token]), top

    def answered(self, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": "x-1",
            "object": kind,
            "created": int(time.time()),
            "model": "m",
            "choices": [choice],
            "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21},
        }

    # --- plumbing -----------------------------------------------------------------------------

    def fields(self, known: set[str]) -> dict[str, Any]:
        wanted: dict[str, Any] = json.loads(self.body)
        if unknown := wanted.keys() - known:
            raise _RefusedError(
                400, f"Unrecognized request argument supplied: {', '.join(unknown)}"
            )
        return wanted

    def reply(
        self,
        status: int,
        body: Any,
        headers: dict[str, str] | None = None,
        kind: str = "application/json",
    ) -> None:
        if self.muted:
            return
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
