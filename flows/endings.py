"""How an MLflow run ends: in a state that says what became of it."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run

from tasks.secrets import redacted
from tasks.signals import OverdueError
from tasks.tracking import FAILED, FINISHED, KILLED, Tracker

REASON = "thaw.error"
_log = logging.getLogger("prefect.flow_runs")


@contextmanager
def ending(tracker: Tracker, run_id: str, finished: bool = False) -> Iterator[None]:
    """End the run when the block is left: finished, or killed or failed with the reason.

    Args:
        tracker: that holds it.
        run_id: an open run.
        finished: it was finished before; unless something fails, its end stays as it is.
    """
    try:
        yield
    except BaseException as error:
        try:
            close(tracker, run_id, error)
        except Exception as other:  # the store is out of reach: what ended the run is told
            _log.warning("MLflow cannot be told how run %s ended: %s", run_id, other)
        raise
    if not finished:
        close(tracker, run_id)


def close(tracker: Tracker, run_id: str, error: BaseException | None = None) -> None:
    """End a run in a state that says what became of it, and why."""
    if error is None:
        tracker.forget_tag(run_id, REASON)  # of a try that was cut short before this one
        tracker.finish(run_id, FINISHED)
    elif isinstance(error, KeyboardInterrupt | TerminationSignal):
        reason = _who_stopped(error)
        _end_all(tracker, run_id, KILLED, reason)
    elif isinstance(error, OverdueError):
        _end_all(tracker, run_id, FAILED, str(error))
    else:
        _end(tracker, run_id, FAILED, redacted(str(error)))


def _end_all(tracker: Tracker, run_id: str, status: str, reason: str) -> None:
    # Arms in other threads and processes hear of it too late, or never.
    for each in (*tracker.open_children(run_id), run_id):
        _end(tracker, each, status, reason)


def _end(tracker: Tracker, run_id: str, status: str, reason: str) -> None:
    tracker.set_tags(run_id, {REASON: reason[:500]})
    tracker.finish(run_id, status)


def _who_stopped(stop: KeyboardInterrupt | TerminationSignal) -> str:
    """Whoever ended the run: a user in Prefect, another program, or Ctrl-C."""
    if isinstance(stop, KeyboardInterrupt):
        return "stopped by Ctrl-C"
    if _cancelled_in_prefect():
        return "cancelled in Prefect"
    return f"ended by {signal.Signals(stop.signal).name}"


def _cancelled_in_prefect() -> bool:
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(flow_run.root_flow_run_id).state
        return state is not None and (state.is_cancelling() or state.is_cancelled())
    except Exception:  # the run ends in any case, and says so without the server too
        return False
