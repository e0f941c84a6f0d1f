"""What a worker of a cluster sees before it trains, asked as one would on another machine."""

import dataclasses
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import pytest
from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from tiny import MakeSpec

from flows.arms import run_arm
from flows.sharing import Common, shared_with_workers
from flows.sweep import Sweep
from tasks.errors import RequestError
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.kind import kind_of
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec


@dataclass
class Planned:
    common: Common
    spec: ArmSpec
    tracker: Tracker

    def check(self) -> None:
        self.common.check(self.spec, self.tracker.address)

    def refusal(self) -> str:
        with pytest.raises(RequestError) as caught:
            self.check()
        return str(caught.value)


@pytest.fixture
def planned(own_home: Path, make_spec: MakeSpec) -> Iterator[Planned]:
    """A sweep whose arms are being trained."""
    tracker = Tracker()
    experiment = tracker.experiment("genre")
    run_id = tracker.start_run(experiment, "sweep", {}, {})
    tracker.log_text(run_id, "{}", "config.json")
    with shared_with_workers(Sweep(tracker, experiment, run_id)) as common:
        yield Planned(common, make_spec(), tracker)
    assert not list(own_home.glob("store/locks/workers-*"))


def test_a_worker_that_shares_all_goes_on(planned: Planned) -> None:
    planned.check()


def test_another_data_store(
    planned: Planned, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_STORE", str(own_home / "mine"))
    said = planned.refusal()
    assert f"which is {own_home / 'store'} on " in said
    assert f"its own is {own_home / 'mine'}." in said
    assert "THAW_STORE" in said
    assert not (own_home / "mine").exists()


def test_another_folder_under_the_same_name(planned: Planned, own_home: Path) -> None:
    shutil.rmtree(own_home / "store")
    (own_home / "store").mkdir()
    assert "does not see the data store" in planned.refusal()


def test_a_database_that_is_not_there_is_not_made(planned: Planned, own_home: Path) -> None:
    database = own_home / "mlruns" / "mlflow.db"
    database.rename(own_home / "away.db")
    said = planned.refusal()
    assert "does not see the MLflow store" in said
    assert "MLFLOW_TRACKING_URI" in said
    assert not database.exists()


def test_another_database_under_the_same_name(
    planned: Planned, own_home: Path, migrated_store: Path
) -> None:
    shutil.copy(migrated_store, own_home / "mlruns" / "mlflow.db")
    said = planned.refusal()
    assert f"there is no run {planned.common.run_id}" in said
    assert "tracking.uri" in said


def test_artifacts_that_are_not_there(planned: Planned, own_home: Path) -> None:
    shutil.rmtree(own_home / "mlruns" / "artifacts")
    assert "THAW_RUNS" in planned.refusal()


def test_another_release(planned: Planned) -> None:
    planned.common = dataclasses.replace(planned.common, code="another")
    assert "another release" in planned.refusal()


def test_a_kind_travels_by_its_name_alone() -> None:
    kind = kind_of("multi_label")
    for dump in (pickle.dumps, cloudpickle.dumps):
        with pytest.raises(TypeError, match="send its name"):
            dump(kind)


@pytest.mark.cluster
def test_arms_in_threads_of_one_worker_do_not_disturb_each_other(
    planned: Planned, make_spec: MakeSpec
) -> None:
    """To the last digit: each draws from the random states of the process alone."""
    run_id = planned.common.run_id
    experiment = planned.tracker.client.get_run(run_id).info.experiment_id
    where = (planned.tracker.address, experiment, run_id)
    specs = [make_spec(seed=seed, model={"backbone_dropout": 0.3}) for seed in (1, 2)]

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def in_threads() -> list[Outcome]:
        futures = [run_arm.submit(spec, *where, True, (), planned.common) for spec in specs]
        return [future.result() for future in futures]

    @flow
    def in_sequence() -> list[Outcome]:
        return [run_arm(spec, *where, True) for spec in specs]

    def figures(outcome: Outcome) -> dict[str, float]:
        return {k: v for k, v in outcome.metrics.items() if not k.startswith("cost/")}

    one, other = map(figures, in_sequence())
    assert one != other
    assert list(map(figures, in_threads())) == [one, other]
