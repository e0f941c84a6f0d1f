"""Sweeps over the workers of Dask and Ray: real clusters, in processes, on loopback."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest
from genre_runs import Store, home, run_genre
from interrupting import checkpoints

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

EPOCHS = 12
STRATEGIES = ("full", "head")
LONGEST = 600.0
"""Seconds after which a moment counts as missed."""


@pytest.fixture(scope="module")
def long(small: tuple[str, ...]) -> tuple[str, ...]:
    """Two arms of many short epochs, so that there is time to kill a worker."""
    several = f"strategies=[{','.join(STRATEGIES)}]"
    return (*small, several, f"training.epochs={EPOCHS}", "training.learning_rate=1.0e-3")


@pytest.fixture(scope="module")
def in_sequence(
    long: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, float]:
    """The figures of the same sweep without any worker."""
    with home(tmp_path_factory.mktemp("sequence"), migrated_store):
        answer = run_genre(*long)
        assert answer.code == 0, answer.err
        store = Store()
        (sweep,) = store.sweeps()
        return store.table(sweep.info.run_id)


@contextmanager
def dask_cluster(folder: Path, workers: int = 2, **environment: str) -> Iterator[tuple[str, ...]]:
    """A scheduler and workers, as they are started by hand; what a run has to be told."""
    pytest.importorskip("prefect_dask")
    said = folder / "scheduler.json"
    quiet = ["--host", "127.0.0.1", "--no-dashboard"]

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments], env=os.environ | environment, cwd=folder
        )

    # Its web server cannot be left out, and would listen on every address.
    ports = ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
    running = [start("scheduler", *quiet, *ports, "--scheduler-file", str(said))]
    try:
        wait_until(said.exists, running[0])
        address = json.loads(said.read_text())["address"]
        several = ["--nworkers", str(workers), "--nthreads", "1"]
        running.append(start("worker", address, *quiet, *several))
        yield ("execution.runner=dask", f"execution.address={address}")
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def ray_cluster(folder: Path) -> Iterator[tuple[str, ...]]:
    """Ray starts its workers with the run and ends them with it."""
    pytest.importorskip("prefect_ray")
    yield ("execution.runner=ray", "execution.workers=2")


def wait_until(moment: Callable[[], object], process: "subprocess.Popen[bytes]") -> None:
    last = time.monotonic() + LONGEST
    while not moment():
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < last
        time.sleep(0.01)


def worker_in_mid_arm(folder: Path) -> psutil.Process | None:
    """The process that holds the lock of an arm which has something to go on from."""
    under_way = {path.parent.parent.name for path in checkpoints(folder)}
    held = {str(folder / "store" / "arms" / f"{key}.lock") for key in under_way}
    for process in psutil.Process().children(recursive=True):
        try:
            if held & {file.path for file in process.open_files()}:
                return process
        except psutil.Error:
            continue
    return None


@contextmanager
def one_killed(folder: Path) -> Iterator[list[int]]:
    """Kill, meanwhile, the first worker that is seen in mid-arm; its process id is in the list."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set() and not killed:
            victim = worker_in_mid_arm(folder)
            if victim is not None and victim.pid != os.getpid():
                victim.kill()
                killed.append(victim.pid)
            time.sleep(0.01)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield killed
    finally:
        over.set()
        watching.join()


@pytest.mark.parametrize("cluster", [dask_cluster, ray_cluster])
def test_a_worker_that_is_killed_in_mid_arm_costs_no_arm(
    cluster: Callable[[Path], AbstractContextManager[tuple[str, ...]]],
    long: tuple[str, ...],
    in_sequence: dict[str, float],
    own_home: Path,
) -> None:
    with cluster(own_home) as asked, one_killed(own_home) as killed:
        answer = run_genre(*long, *asked)
    assert answer.code == 0, answer.err
    assert len(killed) == 1

    store = Store()
    (sweep,) = store.sweeps()
    assert {each.info.status for each in store.runs()} == {"FINISHED"}
    arms = store.children(sweep.info.run_id)  # each name once
    assert set(arms) == {f"{strategy} seed=42" for strategy in STRATEGIES}
    for arm in arms.values():  # the curve goes on: no step is missing or logged twice
        steps = [p.step for p in store.client.get_metric_history(arm.info.run_id, "train/loss")]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) % EPOCHS == 0
    outcomes = [json.loads(path.read_text()) for path in own_home.glob("store/arms/*/outcome.json")]
    assert {each["run_id"] for each in outcomes} == {arm.info.run_id for arm in arms.values()}
    assert len(outcomes) == len(STRATEGIES)
    assert store.table(sweep.info.run_id) == in_sequence
    assert not list(own_home.glob("store/locks/workers-*"))


def test_workers_that_do_not_share_the_store_are_told_so(
    small: tuple[str, ...], own_home: Path
) -> None:
    elsewhere = own_home / "elsewhere"
    with dask_cluster(own_home, 1, THAW_STORE=str(elsewhere)) as asked:
        answer = run_genre(*small, *asked)
    assert answer.code == 2, answer.err
    sentence = answer.sentence
    assert f"{own_home / 'store'}" in sentence
    assert f"its own is {elsewhere}" in sentence
    assert "THAW_STORE" in sentence
    assert not list(own_home.glob("*/arms/*/*"))  # nothing was trained


@pytest.mark.parametrize(
    ("runner", "address"), [("dask", "tcp://127.0.0.1:9"), ("ray", "127.0.0.1:9")]
)
def test_a_cluster_that_is_away_is_a_sentence(
    runner: str, address: str, small: tuple[str, ...]
) -> None:
    pytest.importorskip(f"prefect_{runner}")
    answer = run_genre(*small, f"execution.runner={runner}", f"execution.address={address}")
    assert answer.code == 1
    assert f"No cluster of {runner} answers at execution.address={address}" in answer.sentence
