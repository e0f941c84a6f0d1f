"""`thaw run` with training.backend=hosted: one more arm in the same sweep, never the champion."""

# ruff: noqa: F811 - fixtures are imported by name
import json
import logging
from pathlib import Path

import pytest
from genre_runs import Answer, Store, options, thaw
from hosted.hosted_parts import label_tokenizer  # noqa: F401 - a fixture
from network.openai_server import KEY, OpenAI, fails, server  # noqa: F401 - a fixture


@pytest.fixture
def hosted(server: OpenAI, label_tokenizer: Path, tiny_gpt2: Path) -> tuple[str, ...]:
    """Overrides of a quick run with a hosted arm."""
    server.answer = lambda text: (
        {"spam": 0.9, "ham": 0.1} if any(c.isdigit() for c in text) else {"ham": 0.8, "spam": 0.2}
    )
    return (
        f"model.base={tiny_gpt2}",
        "model.max_length=48",
        "training.epochs=1",
        "top_seeds=1",
        "training.backend=hosted",
        "strategies=[last_1]",
        "evaluation.bootstrap=100",
        "evaluation.baseline_c=[1.0]",
        "registry.enabled=false",
        f"hosted.base_url={server.url}",
        "hosted.model=gpt-4o-mini-2024-07-18",
        f"hosted.tokenizer={label_tokenizer}",
        "hosted.poll_seconds=0.01",
        "hosted.retries=2",
    )


def run(*overrides: str, force: bool = False) -> Answer:
    return thaw("run", "spam", *options(*overrides), *(["--force"] if force else []))


def test_the_hosted_model_lands_as_one_more_arm_and_its_key_nowhere(
    hosted: tuple[str, ...],
    server: OpenAI,
    own_home: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.moods["chat"] = [fails(429, f"slow down, {KEY}", Retry_After="0.05")]
    answer = run(*hosted)
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    (local,) = store.children(sweep.info.run_id).values()
    (arm,) = store.children(sweep.info.run_id, "hosted").values()
    assert arm.info.run_name == "hosted gpt-4o-mini-2024-07-18 seed=42"
    assert arm.info.status == "FINISHED"
    assert set(local.data.metrics) & {"test/f1"} <= set(arm.data.metrics)
    assert arm.data.metrics["test/f1"] > local.data.metrics["test/f1"]
    assert {"cost/dollars", "cost/train_seconds", "test/unparsable"} <= set(arm.data.metrics)
    assert arm.data.tags["thaw.job"] == "ftjob-1"
    assert "predictions/test.csv" in store.artifacts(arm.info.run_id)
    # Better than all others, and still not the arm that is chosen.
    assert sweep.data.tags["thaw.best"] == "last_1"
    comparison = json.loads(store.text(sweep.info.run_id, "comparison/comparison.json"))
    kinds = {entry["name"]: entry["kind"] for entry in comparison["entries"]}
    assert kinds["hosted gpt-4o-mini-2024-07-18"] == "hosted"
    assert comparison["best"] == "last_1"
    assert "neither packaged nor champion" in comparison["conclusion"]
    shown = " ".join(answer.out.split())
    assert "hosted" in shown
    assert "Dollars" in shown
    files = [path for path in own_home.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in caplog.text + answer.out + answer.err


def test_a_local_arm_is_the_same_with_a_hosted_one_beside_it_and_again_nothing_is_sent(
    hosted: tuple[str, ...], server: OpenAI
) -> None:
    assert run(*hosted, "training.backend=local").code == 0
    assert run(*hosted).code == 0
    store = Store()
    both = [store.children(sweep.info.run_id) for sweep in store.sweeps()]
    keys = {run.data.tags["thaw.arm"] for arms in both for run in arms.values()}
    assert len(both) == 2
    assert len(keys) == 1
    before = dict(server.seen)
    answer = run(*hosted)
    assert answer.code == 0, answer.err
    assert "Every arm was finished already" in answer.out
    assert dict(server.seen) == before


def test_a_failed_job_ends_the_run_and_the_same_command_goes_on(
    hosted: tuple[str, ...], server: OpenAI
) -> None:
    server.statuses = ("queued", "failed")
    server.job_error = {"code": "quota", "message": "billing hard limit reached"}
    answer = run(*hosted)
    assert answer.code == 1
    assert "billing hard limit reached" in answer.sentence
    (sweep,) = Store().sweeps()
    assert sweep.info.status == "FAILED"
    (arm,) = Store().children(sweep.info.run_id, "hosted").values()
    assert arm.info.status == "FAILED"
    server.statuses = ("running", "succeeded")
    answer = run(*hosted)
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    assert sweep.info.status == "FINISHED"
    assert len(Store().children(sweep.info.run_id, "hosted")) == 1


def test_no_key_is_refused_before_anything_is_trained(
    hosted: tuple[str, ...], server: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    answer = run(*hosted)
    assert answer.code == 2
    assert "OPENAI_API_KEY" in answer.sentence
    assert Store().runs() == []
    assert not server.seen


def test_cancel_says_what_it_cancelled(hosted: tuple[str, ...], server: OpenAI) -> None:
    server.statuses = ("running",)
    answer = run(*hosted, "hosted.longest_hours=1e-6")
    assert answer.code == 1
    assert "still running" in answer.sentence
    answer = thaw("cancel", "spam")
    assert (answer.code, answer.out) == (0, "ftjob-1: cancelled\n")
    answer = thaw("cancel", "spam")
    assert answer.code == 2
    assert "nothing to cancel" in answer.sentence
