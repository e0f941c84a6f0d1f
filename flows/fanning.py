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
from tasks.network.reaching import check_somebody_answers
from tasks.training.arms import ArmSpec

STARTS = 5
"""How often Ray may try to start."""

_arm = threading.Lock()


@contextmanager
def alone_in_process() -> Iterator[None]:
    """Train no other arm in this process meanwhile: a worker of Dask may have several threads."""
    with _arm:
        yield


@contextmanager
def task_runner(execution: ExecutionConfig) -> Iterator[Any]:
    """The Prefect task runner that `execution.runner` names.

    Raises:
        RequestError: its package is not installed.
        ThawError: no cluster answers at the address, or none can be started here.
    """
    address = execution.address.reveal() if execution.address else None
    if address:
        _check_answers(address, execution)
    if execution.runner == "processes":
        from prefect.task_runners import ProcessPoolTaskRunner

        yield ProcessPoolTaskRunner(execution.workers, initializer=end_with_the_run)
        return
    try:
        if execution.runner == "dask":
            from prefect_dask import DaskTaskRunner
        else:
            from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise RequestError(
            f"execution.runner={execution.runner} needs the package prefect-{execution.runner}: "
            f"pip install 'thaw[{execution.runner}]'."
        ) from error
    if address:
        yield (DaskTaskRunner if execution.runner == "dask" else RayTaskRunner)(address=address)
    elif execution.runner == "dask":
        # Its web server cannot be left out, and would listen on every address.
        quiet = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
        local = {"n_workers": execution.workers, "threads_per_worker": 1}
        yield DaskTaskRunner(cluster_kwargs={**local, "scheduler_kwargs": quiet})
    else:
        with _ray_of_its_own(execution.workers):
            yield RayTaskRunner()


def _check_answers(address: str, execution: ExecutionConfig) -> None:
    try:
        check_somebody_answers(address if "://" in address else f"//{address}")
    except OSError as error:
        raise ThawError(
            f"No cluster of {execution.runner} answers at execution.address={execution.address} "
            f"({error}): start it, or leave the address out, and one starts with the run."
        ) from error


@contextmanager
def _ray_of_its_own(workers: int) -> Iterator[None]:
    """Ray on this machine, for this run alone.

    Prefect would ask it once, and Ray gives its first process thirty seconds, which a busy machine
    exceeds. What travels is small: tables and models lie in the store.
    """
    import ray

    for tries_left in reversed(range(STARTS)):
        try:
            # Without an address Ray would join whatever cluster it finds on the machine.
            ray.init("local", num_cpus=workers, include_dashboard=False, object_store_memory=2**28)
            break
        except Exception as error:  # Ray's own are of no class of their own
            ray.shutdown()
            if not tries_left:
                raise ThawError(
                    f"Ray does not start on this machine ({error}): free it, or start Ray by hand "
                    "(`ray start --head`) and set execution.address to it."
                ) from error
    try:
        yield
    finally:
        ray.shutdown()


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
    """What an arm or a baseline comes to; that it diverges is no end of the others."""
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
