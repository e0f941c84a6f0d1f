"""The one door to OpenAI's API, or to a server that speaks it: files, fine-tuning jobs, answers.

The key is read from the environment here and stays here: every text that comes from the other
side passes `HostedApi.redacted`, since a server may repeat the key in what it says. The SDK
repeats a request that met a rate limit, a server's error or silence, with exponential back-off
and jitter, and waits as long as `Retry-After` asks.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from tasks.config import HostedConfig
from tasks.config.hosted import key_of
from tasks.errors import RequestError, ThawError
from tasks.network.cache import refuse_offline
from tasks.network.hosted_errors import sentence_of
from tasks.network.replies import Reply, read_chat, read_completion

Result = TypeVar("Result")
Message = Mapping[str, str]

CONNECT_TIMEOUT = 10.0
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
"""Seconds between attempts to start a job, which are Thaw's own: see `create_job`."""
ALTERNATIVES = 5
"""Most probable tokens that an answer names; the API gives no more for the completion format."""
MARK = "thaw"
"""Name of the metadata field by which a job is found again."""
LISTED_JOBS = 500
HIDDEN = "[key]"


class Job(BaseModel):
    """A fine-tuning job as the server last described it; times are Unix seconds."""

    model_config = ConfigDict(frozen=True)

    id: str
    status: Literal["validating_files", "queued", "running", "succeeded", "failed", "cancelled"]
    model: str | None = None
    """The fine-tuned model's name, once the job has succeeded."""
    created: int = 0
    finished: int | None = None
    trained_tokens: int | None = None
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in {"succeeded", "failed", "cancelled"}


