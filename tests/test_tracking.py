"""Tracking on a real SQLite store: what is logged is there, what is closed stays closed.

Each test has a copy of the store that `migrated_store` made (tests/conftest.py).
"""

import contextlib
import json
import math
import os
import shutil
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow.types import Schema

from tasks.errors import DivergedError, ThawError
from tasks.storage import put_table
from tasks.tracking import FAILED, FINISHED, RUNNING, Tracker, git_commit


@pytest.fixture
def tracker(migrated_store: Path, isolated_store: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """A tracker on this test's own copy, at the default place."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = isolated_store / "mlruns"
    home.mkdir()
    shutil.copy(migrated_store, home / "mlflow.db")
    return Tracker()


@pytest.fixture
def run(tracker: Tracker) -> str:
    return tracker.start_run(tracker.experiment("genre"), "full seed=1", {"k": "v"}, {"p": 1})


def test_the_default_store_is_sqlite_in_the_runs_folder(
    tracker: Tracker, isolated_store: Path
) -> None:
    assert tracker.uri == f"sqlite:///{isolated_store / 'mlruns' / 'mlflow.db'}"


def test_the_environment_can_name_another_store(
    migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(migrated_store, tmp_path / "team.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'team.db'}")
    assert Tracker().uri.endswith("team.db")
    assert not (tmp_path / "mlruns").exists()


def test_a_store_that_cannot_be_reached_says_at_once_where_it_was_looked_for(
    tmp_path: Path,
) -> None:
    begun = time.monotonic()
    (tmp_path / "file.db").write_text("this is no database, and long enough to be told from one")
    names = ("file.db", "file.db/x.db", "")  # a file of another kind, below one, a folder
    for uri in (f"sqlite:///{tmp_path}/{name}" for name in names):
        with pytest.raises(ThawError, match=r"cannot be reached .*check tracking\.uri") as caught:
            Tracker(uri)
        assert uri in str(caught.value)
        assert "\n" not in str(caught.value)
    assert time.monotonic() - begun < 10  # MLflow tries each for a minute


def test_an_experiment_is_made_once_and_keeps_its_artifacts_by_name(
    tracker: Tracker, isolated_store: Path
) -> None:
    first = tracker.experiment("genre")
    assert tracker.experiment("genre") == first
    location = tracker.client.get_experiment(first).artifact_location
    assert location == (isolated_store / "mlruns" / "artifacts" / "genre").as_uri()


def test_a_deleted_experiment_comes_back(tracker: Tracker) -> None:
    first = tracker.experiment("genre")
    tracker.client.delete_experiment(first)
    assert tracker.experiment("genre") == first
    assert tracker.start_run(first, "again", {}, {})


def test_a_run_is_open_until_it_is_finished(tracker: Tracker, run: str) -> None:
    assert tracker.status(run) == RUNNING
    tracker.finish(run)
    assert tracker.status(run) == FINISHED
    tracker.reopen(run)
    assert tracker.status(run) == RUNNING
    tracker.finish(run, FAILED)
    assert tracker.status(run) == FAILED


def test_a_run_that_is_gone_has_no_status(tracker: Tracker, run: str) -> None:
    assert tracker.status("0" * 32) is None
    tracker.client.delete_run(run)
    assert tracker.status(run) is None


def test_a_run_carries_name_tags_parameters_and_commit(tracker: Tracker, run: str) -> None:
    data = tracker.client.get_run(run).data
    assert data.tags["mlflow.runName"] == "full seed=1"
    assert data.tags["k"] == "v"
    assert data.params == {"p": "1"}
    assert data.tags.get("mlflow.source.git.commit") == git_commit()


def test_a_child_run_points_at_its_sweep(tracker: Tracker, run: str) -> None:
    child = tracker.start_run(tracker.experiment("genre"), "arm", {}, {}, parent=run)
    found = tracker.find_runs("genre", {"mlflow.parentRunId": run})
    assert [r.info.run_id for r in found] == [child]


def test_runs_are_found_by_all_their_tags_newest_first(tracker: Tracker) -> None:
    experiment = tracker.experiment("genre")
    wanted = [
        tracker.start_run(experiment, f"run {n}", {"thaw.kind": "arm", "thaw.arm": "abc"}, {})
        for n in range(2)
    ]
    tracker.start_run(experiment, "other", {"thaw.kind": "arm", "thaw.arm": "xyz"}, {})
    found = tracker.find_runs("genre", {"thaw.kind": "arm", "thaw.arm": "abc"})
    assert {run.info.run_id for run in found} == set(wanted)
    starts = [run.info.start_time for run in found]
    assert starts == sorted(starts, reverse=True)
    assert tracker.find_runs("nothing", {"thaw.arm": "abc"}) == []


def test_many_parameters_and_a_long_one_are_logged(tracker: Tracker, run: str) -> None:
    tracker.log_params(run, {f"q{n}": n for n in range(250)} | {"long": "x" * 10_000})
    params = tracker.client.get_run(run).data.params
    assert len(params) == 252
    assert params["long"] == "x" * 5_999 + "…"


def test_a_figure_that_is_no_number_is_left_out(tracker: Tracker, run: str) -> None:
    bad = {"a": float("nan"), "b": float("inf"), "c": float("-inf")}
    tracker.log_metrics(run, {"val/loss": 0.5, **bad}, step=3)
    assert tracker.client.get_run(run).data.metrics == {"val/loss": 0.5}
    assert tracker.last_step(run, "val/loss") == 3


def test_more_metrics_than_mlflow_takes_at_once_are_logged(tracker: Tracker, run: str) -> None:
    tracker.log_metrics(run, {f"m{n}": float(n) for n in range(1100)})
    assert len(tracker.client.get_run(run).data.metrics) == 1100


def test_quick_steps_of_a_curve_share_a_request(
    tracker: Tracker, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.0, 10.4, 10.9, 11.5, 11.5, 12.0, 12.2])
    monkeypatch.setattr("tasks.tracking.writing.time.monotonic", lambda: next(clock))
    sizes: list[int] = []
    log_batch = tracker.client.log_batch

    def counting(run_id: str, metrics: list[Any]) -> None:
        sizes.append(len(metrics))
        log_batch(run_id, metrics=metrics)

    monkeypatch.setattr(tracker.client, "log_batch", counting)
    with contextlib.suppress(DivergedError), tracker.curve(run) as log:
        for step in range(5):
            log({"train/loss": 1.0 / (step + 1), "bad": float("nan")}, step)
        raise DivergedError("the loss is not a number")
    assert sizes == [1, 3, 1], "at once; what came within a second; the rest at the end"
    history = tracker.client.get_metric_history(run, "train/loss")
    assert {(point.step, point.value) for point in history} == {
        (step, 1.0 / (step + 1)) for step in range(5)
    }


def test_the_last_step_is_the_largest_and_minus_one_without_any(tracker: Tracker, run: str) -> None:
    assert tracker.last_step(run, "train/loss") == -1
    for step in (5, 20, 10):
        tracker.log_metrics(run, {"train/loss": 1.0}, step)
    assert tracker.last_step(run, "train/loss") == 20


def test_texts_pictures_and_files_are_kept(tracker: Tracker, run: str, tmp_path: Path) -> None:
    tracker.log_text(run, "# Report ✓", "report/index.md")
    tracker.log_bytes(run, b"\x89PNG", "plots/curve.png", tmp_path)
    (tmp_path / "table.csv").write_text("a\n1\n")
    tracker.log_file(run, tmp_path / "table.csv", "tables")
    kept = {
        a.path
        for folder in ("report", "plots", "tables")
        for a in tracker.client.list_artifacts(run, folder)
    }
    assert kept == {"report/index.md", "plots/curve.png", "tables/table.csv"}
    assert tracker.read_text(run, "report/index.md") == "# Report ✓"


def test_an_artifact_that_is_missing_is_named(tracker: Tracker, run: str) -> None:
    with pytest.raises(ThawError, match=rf"Run {run} has no artifact nothing\.txt"):
        tracker.read_text(run, "nothing.txt")


def test_a_table_is_logged_under_its_content_digest(tracker: Tracker, run: str) -> None:
    rows = {"id": ["a", "b"], "scores": [[0.5], [0.1, 0.2]], "sure": [True, False]}
    table = put_table(pd.DataFrame(rows), "sample genre.jsonl")
    tracker.log_table(run, table, "train", "genre-train")
    (logged,) = tracker.client.get_run(run).inputs.dataset_inputs
    assert logged.dataset.digest == table.digest[:32]
    assert json.loads(logged.dataset.profile) == {"num_rows": 2}
    columns = json.loads(logged.dataset.schema)["mlflow_colspec"]
    assert Schema.from_json(json.dumps(columns)).input_names() == ["id", "scores", "sure"]
    assert [column["type"] for column in columns] == ["string", "array", "boolean"]
    assert json.loads(logged.dataset.source)["origin"] == "sample genre.jsonl"
    assert {tag.key: tag.value for tag in logged.tags} == {"mlflow.data.context": "train"}


def test_a_run_with_data_sets_has_a_model_whose_figures_name_them(tracker: Tracker) -> None:
    name = "full training.learning_rate=1e-4 seed=1"  # MLflow's models have no dot in their names
    params = {"strategy": "full", "seed": 1, "training.epochs": 3}
    run = tracker.start_run(tracker.experiment("genre"), name, {}, params)
    for part in ("train", "validation", "test"):
        table = put_table(pd.DataFrame({"text": [part]}), "a file")
        tracker.log_table(run, table, part, f"genre-{part}")
    figures = {"val/f1": 0.6, "test/f1": 0.5, "cost/train_seconds": 3.0, "test/auc": math.nan}
    tracker.log_final(run, figures, 7)
    assert tracker.metrics(run) == {"val/f1": 0.6, "test/f1": 0.5, "cost/train_seconds": 3.0}
    kept = tracker.client.get_run(run)
    (output,) = kept.outputs.model_outputs
    model = tracker.client.get_logged_model(output.model_id)
    assert (model.name, model.source_run_id) == ("full training-learning_rate=1e-4 seed=1", run)
    assert str(model.status) == "READY"
    assert model.params == {"strategy": "full", "seed": "1"}
    digests = {each.dataset.name: each.dataset.digest for each in kept.inputs.dataset_inputs}
    found = {
        each.key: (each.value, each.dataset_name, each.dataset_digest) for each in model.metrics
    }
    assert found == {
        "val/f1": (0.6, "genre-validation", digests["genre-validation"]),
        "test/f1": (0.5, "genre-test", digests["genre-test"]),
        "cost/train_seconds": (3.0, None, None),
    }


def test_a_run_without_data_sets_has_no_model(tracker: Tracker, run: str) -> None:
    tracker.log_final(run, {"test/f1": 0.5}, 0)
    assert tracker.metrics(run) == {"test/f1": 0.5}
    assert not tracker.client.search_logged_models([tracker.experiment("genre")])


def test_what_the_machine_does_is_logged_where_it_is_wanted(
    tracker: Tracker, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    with tracker.machine_watched(run, wanted=False):
        time.sleep(0.2)
    assert not tracker.metrics(run)
    with tracker.machine_watched(run):
        time.sleep(0.6)
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= set(
        tracker.metrics(run)
    )


def test_opening_a_store_leaves_the_environment_as_it_was(
    migrated_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow writes the address there, and it would overrule the next configuration."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    Tracker(f"sqlite:///{migrated_store}")
    assert "MLFLOW_TRACKING_URI" not in os.environ


def _open_and_log(uri: str, number: int, ready: Any, answers: Any) -> None:
    ready.wait()
    try:
        tracker = Tracker(uri)
        experiment = tracker.experiment(f"case {number % 3}")
        run_id = tracker.start_run(experiment, f"run {number}", {"n": str(number)}, {"p": number})
        for step in range(5):
            tracker.log_metrics(run_id, {"loss": 1.0, "accuracy": 0.5}, step)
        tracker.finish(run_id)
        answers.put((number, run_id))
    except BaseException as error:  # told to the parent
        answers.put((number, repr(error)))
    answers.close()
    answers.join_thread()
    os._exit(0)  # what the tests before left to do at the end is their process's own


def test_a_new_store_is_opened_and_used_by_eight_processes_at_once(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    processes = get_context("fork")  # importing MLflow eight times would take longer than the test
    ready, answers = processes.Barrier(8), processes.Queue()
    started = [
        processes.Process(target=_open_and_log, args=(uri, number, ready, answers))
        for number in range(8)
    ]
    for process in started:
        process.start()
    said = dict(answers.get(timeout=250) for _ in started)
    for process in started:
        process.join(60)
    client = Tracker(uri).client
    for number, run_id in said.items():
        run = client.get_run(run_id)
        assert run.info.status == FINISHED
        assert run.data.params == {"p": str(number)}
        assert len(client.get_metric_history(run_id, "loss")) == 5
