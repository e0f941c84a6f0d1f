"""The parent run before its data are known: it says what failed, and leaves no litter."""

import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from genre_runs import Store, run_genre, synopses, write_csv
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.client.schemas.sorting import FlowRunSort

from flows.catalogue import flow_of
from flows.overrides import overrides_of
from flows.sweep import open_sweep
from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.tracking import Tracker


def test_a_failed_ingest_leaves_a_run_that_says_why_and_the_same_command_goes_on_in_it(
    quick: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "later.csv"
    command = (*quick, "strategies=[head]", f"data.path={file}")
    assert run_genre(*command).code == 2
    assert not Store().sweeps()  # a terminal is told before anything starts, a schedule by its run
    for _ in range(2):
        with pytest.raises(RequestError, match="There is no file"):
            flow_of("genre")(overrides=overrides_of(command, "genre"))
    (failed,) = Store().sweeps()  # one run, however often it failed
    assert failed.info.status == "FAILED"
    assert "There is no file" in failed.data.tags["thaw.error"]
    assert "later.csv" in Store().text(failed.info.run_id, "config.json")
    assert failed.info.run_id in linked_from(failed.data.tags["prefect.flow_run_id"])
    write_csv(file, synopses())
    answer = run_genre(*command)
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    assert sweep.info.run_id == failed.info.run_id
    assert sweep.info.status == "FINISHED"
    assert sweep.data.params["strategies"] == "head"

    assert "nothing was trained" in run_genre(*command).out
    elsewhere = shutil.copy(file, tmp_path / "elsewhere.csv")
    moved = run_genre(*command, f"data.path={elsewhere}")  # the same rows are the same sweep
    assert "nothing was trained" in moved.out
    with get_client(sync_client=True) as client:  # the last of the flow runs reused it
        (last,) = client.read_flow_runs(limit=1, sort=FlowRunSort.START_TIME_DESC)
    assert sweep.info.run_id in linked_from(str(last.id))
    assert [run.info.run_id for run in Store().sweeps()] == [sweep.info.run_id]


def linked_from(flow_run: str) -> str:
    """What the flow run's page in Prefect links as MLflow's run."""
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]),
        key=ArtifactFilterKey(any_=["genre-run"]),
    )
    with get_client(sync_client=True) as client:
        (link,) = client.read_artifacts(artifact_filter=wanted)  # none to a run that was given up
        return str(link.data)


# --- without a flow -----------------------------------------------------------------------------

DATA, MODEL = "d" * 64, "m"


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> CaseConfig:
    import logging

    monkeypatch.setattr("flows.sweep.get_run_logger", logging.getLogger)
    return load_case("genre")


def statuses() -> list[str]:
    return [run.info.status for run in Store().sweeps()]


def test_a_finished_sweep_stands_by_and_a_failure_beside_it_has_a_run_of_its_own(
    config: CaseConfig,
) -> None:
    with open_sweep(config) as claim:
        first = claim(config, (DATA, MODEL))
        assert statuses() == ["RUNNING"]
    with open_sweep(config) as claim:
        assert statuses() == ["FINISHED"]
        again = claim(config, (DATA, MODEL))
    assert (again.run_id, again.finished) == (first.run_id, True)
    with pytest.raises(ValueError, match="gone"), open_sweep(config):
        raise ValueError("the source is gone")
    assert statuses() == ["FINISHED", "FAILED"]
    with open_sweep(config) as claim:  # the source is back
        assert claim(config, (DATA, MODEL)).run_id == first.run_id
    assert statuses() == ["FINISHED", "FAILED"]


def test_other_data_other_models_and_force_make_other_sweeps(config: CaseConfig) -> None:
    runs = []
    for digests, force in (
        ((DATA, MODEL), False),
        (("other", MODEL), False),
        ((DATA, "other"), False),
        ((DATA, MODEL), True),
    ):
        with open_sweep(config, force) as claim:
            runs.append(claim(config, digests).run_id)
    assert len(set(runs)) == 4
    assert statuses() == ["FINISHED"] * 4


def test_a_sweep_that_was_cut_short_is_taken_up_again(config: CaseConfig) -> None:
    with suppress(KeyboardInterrupt), open_sweep(config) as claim:
        first = claim(config, (DATA, MODEL))
        raise KeyboardInterrupt
    assert statuses() == ["KILLED"]
    with pytest.raises(KeyboardInterrupt), open_sweep(config):
        raise KeyboardInterrupt  # before its data were known: nothing of it is touched
    assert statuses() == ["KILLED"]
    with open_sweep(config) as claim:
        second = claim(config, (DATA, MODEL))
        assert statuses() == ["RUNNING"]
    assert (second.run_id, second.finished) == (first.run_id, False)
    assert statuses() == ["FINISHED"]


def test_the_second_of_two_waits_and_finds_it_finished(config: CaseConfig) -> None:
    seen: list[bool] = []

    def other() -> None:
        with open_sweep(config) as claim:
            seen.append(claim(config, (DATA, MODEL)).finished)

    Tracker()
    with open_sweep(config) as claim:
        claim(config, (DATA, MODEL))
        second = threading.Thread(target=other)
        second.start()
        second.join(0.5)
        assert second.is_alive()
    second.join(60)
    assert seen == [True]
    assert statuses() == ["FINISHED"]
