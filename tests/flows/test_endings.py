"""What MLflow shows of a run that was ended from outside, with its reason."""

import signal
import time

import pytest
from genre_runs import Store, run_genre
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run
from prefect.states import Cancelling

from flows.endings import ending
from tasks.signals import OverdueError
from tasks.tracking import FAILED, FINISHED, KILLED, Tracker


@pytest.fixture
def runs() -> tuple[Tracker, str, str]:
    """A parent run and a child of it that another thread has open."""
    tracker = Tracker()
    experiment = tracker.experiment("genre")
    parent = tracker.start_run(experiment, "sweep", {}, {})
    return tracker, parent, tracker.start_run(experiment, "arm", {}, {}, parent)


def test_a_run_cancelled_in_prefect_says_so_with_its_arms(runs: tuple[Tracker, str, str]) -> None:
    tracker, parent, child = runs

    @flow
    def cancelled() -> None:
        """What Prefect's runner does: it marks the run and ends its process."""
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run.id, Cancelling(), force=True)
        with pytest.raises(TerminationSignal), ending(tracker, parent):
            raise TerminationSignal(signal=signal.SIGTERM)

    cancelled(return_state=True)
    for run in (parent, child):
        assert tracker.status(run) == KILLED
        assert tracker.tags(run)["thaw.error"] == "cancelled in Prefect"


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        (TerminationSignal(signal=signal.SIGTERM), KILLED, "ended by SIGTERM"),
        (KeyboardInterrupt(), KILLED, "stopped by Ctrl-C"),
        (OverdueError("longer than an hour"), FAILED, "longer than an hour"),
    ],
)
def test_a_run_that_is_stopped_says_by_what_and_forgets_it_when_it_goes_on(
    stop: BaseException, status: str, reason: str, runs: tuple[Tracker, str, str]
) -> None:
    tracker, parent, child = runs
    with pytest.raises(type(stop)), ending(tracker, parent):
        raise stop
    assert [tracker.status(run) for run in (parent, child)] == [status, status]
    assert {tracker.tags(run)["thaw.error"] for run in (parent, child)} == {reason}
    tracker.reopen(parent)
    with ending(tracker, parent):
        pass
    assert tracker.status(parent) == FINISHED
    assert "thaw.error" not in tracker.tags(parent)


def test_a_run_that_fails_leaves_the_others_alone(runs: tuple[Tracker, str, str]) -> None:
    tracker, parent, child = runs
    with pytest.raises(ValueError), ending(tracker, child):
        raise ValueError("too few rows")
    assert (tracker.status(parent), tracker.status(child)) == ("RUNNING", FAILED)
    assert tracker.tags(child)["thaw.error"] == "too few rows"


def test_a_run_that_takes_too_long_fails_with_a_sentence(
    small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.preparing.keep_validation", lambda *_: time.sleep(120))  # it hangs
    answer = run_genre(*small, "execution.hours=0.0015")
    assert answer.code == 1
    assert "longer than execution.hours=0.0015 allows" in answer.sentence
    (sweep,) = Store().sweeps()
    assert sweep.info.status == FAILED
    assert "execution.hours=0.0015" in sweep.data.tags["thaw.error"]
