"""The door to OpenAI's API, against a server that speaks it."""

import logging
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from network.openai_server import KEY, OpenAI, does_it_then, fails, hangs, says

from tasks.config import HostedConfig
from tasks.errors import RequestError, ThawError
from tasks.network.hosted import HostedApi
from tasks.network.hosted_errors import RefusedError

Settings = Callable[..., HostedConfig]
LINE = '{"prompt":"a\\n\\n###\\n\\n","completion":" ham"}\n'


@pytest.fixture
def api(settings: Settings) -> HostedApi:
    return HostedApi(settings())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text(LINE)
    return path


def start(api: HostedApi, file: Path, mark: str = "m1") -> str:
    file_id = api.upload(file)
    return api.create_job("babbage-002", file_id, file_id, {"n_epochs": 2}, 42, mark).id


def finish(api: HostedApi, job_id: str) -> str:
    while not (job := api.job(job_id)).ended:
        pass
    assert job.model is not None
    return job.model


def test_a_job_goes_from_upload_to_a_model_that_answers(
    api: HostedApi, file: Path, server: OpenAI
) -> None:
    job_id = start(api, file)
    sent = server.jobs[job_id]
    assert sent["hyperparameters"] == {"n_epochs": 2}
    assert sent["seed"] == 42
    assert server.files[sent["training_file"]] == LINE.encode()
    model = finish(api, job_id)
    reply = api.complete(model, "is it?\n\n###\n\n")
    assert reply.text == "ham"
    assert set(reply.alternatives) == {"ham", "spam"}
    assert reply.prompt_tokens == 20
    chat = api.chat(model, [{"role": "user", "content": "is it?"}])
    assert chat == reply


def test_nothing_about_the_machine_is_sent(api: HostedApi, file: Path, server: OpenAI) -> None:
    api.upload(file)
    for headers in server.headers:
        assert not [name for name in headers if name.startswith("x-stainless")]


def test_a_rate_limit_is_waited_for_as_long_as_the_server_asks(
    api: HostedApi, file: Path, server: OpenAI
) -> None:
    server.moods["upload"] = [fails(429, "slow down", Retry_After="0.3")]
    started = time.monotonic()
    assert api.upload(file)
    assert time.monotonic() - started >= 0.3
    assert server.seen["upload"] == 2


def test_server_errors_are_repeated(api: HostedApi, file: Path, server: OpenAI) -> None:
    server.moods["upload"] = [fails(500), fails(503), fails(502)]
    assert api.upload(file)


def test_a_server_that_keeps_failing_is_given_up_with_a_sentence(
    api: HostedApi, file: Path, server: OpenAI
) -> None:
    server.moods["upload"] = [fails(500, "out of order")] * 9
    with pytest.raises(ThawError, match=r"kept answering 500 .*out of order.*run the same command"):
        api.upload(file)
    assert server.seen["upload"] == 4  # once, and hosted.retries=3


def test_a_server_that_hangs_is_given_up_after_the_time_out(
    settings: Settings, server: OpenAI
) -> None:
    server.moods["job"] = [hangs(5)] * 3
    api = HostedApi(settings(timeout=0.2, retries=1))
    started = time.monotonic()
    with pytest.raises(ThawError, match=r"silent for 0\.2 seconds"):
        api.job("ftjob-1")
    assert time.monotonic() - started < 3


def test_a_silent_moment_is_survived(settings: Settings, file: Path, server: OpenAI) -> None:
    server.moods["upload"] = [hangs(1)]
    assert HostedApi(settings(timeout=0.5)).upload(file)


def test_no_server_at_all_is_a_sentence(settings: Settings) -> None:
    api = HostedApi(settings(base_url="http://127.0.0.1:9/v1", retries=1))
    with pytest.raises(ThawError, match=r"127\.0\.0\.1:9 cannot be reached"):
        api.job("ftjob-1")


def test_a_page_that_is_no_api_is_a_sentence(api: HostedApi, server: OpenAI) -> None:
    for body, kind in ((b"<html>", "text/html"), (b"{", "application/json"), ({}, "text/json")):
        server.moods["job"] = [says(body, kind)]
        with pytest.raises(ThawError, match="not of OpenAI's API"):
            api.job("ftjob-1")


