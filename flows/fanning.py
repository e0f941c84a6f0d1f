"""Arms over several processes: those of this machine, or the workers of a Dask or Ray cluster.

An arm has a process to itself while it is trained, because the random states of torch, NumPy and
Python belong to a process: two arms in threads of one would draw from each other's, and come to
other figures than one after another. Nothing of a kind travels there but its name.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prefect.futures import PrefectFuture

from tasks.config import ExecutionConfig
from tasks.errors import DivergedError, RequestError, ThawError
from tasks.evaluation.outcomes import Outcome
from tasks.training.arms import ArmSpec

_arm = threading.Lock()


@contextmanager
def alone_in_process() -> Iterator[None]:
    """Train no other arm in this process meanwhile: a worker of Dask may have several threads."""
    with _arm:
        yield


def task_runner(execution: ExecutionConfig) -> Any:
    """The Prefect task runner that `execution.runner` names.

    Raises:
        RequestError: its package is not installed.
    """
    address = execution.address.reveal() if execution.address else None
    if execution.runner == "processes":
        from prefect.task_runners import ProcessPoolTaskRunner

        return ProcessPoolTaskRunner(execution.workers, initializer=end_with_the_run)
    try:
        if execution.runner == "dask":
            from prefect_dask import DaskTaskRunner

            if address:
                return DaskTaskRunner(address=address)
            # Its web server cannot be left out, and would listen on every address.
            quiet = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
            local = {"n_workers": execution.workers, "threads_per_worker": 1}
            return DaskTaskRunner(cluster_kwargs={**local, "scheduler_kwargs": quiet})
        from prefect_ray import RayTaskRunner

        if address:
            return RayTaskRunner(address=address)
        # Without an address Ray would join whatever cluster it finds on the machine.
        alone = {"num_cpus": execution.workers, "include_dashboard": False}
        return RayTaskRunner("local", alone)
    except ImportError as error:
        raise RequestError(
            f"execution.runner={execution.runner} needs the package prefect-{execution.runner}: "
            f"pip install 'thaw[{execution.runner}]'."
        ) from error


def end_with_the_run() -> None:
    """In a process of the pool: end when the run does, whatever ends that.

    The pool's processes hold both ends of its pipes, and would wait for work for ever.
    """
    run = multiprocessing.parent_process()

    def watch() -> None:
        if run is not None:
            run.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def collect(
    futures: Sequence[PrefectFuture[Outcome]], specs: Sequence[ArmSpec]
) -> list[Outcome | DivergedError]:
    """What the arms came to, in their order.

    Raises:
        ThawError: an arm's own, or its process was lost more often than it is started anew.
    """
    pairs = zip(futures, specs, strict=True)
    return [or_divergence(_result, future, spec) for future, spec in pairs]


def or_divergence(arm: Callable[..., Outcome], *arguments: Any) -> Outcome | DivergedError:
    """What an arm comes to; that it diverges is no end of the others."""
    try:
        return arm(*arguments)
    except DivergedError as error:
        return DivergedError(error)  # without the frames that hold its model


def _result(future: PrefectFuture[Outcome], spec: ArmSpec) -> Outcome:
    reason = ""
    try:
        future.wait()
    except ThawError:
        raise
    except Exception as error:  # the pool's own
        reason = f" ({error})"
    # What an arm raises is in its state; without one, there was nobody left to say.
    if future.state.is_completed() or future.state.is_failed():
        return future.result()
    raise ThawError(
        f"The process that trained {spec.title} was lost{reason}: it was killed, or its machine "
        "was out of memory. What is finished is kept, and the same command goes on from there."
    )


def stop_pool() -> None:
    """End the processes of this run: who stops it does not wait for arms of hours."""
    for process in multiprocessing.active_children():
        process.terminate()