class HostedApi:
    """A connection; its methods may be called from several threads."""

    def __init__(self, hosted: HostedConfig) -> None:
        """Make the client; nothing is sent yet.

        Raises:
            RequestError: there is no key.
            ThawError: THAW_OFFLINE is set.
        """
        import openai  # not at the top: it costs half a second that most commands save

        for name in ("openai", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)  # they log every request
        refuse_offline(
            f"The answer of {hosted.base_url}", ("THAW_OFFLINE",), "set training.backend=local"
        )
        self._key = key_of(hosted)
        self._hosted = hosted
        if hosted.base_url is None:
            raise RequestError("hosted.base_url is not set: give the address of the server.")
        base_url = hosted.base_url.reveal()
        self.host = urlsplit(base_url).netloc
        timeout = openai.Timeout(hosted.timeout, connect=min(CONNECT_TIMEOUT, hosted.timeout))
        self._client = openai.OpenAI(
            api_key=self._key,
            base_url=base_url,
            timeout=timeout,
            max_retries=hosted.retries,
            http_client=openai.DefaultHttpxClient(
                timeout=timeout, event_hooks={"request": [_without_telemetry]}
            ),
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def redacted(self, text: object) -> str:
        """`text` with the key taken out."""
        return str(text).replace(self._key, HIDDEN)

    def upload(self, file: Path) -> str:
        """Upload a JSONL file for fine-tuning; its id at the server."""
        made = self._call(
            f"{file.name} was uploaded",
            lambda: self._client.files.create(file=file, purpose="fine-tune"),
        )
        return self._text_field(made, "id")

    def has_file(self, file_id: str) -> bool:
        """Whether the server still holds a file for this key."""
        import openai

        def look() -> bool:
            try:
                self._client.files.retrieve(file_id)
            except openai.NotFoundError:
                return False
            return True

        return self._call(f"the file {file_id} was looked up", look)

    def create_job(
        self,
        model: str,
        training_file: str,
        validation_file: str,
        hyperparameters: Mapping[str, int | float],
        seed: int,
        mark: str,
    ) -> Job:
        """Start a fine-tuning job, once.

        A request whose answer was lost may have started one, and a second one would cost as
        much again: the job is looked for by its mark before the request is repeated.
        """
        method: Any = {
            "type": "supervised",
            "supervised": {"hyperparameters": dict(hyperparameters)} if hyperparameters else {},
        }
        once = self._client.with_options(max_retries=0)

        def attempt() -> Job:
            return self._job(
                once.fine_tuning.jobs.create(
                    model=model,
                    training_file=training_file,
                    validation_file=validation_file,
                    method=method,
                    seed=seed,
                    metadata={MARK: mark},
                )
            )

        what = f"a job on {model} was started"
        for number in range(self._hosted.retries):
            try:
                return self._call(what, attempt)
            except (RequestError, KeyboardInterrupt):
                raise
            except ThawError:
                wait = min(FIRST_WAIT * 2**number, LONGEST_WAIT)
                time.sleep(wait * random.uniform(0.75, 1.0))  # noqa: S311 - jitter
            if found := self.find_job(mark):
                return found
        return self._call(what, attempt)

    def find_job(self, mark: str) -> Job | None:
        """The newest job of this mark that has not failed and was not cancelled."""
        import openai

        def look() -> list[Job]:
            found = []
            try:
                listed = self._client.fine_tuning.jobs.list(limit=100, metadata={MARK: mark})
                for number, job in enumerate(listed):
                    if (getattr(job, "metadata", None) or {}).get(MARK) == mark:
                        found.append(self._job(job))
                    if number >= LISTED_JOBS:
                        break
            except openai.NotFoundError:  # a compatible server that lists no jobs
                return []
            return found

        jobs = self._call("jobs were listed", look)
        alive = [job for job in jobs if job.status not in {"failed", "cancelled"}]
        return max(alive, key=lambda job: job.created, default=None)

    def job(self, job_id: str) -> Job:
        """A job's present state."""
        return self._call(
            f"the job {job_id} was looked up",
            lambda: self._job(self._client.fine_tuning.jobs.retrieve(job_id)),
        )

    def cancel_job(self, job_id: str) -> Job:
        """Ask the server to end a job."""
        return self._call(
            f"the job {job_id} was cancelled",
            lambda: self._job(self._client.fine_tuning.jobs.cancel(job_id)),
        )

    def complete(self, model: str, prompt: str) -> Reply:
        """One token after a prompt, of the completions API."""
        found = self._call(
            "a row was asked",
            lambda: self._client.completions.create(
                model=model, prompt=prompt, max_tokens=1, temperature=0, logprobs=ALTERNATIVES
            ),
        )
        return read_completion(found, self.redacted)

    def chat(self, model: str, messages: list[Message]) -> Reply:
        """One token after messages, of the chat completions API."""
        conversation: Any = messages
        found = self._call(
            "a row was asked",
            lambda: self._client.chat.completions.create(
                model=model,
                messages=conversation,
                max_tokens=1,
                temperature=0,
                logprobs=True,
                top_logprobs=ALTERNATIVES,
            ),
        )
        return read_chat(found, self.redacted)

    def _call(self, what: str, request: Callable[[], Result]) -> Result:
        """Make a request; its failure becomes a sentence.

        The sentence is raised outside of the handler: an exception that still hung on the SDK's
        would carry the request, and with it the key, into whatever prints its chain.

        Args:
            what: what happened meanwhile, for the sentence ("a row was asked").
        """
        try:
            return request()
        except Exception as error:
            failure = sentence_of(error, what, self.host, self._hosted, self.redacted)
            if failure is None:
                raise
        raise failure

    def _job(self, found: Any) -> Job:
        error = getattr(found, "error", None)
        said = " ".join(
            str(part)
            for part in (getattr(error, "message", None), getattr(error, "code", None))
            if part
        )
        return Job(
            id=self._text_field(found, "id"),
            status=found.status,
            model=getattr(found, "fine_tuned_model", None),
            created=getattr(found, "created_at", None) or 0,
            finished=getattr(found, "finished_at", None),
            trained_tokens=getattr(found, "trained_tokens", None),
            error=self.redacted(said),
        )

    def _text_field(self, found: Any, name: str) -> str:
        value = getattr(found, name, None)
        if not isinstance(value, str) or not value:
            raise ThawError(
                f"{self.host} gave an answer without {name}, which is not of OpenAI's API; check "
                "hosted.base_url."
            )
        return self.redacted(value)


def _without_telemetry(request: Any) -> None:
    """Leave out what the SDK tells about this machine (system, processor, Python)."""
    for name in [name for name in request.headers if name.lower().startswith("x-stainless-")]:
        del request.headers[name]
