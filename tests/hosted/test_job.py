"""A hosted arm's job and answers, against the local server: started once, whatever happens."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hosted_parts import MakePart
from network.openai_server import KEY, OpenAI, does_it_then, fails, hangs

from tasks.config import CaseConfig, HostedConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError, ThawError
from tasks.evaluation.outcomes import read_predictions
from tasks.hosted.answers import journal_of, read_answers
from tasks.hosted.arm import HostedArm, hosted_dir, plan_hosted
from tasks.hosted.checking import check_hosted
from tasks.hosted.job import cancel_jobs, read_record
from tasks.hosted.run import Finished, finish, outcome_of, submit

Settings = Callable[..., HostedConfig]
MakeArm = Callable[..., tuple[HostedArm, CaseConfig]]

SPAM = [f"win the prize number {number}" for number in range(6)]
HAM = [f"see you at {number}" for number in range(6)]


def judge(text: str) -> dict[str, float]:
    """A model that has learned it, but is less sure of later rows."""
    sure = 0.9 - int(text.strip("\n# ").split()[-1]) / 100
    yes, no = (" spam", " ham") if "prize" in text else (" ham", " spam")
    return {yes: sure, no: 1 - sure}


@pytest.fixture
def make_arm(settings: Settings, make_part: MakePart, label_tokenizer: Path) -> MakeArm:
    def make(**changes: Any) -> tuple[HostedArm, CaseConfig]:
        texts = [text for pair in zip(SPAM, HAM, strict=True) for text in pair]
        parts = {
            name: make_part([f"{name} {text}" for text in texts])
            for name in ("train", "validation", "test")
        }
        hosted = settings(**{"tokenizer": str(label_tokenizer), "concurrency": 4} | changes)
        spam = load_case("spam", "sample", ["training.backend=hosted"])
        config = spam.model_copy(update={"hosted": hosted})
        return plan_hosted(config, ["ham", "spam"], parts), config

    return make


@pytest.fixture
def said() -> list[str]:
    return []


def run(arm: HostedArm, config: CaseConfig, said: list[str], force: bool = False) -> Finished:
    submit(arm, config, force, said.append)
    return finish(arm, said.append)


@pytest.mark.parametrize("form", ["completion", "chat"])
def test_an_arm_comes_to_the_figures_of_its_answers(
    form: str, make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    server.answer, server.delay = judge, 0.01
    arm, config = make_arm(format=form, epochs=2, batch_size=4, learning_rate_multiplier=0.5)
    outcome = outcome_of(arm, run(arm, config, said), "run-1")
    assert outcome.kind == "hosted"
    assert outcome.metrics["test/accuracy"] == 1.0
    assert outcome.metrics["test/unparsable"] == 0.0
    table = read_predictions(outcome.test)
    spam = dict(zip(table.ids, table.probabilities[:, 1], strict=True))
    assert spam["r0"] == pytest.approx(0.90, abs=1e-4)  # "… number 0"
    assert spam["r8"] == pytest.approx(0.86, abs=1e-4)  # "… number 4"
    assert spam["r9"] == pytest.approx(0.14, abs=1e-4)  # "see you at 4"
    costs = {name: value for name, value in outcome.metrics.items() if name.startswith("cost/")}
    assert costs["cost/train_seconds"] == 300
    assert costs["cost/prompt_tokens"] == 24 * 20
    price = {"completion": (0.4, 1.6, 1.6), "chat": (3.0, 0.3, 1.2)}[form]
    assert costs["cost/train_dollars"] == pytest.approx(price[0] * 10_000 / 1e6)
    assert costs["cost/predict_dollars"] == pytest.approx((price[1] * 480 + price[2] * 24) / 1e6)
    (job,) = server.jobs.values()
    assert job["hyperparameters"] == {
        "n_epochs": 2,
        "batch_size": 4,
        "learning_rate_multiplier": 0.5,
    }
    assert job["seed"] == 42
    assert server.busiest <= 4


def test_an_arm_that_has_everything_asks_nothing_more(
    make_arm: MakeArm, server: OpenAI, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arm, config = make_arm()
    first = run(arm, config, said)
    before = dict(server.seen)
    monkeypatch.delenv("OPENAI_API_KEY")
    assert run(arm, config, said) == first
    assert dict(server.seen) == before


def test_watching_goes_on_by_the_stored_id_after_a_restart(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    arm, config = make_arm()
    submit(arm, config, False, said.append)
    server.moods["job"] = [fails(500, "down")] * 4
    with pytest.raises(ThawError, match="down"):
        finish(arm, said.append)
    record = read_record(arm.folder)
    assert record is not None
    assert record.job.id == "ftjob-1"
    run(arm, config, said)
    assert list(server.jobs) == ["ftjob-1"]
    assert server.seen["upload"] == 2


def test_a_kill_between_start_and_record_leads_to_no_second_job(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    arm, config = make_arm()
    submit(arm, config, False, said.append)
    (arm.folder / "job.json").unlink()
    run(arm, config, said)
    assert list(server.jobs) == ["ftjob-1"]


def test_a_restart_asks_only_the_rows_without_an_answer(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    arm, config = make_arm(retries=0)
    submit(arm, config, False, said.append)
    # Validation is asked whole; then the server breaks in the middle of the test part.
    original, count = server.answer, [0]

    def breaks(text: str) -> dict[str, float]:
        count[0] += 1
        if count[0] == 18:
            server.moods["chat"] = [fails(500)] * 4
        return original(text)

    server.answer = breaks
    with pytest.raises(ThawError, match="kept answering 500"):
        finish(arm, said.append)
    server.moods.clear()
    server.answer = original
    answered = len(server.asked)
    assert 12 < answered < 24
    done = finish(arm, said.append)
    assert len(done.answers["test"]) == 12
    # What was on its way when the server broke may be asked twice; no answered row is.
    assert len(server.asked) - 24 <= 4
    assert list(server.jobs) == ["ftjob-1"]


def test_the_same_files_are_not_uploaded_twice(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    for epochs in (1, 2):
        arm, config = make_arm(epochs=epochs)
        submit(arm, config, False, said.append)
    assert len(server.jobs) == 2
    assert server.seen["upload"] == 2
    server.files.clear()  # the account's owner has cleaned up
    arm, config = make_arm(epochs=3)
    submit(arm, config, False, said.append)
    assert server.seen["upload"] == 4


def test_a_failed_job_says_why_and_is_started_anew_by_the_same_command(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    server.statuses = ("queued", "failed")
    server.job_error = {"code": "invalid_training_file", "message": "10 examples are too few"}
    arm, config = make_arm()
    with pytest.raises(ThawError, match=r"ftjob-1 at .* failed: 10 examples are too few"):
        run(arm, config, said)
    server.statuses = ("succeeded",)
    run(arm, config, said)
    assert list(server.jobs) == ["ftjob-1", "ftjob-2"]


def test_a_cancelled_job_is_a_sentence(make_arm: MakeArm, server: OpenAI, said: list[str]) -> None:
    server.statuses = ("queued", "running", "cancelled")
    arm, config = make_arm()
    with pytest.raises(ThawError, match="was cancelled"):
        run(arm, config, said)


def test_a_job_that_takes_too_long_goes_on_without_us(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    server.statuses = ("queued",)
    arm, config = make_arm(longest_hours=1e-6)
    with pytest.raises(ThawError, match=r"still queued after .* hours .* watches it again"):
        run(arm, config, said)
    assert server.seen["cancel"] == 0


@pytest.mark.parametrize("cancels", [False, True])
def test_ctrl_c_cancels_the_job_only_if_asked_to(
    cancels: bool,
    make_arm: MakeArm,
    server: OpenAI,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.statuses = ("queued",)
    arm, config = make_arm(cancel_on_interrupt=cancels)
    submit(arm, config, False, said.append)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tasks.hosted.job.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish(arm, said.append)
    assert server.seen["cancel"] == int(cancels)
    assert ("was cancelled" if cancels else "`thaw cancel spam` ends it") in said[-1]


def test_jobs_of_a_case_are_cancelled_on_request(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    server.statuses = ("queued",)
    arm, config = make_arm()
    submit(arm, config, False, said.append)
    with pytest.raises(RequestError, match="nothing to cancel"):
        cancel_jobs("reviews")
    (job,) = cancel_jobs("spam")
    assert (job.id, job.status) == ("ftjob-1", "cancelled")
    with pytest.raises(RequestError, match="nothing to cancel"):
        cancel_jobs("spam")


def test_force_starts_another_job_only_after_the_first_has_ended(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    arm, config = make_arm()
    submit(arm, config, True, said.append)
    run(arm, config, said, force=True)
    assert list(server.jobs) == ["ftjob-1"]
    run(arm, config, said, force=True)
    assert list(server.jobs) == ["ftjob-1", "ftjob-2"]
    assert len(server.asked) == 48


def test_malformed_answers_are_counted_and_share_their_probability(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    arm, config = make_arm()
    server.answer = lambda text: {"dunno": 0.9, "!": 0.1} if "prize" in text else {"ham": 1.0}
    outcome = outcome_of(arm, run(arm, config, said), "run-1")
    assert outcome.metrics["test/unparsable"] == 6
    table = read_predictions(outcome.test)
    assert table.probabilities[0].tolist() == [0.5, 0.5]
    assert table.probabilities[1, 0] > 0.99


def test_limits_errors_and_silence_on_the_way_change_nothing(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    server.answer = judge
    arm, config = make_arm(timeout=1.0)
    server.moods["create"] = [does_it_then(hangs(1.5))]
    server.moods["chat"] = [
        fails(429, Retry_After="0.05"), fails(500), hangs(1.5), fails(503), fails(429),
    ]  # fmt: skip
    outcome = outcome_of(arm, run(arm, config, said), "run-1")
    assert outcome.metrics["test/accuracy"] == outcome.metrics["val/accuracy"] == 1.0
    assert list(server.jobs) == ["ftjob-1"]


def test_a_damaged_record_stops_rather_than_starts_a_second_job(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    arm, config = make_arm()
    submit(arm, config, False, said.append)
    (arm.folder / "job.json").write_text("{")
    with pytest.raises(ThawError, match=r"job\.json is damaged"):
        submit(arm, config, False, said.append)


def test_the_key_of_an_arm_leaves_out_how_the_server_is_spoken_to(make_arm: MakeArm) -> None:
    one, _ = make_arm()
    assert make_arm(concurrency=9, timeout=2.0, retries=1)[0].key == one.key
    assert make_arm(epochs=3)[0].key != one.key
    assert make_arm(system="You rate.")[0].key != one.key


def test_nothing_that_is_stored_holds_the_key(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    server.statuses = ("queued", "failed")
    server.job_error = {"code": "x", "message": f"bad key {KEY}"}
    arm, config = make_arm()
    with pytest.raises(ThawError) as caught:
        run(arm, config, said)
    server.statuses = ("succeeded",)
    server.answer = lambda text: {KEY: 0.5, "ham": 0.5}
    run(arm, config, said)
    assert KEY not in str(caught.value) + "".join(said)
    files = [path for path in hosted_dir().rglob("*") if path.is_file()]
    assert len(files) >= 6
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_wrong_requests_are_refused_before_anything_is_sent(
    server: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_and_model = [f"hosted.base_url={server.url}", "hosted.model=m"]
    hosted = ["training.backend=openai", *server_and_model]  # as earlier releases called it
    check_hosted(load_case("spam", "sample", hosted))
    with pytest.raises(RequestError, match=r"hosted\.base_url is not set"):
        check_hosted(load_case("spam", "sample", [hosted[0], "hosted.model=m"]))
    with pytest.raises(RequestError, match=r"hosted\.model is not set"):
        check_hosted(load_case("spam", "sample", hosted[:2]))
    gone = [hosted[0], "hosted.model=babbage-002"]
    with pytest.raises(RequestError, match=r"babbage-002 ended at .* on 28 September 2026"):
        check_hosted(load_case("spam", "sample", gone))
    with pytest.raises(RequestError, match="multi-label"):
        check_hosted(load_case("genre", "sample", hosted))
    with pytest.raises(RequestError, match="one hosted arm"):
        check_hosted(load_case("spam", "sample", [*hosted, "grid.training.backend=[local,openai]"]))
    with pytest.raises(RequestError, match="gets the whole training part"):
        check_hosted(load_case("spam", "sample", [*hosted, "training.share=0.5"]))
    monkeypatch.delenv("OPENAI_API_KEY")
    check_hosted(load_case("genre"))
    with pytest.raises(RequestError, match="There is no API key: set the environment variable"):
        check_hosted(load_case("spam", "sample", hosted))
    assert not server.seen


@pytest.mark.parametrize(
    "field",
    ["base_url=ftp://x", "base_url=https://me:sk-1@host", "key_variable=sk-123", "concurrency=0"],
)
def test_settings_that_cannot_work_are_refused(field: str) -> None:
    with pytest.raises(RequestError, match=field.partition("=")[0]):
        load_case("spam", "sample", [f"hosted.{field}"])


def test_uploaded_files_are_what_the_record_says(
    make_arm: MakeArm, server: OpenAI, said: list[str]
) -> None:
    arm, config = make_arm(format="completion")
    submit(arm, config, False, said.append)
    (job,) = server.jobs.values()
    sent = server.files[job["training_file"]].decode().splitlines()
    prompts = [json.loads(line)["prompt"] for line in sent]
    assert sorted(prompts) == sorted(f"train {text}\n\n###\n\n" for text in SPAM + HAM)
    assert prompts != sorted(prompts)
    assert server.files[job["validation_file"]].count(b"validation see you") == 6


FINISHING = """
import sys
from tasks.hosted.arm import HostedArm
from tasks.hosted.run import finish
finish(HostedArm.model_validate_json(sys.argv[1]), print)
"""


@pytest.mark.parametrize(
    "ending", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_process_that_ends_in_the_middle_of_asking_loses_no_answer(
    ending: signal.Signals,
    make_arm: MakeArm,
    server: OpenAI,
    said: list[str],
    forked_python: str,
) -> None:
    server.answer, server.statuses = judge, ("succeeded",)
    arm, config = make_arm(concurrency=2, timeout=60.0)
    submit(arm, config, False, said.append)
    server.moods["chat"] = [*[None] * 17, *[hangs(30)] * 2]  # and nothing more is said
    command = [forked_python, "-c", FINISHING, arm.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        journal = journal_of(arm.folder, "test")
        while len(read_answers(journal)) < 5 and time.monotonic() < deadline:  # 12 of validation
            time.sleep(0.02)
        process.send_signal(ending)
        started = time.monotonic()
        assert process.wait(30) != 0
        assert time.monotonic() - started < 5  # nobody waits for the silent server
    assert len(server.asked) == 17
    outcome = outcome_of(arm, finish(arm, said.append), "run-1")
    assert len(server.asked) == 24
    assert len(set(server.asked)) == 24
    assert outcome.metrics["test/accuracy"] == 1.0
    assert list(server.jobs) == ["ftjob-1"]
