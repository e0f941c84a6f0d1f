"""How an MLflow run ends: in a state that says what became of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tasks.secrets import redacted
from tasks.tracking import FAILED, FINISHED, KILLED, Tracker


@contextmanager
def ending(tracker: Tracker, run_id: str, finished: bool = False) -> Iterator[None]:
    """End the run when the block is left: finished, killed by Ctrl-C, or failed with the reason.

    Args:
        tracker: that holds it.
        run_id: an open run.
        finished: it was finished before; unless something fails, its end stays as it is.
    """
    try:
        yield
    except KeyboardInterrupt:
        tracker.finish(run_id, KILLED)
        raise
    except BaseException as error:
        tracker.set_tags(run_id, {"thaw.error": redacted(str(error))[:500]})
        tracker.finish(run_id, FAILED)
        raise
    if not finished:
        tracker.finish(run_id, FINISHED)
