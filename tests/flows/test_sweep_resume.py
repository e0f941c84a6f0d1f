"""A sweep that is killed at some moment, and the same command again."""

import json
import signal
from pathlib import Path

import pytest
from genre_runs import Store, home, run_genre
from interrupting import Moment, after_a_checkpoint, checkpoints, interrupt

EPOCHS = 6
ARMS = {"full seed=42", "freeze_2 seed=42"}


@pytest.fixture(scope="module")
def long(small: tuple[str, ...]) -> tuple[str, ...]:
    """Arms of many short epochs, so that there is time to interrupt them."""
    return (*small, f"training.epochs={EPOCHS}", "training.learning_rate=1.0e-3", "data.limit=60")


@pytest.fixture(scope="module")
def undisturbed(
    long: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, float]:
    """The figures of a sweep that nobody interrupts, in a store of its own."""
    with home(tmp_path_factory.mktemp("undisturbed"), migrated_store):
        assert run_genre(*long).code == 0
        store = Store()
        (sweep,) = store.sweeps()
        return store.table(sweep.info.run_id)


def finished_arms(folder: Path) -> set[Path]:
    return set(folder.glob("store/arms/*/outcome.json"))


def between_arms(folder: Path) -> bool:
    return len(finished_arms(folder)) == 1


def in_the_second_arm(folder: Path) -> bool:
    done = {path.parent for path in finished_arms(folder)}
    return bool(done) and any(path.parent.parent not in done for path in checkpoints(folder))


def while_splitting(folder: Path) -> bool:
    return any(folder.glob("mlruns/artifacts/genre/*/artifacts/validation/report.json"))


def at_the_baselines(folder: Path) -> bool:
    predictions = folder.glob("mlruns/artifacts/genre/*/artifacts/predictions/test.csv")
    return len(list(predictions)) >= 3


def while_comparing(folder: Path) -> bool:
    return any(folder.glob("mlruns/artifacts/genre/*/artifacts/comparison/report.html"))


@pytest.mark.parametrize(
    "moment",
    [
        after_a_checkpoint,
        *(
            pytest.param(moment, marks=pytest.mark.slow)
            for moment in (
                while_splitting,
                between_arms,
                in_the_second_arm,
                at_the_baselines,
                while_comparing,
            )
        ),
    ],
)
def test_killed_and_run_again_it_comes_to_the_same(
    moment: Moment,
    long: tuple[str, ...],
    undisturbed: dict[str, float],
    own_home: Path,
    forked_python: str,
) -> None:
    assert interrupt(forked_python, long, own_home, moment, signal.SIGKILL) == -signal.SIGKILL
    store = Store()
    (killed,) = store.sweeps()
    assert killed.info.status == "RUNNING"  # it had no time to say otherwise
    had = {path: path.stat().st_mtime_ns for path in finished_arms(own_home)}
    states = {path: json.loads(path.read_text()) for path in whole(checkpoints(own_home))}

    answer = run_genre(*long)
    assert answer.code == 0, answer.err
    (sweep,) = store.sweeps()  # one parent run tells the story
    assert sweep.info.run_id == killed.info.run_id
    assert sweep.info.status == "FINISHED"
    arms = store.children(sweep.info.run_id)
    assert set(arms) == ARMS
    assert len(store.children(sweep.info.run_id, "baseline")) == 5
    assert {run.info.status for run in store.runs()} == {"FINISHED"}
    assert store.table(sweep.info.run_id) == undisturbed
    for path, changed in had.items():
        assert path.stat().st_mtime_ns == changed, "a finished arm was trained again"
    for run in arms.values():  # a resumed run's curve goes on: no step is missing or logged twice
        steps = [p.step for p in store.client.get_metric_history(run.info.run_id, "train/loss")]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) % EPOCHS == 0
    if moment is after_a_checkpoint:
        assert states, "there was nothing to go on from"
    assert checkpoints(own_home) == set()
    assert "nothing was trained" in run_genre(*long).out


def whole(found: set[Path]) -> set[Path]:
    return {path for path in found if path.stat().st_size}


def test_ctrl_c_leaves_a_sweep_that_says_so_and_goes_on(
    long: tuple[str, ...], undisturbed: dict[str, float], own_home: Path, forked_python: str
) -> None:
    code = interrupt(forked_python, long, own_home, after_a_checkpoint, signal.SIGINT)
    said = (own_home / "output.txt").read_text(encoding="utf-8")
    assert code == 130, said
    assert said.rstrip().endswith("Stopped; the same command goes on from here.")
    assert "Traceback" not in said
    store = Store()
    (sweep,) = store.sweeps()
    assert sweep.info.status == "KILLED"
    assert {run.info.status for run in store.children(sweep.info.run_id).values()} == {"KILLED"}
    assert sweep.data.tags["thaw.error"] == "stopped by Ctrl-C"

    assert run_genre(*long).code == 0
    (again,) = store.sweeps()
    assert again.info.run_id == sweep.info.run_id
    assert {run.info.status for run in store.runs()} == {"FINISHED"}
    assert store.table(again.info.run_id) == undisturbed


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP], ids=["a program", "a terminal"])
def test_a_run_that_another_program_or_a_closed_terminal_ends_says_so_and_goes_on(
    sign: int,
    long: tuple[str, ...],
    undisturbed: dict[str, float],
    own_home: Path,
    forked_python: str,
) -> None:
    code = interrupt(forked_python, long, own_home, after_a_checkpoint, sign)
    assert code == -signal.SIGTERM
    store = Store()
    (sweep,) = store.sweeps()
    for run in (sweep, *store.children(sweep.info.run_id).values()):
        assert run.info.status == "KILLED"
        assert run.data.tags["thaw.error"] == "ended by SIGTERM"

    assert run_genre(*long).code == 0
    assert {run.info.status for run in store.runs()} == {"FINISHED"}
    assert all("thaw.error" not in run.data.tags for run in store.runs())
    assert store.table(sweep.info.run_id) == undisturbed
