"""At the limits of MLflow's and Prefect's databases: one under, at it, one over; no error anywhere.

On a real PostgreSQL, which refuses what is too long, and on SQLite, which would keep it.
"""

import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow.store.model_registry.dbmodels import models as registry
from mlflow.store.tracking.dbmodels import models as tracking
from mlflow.utils import validation
from prefect.settings import PREFECT_SERVER_API_MAX_PARAMETER_SIZE

from tasks import limits
from tasks.config.loading import load_case
from tasks.errors import RequestError, ThawError
from tasks.storage import put_table
from tasks.tracking import MODEL_CARD, Tracker

AROUND = (-1, 0, 1)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def opened(
    request: pytest.FixtureRequest,
    migrated_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The address of a database with MLflow's tables."""
    if request.param == "postgres":
        address: str = request.getfixturevalue("postgres")
        return address
    folder = tmp_path_factory.mktemp("limits")
    shutil.copy(migrated_store, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture
def tracker(opened: str) -> Tracker:
    return Tracker(opened)


@pytest.fixture
def run(tracker: Tracker) -> str:
    return tracker.start_run(tracker.experiment("limits"), "run", {}, {})


def length(column: Any) -> int:
    return int(column.type.length)


def test_the_limits_are_those_of_the_installed_packages() -> None:
    assert length(tracking.SqlRun.__table__.c.name) == limits.RUN_NAME
    assert length(tracking.SqlRun.__table__.c.artifact_uri) == limits.ARTIFACT_ADDRESS
    assert length(tracking.SqlExperiment.__table__.c.name) == limits.EXPERIMENT
    assert length(registry.SqlModelVersion.__table__.c.description) == limits.DESCRIPTION
    assert length(registry.SqlRegisteredModel.__table__.c.name) == limits.MODEL_NAME
    assert length(tracking.SqlDataset.__table__.c.name) == limits.DATASET_NAME
    assert validation.MAX_ENTITY_KEY_LENGTH == limits.KEY
    assert validation.MAX_MODEL_REGISTRY_TAG_KEY_LENGTH == limits.KEY
    assert validation.MAX_PARAM_VAL_LENGTH == limits.PARAM
    assert validation.MAX_TAG_VAL_LENGTH == limits.TAG <= length(tracking.SqlTag.__table__.c.value)
    assert validation.MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH == limits.VERSION_TAG
    assert validation.MAX_DATASET_SOURCE_SIZE == limits.DATASET_SOURCE
    assert validation.MAX_DATASET_SCHEMA_SIZE == limits.DATASET_SCHEMA
    assert validation.MAX_METRICS_PER_BATCH == limits.METRICS_AT_ONCE
    assert validation.MAX_PARAMS_TAGS_PER_BATCH == limits.PARAMS_AT_ONCE == limits.TAGS_AT_ONCE
    assert validation.MAX_BATCH_LOG_REQUEST_SIZE == limits.REQUEST_BYTES
    assert PREFECT_SERVER_API_MAX_PARAMETER_SIZE.value() == limits.FLOW_PARAMETERS


@pytest.mark.parametrize("over", AROUND)
def test_what_is_sent_at_a_limit_is_kept_and_what_is_longer_fits(
    over: int, tracker: Tracker, run: str
) -> None:
    def text(limit: int) -> str:
        return "é" * (limit + over)  # a limit counts characters: each is two bytes here

    experiment = tracker.experiment("limits")
    named = tracker.start_run(experiment, text(limits.RUN_NAME), {"t": text(limits.TAG)}, {})
    tracker.log_params(run, {f"value{over}": text(limits.PARAM), text(limits.KEY): 1})
    tracker.log_metrics(run, {text(limits.KEY): 0.5})
    tracker.set_tags(run, {text(limits.KEY): text(limits.TAG)})
    tracker.describe_run(run, text(limits.TAG), "table.md")
    table = put_table(pd.DataFrame({"id": ["a"]}), text(limits.DATASET_SOURCE))
    tracker.log_table(run, table, "train", text(limits.DATASET_NAME))

    found, kept = tracker.client.get_run(named).info.run_name, tracker.client.get_run(run).data
    assert len(found) == limits.RUN_NAME + min(over, 0)
    assert len(kept.params[f"value{over}"]) == limits.PARAM + min(over, 0)
    assert {len(name) for name in kept.metrics} == {limits.KEY + min(over, 0)}
    assert tracker.last_step(run, text(limits.KEY)) == 0
    note = kept.tags["mlflow.note.content"]
    assert len(note) <= limits.TAG
    assert note.endswith("artifacts of this run.") == (over > 0)


@pytest.fixture
def version(tracker: Tracker, run: str) -> Callable[[str], str]:
    source = tracker.client.get_run(run).info.artifact_uri

    def make(name: str) -> str:
        return tracker.create_version(name, source, run, "", {"thaw.arm": "x" * 9_000})

    return make


@pytest.mark.parametrize("over", AROUND)
def test_a_card_at_the_limit_is_shown_and_a_longer_one_kept_whole(
    over: int, tracker: Tracker, run: str, version: Callable[[str], str]
) -> None:
    name = "m" * (limits.MODEL_NAME - 1 + over) if over < 1 else "model"
    number = version(name)
    lines = "| a | b |\n" * 1_000
    card = lines[: limits.DESCRIPTION + over]
    tracker.describe_version(name, number, card, {"thaw.verdict": "v" * 100_001})
    shown = tracker.client.get_model_version(name, number).description
    assert len(shown) <= limits.DESCRIPTION
    if over <= 0:
        assert shown == card
        return
    assert shown.endswith(f"The whole card is {MODEL_CARD} among the artifacts of the run {run}.")
    assert shown.splitlines()[-3] == "| a | b |"  # no row of a table is torn
    assert tracker.read_text(run, MODEL_CARD) == card


def test_more_than_one_request_holds_is_sent_in_several(tracker: Tracker, run: str) -> None:
    tracker.set_tags(run, {f"t{n}": "é" * 5_000 for n in range(130)})
    tracker.log_params(run, {f"p{n}": "é" * 5_000 for n in range(130)})
    data = tracker.client.get_run(run).data
    assert len(data.params) == 130
    assert {f"t{n}" for n in range(130)} <= data.tags.keys()


def test_a_request_never_exceeds_what_a_server_takes() -> None:
    entries = ["\x7f" * size for size in (10, 6_000, 160_000, 1, 1)] * 40
    sent = list(limits.batches(entries, 100, len))
    assert [each for batch in sent for each in batch] == entries
    assert all(len(batch) <= 100 for batch in sent)
    assert all(sum(6 * len(e) + 100 for e in batch) <= limits.REQUEST_BYTES for batch in sent)


@pytest.mark.parametrize("odd", ["a\x00b", "half \ud800 of a pair"])
def test_characters_that_no_database_keeps_are_replaced(
    odd: str, tracker: Tracker, run: str
) -> None:
    tracker.set_tags(run, {"thaw.error": odd})
    assert "�" in tracker.tags(run)["thaw.error"]


@pytest.mark.parametrize(
    "odd", ["reward (polite)", "a//b", "../up", "/root", "x/", "", "50 %", "naïve/größe ok"]
)
def test_any_name_becomes_one_that_mlflow_takes(odd: str, tracker: Tracker, run: str) -> None:
    tracker.log_params(run, {odd: 1})
    tracker.log_metrics(run, {odd: 1.0})
    tracker.set_tags(run, {odd: "1"})
    assert limits.key(odd) in tracker.client.get_run(run).data.metrics
    assert limits.key("naïve/größe ok") == "naïve/größe ok"
    assert len({limits.key(name) for name in ("a(b)", "a[b]", "a_b_")}) == 3


def test_a_runs_folder_whose_address_is_too_long_is_refused_where_it_cannot_be_kept(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path.joinpath(*["d" * 50] * 4)
    monkeypatch.setenv("THAW_RUNS", str(deep))
    if tracker.uri.startswith("sqlite"):
        assert tracker.start_run(tracker.experiment("deep"), "run", {}, {})
        return
    with pytest.raises(RequestError, match=r"keep 200: set THAW_RUNS to a folder with a shorter"):
        tracker.experiment("deep")


def test_a_case_name_that_no_experiment_can_bear_is_refused(tracker: Tracker) -> None:
    with pytest.raises(RequestError, match="has 257: give the case a shorter name"):
        tracker.experiment("n" * 257)


@pytest.mark.parametrize("name", ["a/b", "a:b", "m" * 257])
def test_a_name_that_no_registry_takes_is_refused_before_training(name: str) -> None:
    with pytest.raises(RequestError, match=r"registry\.name: .* cannot name a registered model"):
        load_case("genre", "sample", [f"registry.name={name!r}"])


def test_parameters_at_prefects_limit_pass_and_one_byte_more_is_a_sentence() -> None:
    frame = len('{"overrides":""}')
    limits.require_flow_parameters({"overrides": "x" * (limits.FLOW_PARAMETERS - frame)})
    with pytest.raises(RequestError, match=r"524,289 bytes as JSON, and Prefect keeps at most"):
        limits.require_flow_parameters({"overrides": "x" * (limits.FLOW_PARAMETERS - frame + 1)})


def test_a_database_without_its_driver_says_how_to_get_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(b"N")  # as PostgreSQL does: no encryption, go on

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(
            ThawError, match=r"needs the database driver psycopg2.*thaw\[postgres\]"
        ):
            Tracker(f"postgresql+psycopg2://nobody@127.0.0.1:{server.getsockname()[1]}/none")
        thread.join()