@pytest.mark.parametrize("lost", [hangs(1.2), fails(500), fails(429)])
def test_a_job_whose_start_was_not_confirmed_is_found_and_not_started_twice(
    lost: Callable[[object], None], settings: Settings, file: Path, server: OpenAI
) -> None:
    server.moods["create"] = [does_it_then(lost)]
    job_id = start(HostedApi(settings(timeout=0.8)), file)
    assert list(server.jobs) == [job_id]


def test_a_job_that_was_not_started_is_started_at_the_next_attempt(
    api: HostedApi, file: Path, server: OpenAI
) -> None:
    server.moods["create"] = [fails(500), fails(503)]
    assert start(api, file) in server.jobs
    assert len(server.jobs) == 1


def test_jobs_of_another_mark_and_ended_ones_are_not_found(
    api: HostedApi, file: Path, server: OpenAI
) -> None:
    first = start(api, file, "m1")
    assert api.find_job("m2") is None
    assert (found := api.find_job("m1")) is not None
    assert found.id == first
    api.cancel_job(first)
    assert api.find_job("m1") is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [{"message": None, "logprobs": None}]},
        {"choices": [{"message": {"content": 5}, "text": 7, "logprobs": {"content": [None]}}]},
        {"choices": [{"logprobs": {"content": "x", "top_logprobs": [[1]]}}], "usage": "none"},
        [],
        "just a text",
    ],
)
def test_a_malformed_answer_is_empty_and_no_error(
    body: object, api: HostedApi, server: OpenAI
) -> None:
    server.moods["chat"] = [says(body)]
    server.moods["completion"] = [says(body)]
    for reply in (api.chat("m", [{"role": "user", "content": "x"}]), api.complete("m", "x")):
        assert reply.text == ""
        assert reply.alternatives == {}


def test_a_request_that_the_server_will_never_take_is_told_apart(
    api: HostedApi, server: OpenAI
) -> None:
    server.moods["chat"] = [fails(400, "maximum context length exceeded")]
    with pytest.raises(RefusedError, match="maximum context length exceeded"):
        api.chat("m", [{"role": "user", "content": "x"}])
    assert server.seen["chat"] == 1


def test_no_key_is_refused_with_the_variables_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "  ")
    with pytest.raises(RequestError, match="MY_KEY"):
        HostedApi(settings(key_variable="MY_KEY"))


def test_offline_is_obeyed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_OFFLINE", "1")
    with pytest.raises(ThawError, match="THAW_OFFLINE"):
        HostedApi(settings())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_a_key_that_the_server_repeats_is_nowhere_to_be_read(
    status: int, api: HostedApi, server: OpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.moods["job"] = [fails(status, f"what is {KEY}?")] * 9
    with pytest.raises(ThawError) as caught:
        api.job("ftjob-1")
    assert "what is [key]?" in str(caught.value)
    printed = "".join(traceback.format_exception(caught.value))
    assert KEY not in printed + caplog.text
    error: BaseException | None = caught.value
    while error is not None:  # nor does the chain hold the request
        assert KEY not in repr(vars(error))
        error = error.__cause__ or error.__context__


def test_a_wrong_key_is_refused_without_being_shown(
    settings: Settings, server: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    with pytest.raises(RequestError, match=r"refuses the key in OPENAI_API_KEY") as caught:
        HostedApi(settings()).job("ftjob-1")
    assert "sk-wrong-0123456789" not in str(caught.value)


def test_a_key_in_a_jobs_error_or_an_answer_is_taken_out(
    api: HostedApi, file: Path, server: OpenAI
) -> None:
    server.statuses = ("queued", "failed")
    server.job_error = {"code": "bad", "message": f"{KEY} has no money left"}
    job = api.job(start(api, file))
    assert job.error == "[key] has no money left bad"
    server.statuses = ("succeeded",)
    server.moods["completion"] = [says({"choices": [{"text": KEY}]})]
    assert api.complete("m", "x").text == "[key]"
