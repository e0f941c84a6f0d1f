"""Interruptions: whatever cuts an arm short, the same command ends with the same figures."""

import errno
import json
import os
import resource
import shutil
import signal
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from test_run import Logged, figures, train
from tiny import MakeSpec

from tasks.errors import RequestError, ThawError
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.labels.training import LabelLearner
from tasks.storage import seal
from tasks.training import keeping
from tasks.training.arms import ArmSpec
from tasks.training.callbacks import COMPLETE
from tasks.training.keeping import finished_outcome, last_complete_checkpoint
from tasks.training.run import train_arm
from tasks.training.trainer import ArmTrainer

Kill = Callable[[dict[str, float], int], None]


def die_after(epochs: int, logged: Logged) -> Kill:
    """A log function that is interrupted in the middle of the epoch after so many whole ones."""
    beyond = seen = 0

    def log(metrics: dict[str, float], step: int) -> None:
        nonlocal beyond, seen
        beyond += seen >= epochs
        if beyond == 3:
            raise KeyboardInterrupt
        logged.append((step, metrics))
        seen += "val/loss" in metrics

    return log


def interrupt(spec: ArmSpec, after: int) -> Logged:
    logged: Logged = []
    with pytest.raises(KeyboardInterrupt):
        train_arm(spec, "run-1", LabelLearner, die_after(after, logged))
    assert not (spec.folder / "outcome.json").exists()
    return logged


def go_on(spec: ArmSpec, logged: Logged, before: Logged) -> Outcome:
    """Train what was interrupted, where the tracking run has all that was logged before."""
    return train_arm(
        spec,
        "run-1",
        LabelLearner,
        lambda metrics, step: logged.append((step, dict(metrics))),
        logged_until=lambda metric: before[-1][0],
    )


KNOWN: dict[str, tuple[dict[str, float], Logged]] = {}


def undisturbed(spec: ArmSpec) -> tuple[dict[str, float], Logged]:
    """Figures and log of the arm when nothing happens, trained once a session for each key.

    The arm itself is taken away again.
    """
    if spec.key not in KNOWN:
        logged: Logged = []
        outcome = train(spec, logged)
        shutil.rmtree(spec.folder)
        KNOWN[spec.key] = figures(outcome), logged
    return KNOWN[spec.key]


@pytest.mark.parametrize("strategy", ["full", "freeze_2", "head"])
def test_an_interrupted_arm_ends_as_if_nothing_had_happened(
    make_spec: MakeSpec, strategy: str
) -> None:
    spec = make_spec(strategy=strategy)
    wanted, whole_log = undisturbed(spec)
    before = interrupt(spec, after=2)
    assert last_complete_checkpoint(spec.folder) is not None
    after: Logged = []
    outcome = go_on(spec, after, before)
    assert figures(outcome) == wanted
    # No step was logged twice, none is missing, and the curve is whole.
    assert [step for step, _ in before + after] == [step for step, _ in whole_log]
    assert [(p.step, p.metrics) for p in outcome.curve] == whole_log


def test_an_arm_is_interrupted_twice_and_before_its_first_checkpoint(make_spec: MakeSpec) -> None:
    spec = make_spec()
    wanted, _ = undisturbed(spec)
    interrupt(spec, after=0)
    assert last_complete_checkpoint(spec.folder) is None
    interrupt(spec, after=1)
    outcome = train(spec)
    assert figures(outcome) == wanted


def test_the_seconds_before_the_interruption_count(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec()
    interrupt(spec, after=2)
    checkpoint = last_complete_checkpoint(spec.folder)
    assert checkpoint is not None
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    assert 0 < state["stateful_callbacks"]["CostCallback"]["args"]["seconds"] < 60
    state["stateful_callbacks"]["CostCallback"]["args"]["seconds"] = 1000.0
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    seal(checkpoint, COMPLETE)
    assert 1000 < train(spec).metrics["cost/train_seconds"] < 1060


def test_a_torn_checkpoint_is_removed_and_the_one_before_resumed(make_spec: MakeSpec) -> None:
    spec = make_spec()
    wanted, _ = undisturbed(spec)
    interrupt(spec, after=2)
    torn = last_complete_checkpoint(spec.folder)
    assert torn is not None
    (torn / COMPLETE).unlink()
    (torn / "model.safetensors").write_bytes(b"half")
    whole = last_complete_checkpoint(spec.folder)
    assert not torn.exists()
    assert whole is None or whole != torn
    assert figures(train(spec)) == wanted


def test_only_a_torn_checkpoint_means_from_the_start(make_spec: MakeSpec) -> None:
    spec = make_spec()
    wanted, _ = undisturbed(spec)
    torn = spec.folder / "checkpoint-6"
    torn.mkdir(parents=True)
    (torn / "model.safetensors").write_bytes(b"half")
    assert figures(train(spec)) == wanted


def test_checkpoints_are_ordered_by_step_and_not_by_name(tmp_path: Path) -> None:
    for step in (8, 16, 120):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / COMPLETE).touch()
    assert last_complete_checkpoint(tmp_path) == tmp_path / "checkpoint-120"
    assert last_complete_checkpoint(tmp_path / "nothing") is None


def stops_early(make_spec: MakeSpec) -> ArmSpec:
    """An arm whose validation gets worse long before its ten epochs are over."""
    training = {"epochs": 10, "learning_rate": 1e-2, "patience": 1}
    return make_spec(strategy="full", training=training)


def test_training_stops_when_validation_gets_worse(make_spec: MakeSpec) -> None:
    outcome = train(stops_early(make_spec))
    losses = [p.metrics["val/loss"] for p in outcome.curve if "val/loss" in p.metrics]
    assert 2 <= len(losses) < 10
    assert losses[-1] > min(losses) == losses[-2]
    assert outcome.metrics["cost/epochs"] == len(losses)


def test_an_arm_that_keeps_its_last_epoch_does_so_after_a_kill_too(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"epochs": 6, "learning_rate": 1e-2, "keep": "last"}
    spec = make_spec(strategy="full", training=training)
    wanted, _ = undisturbed(spec)
    interrupt(spec, after=2)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LabelLearner, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            train(spec)
    assert figures(train(spec)) == wanted


@pytest.mark.parametrize("moment", ["at the end of training", "before the test part is read"])
@pytest.mark.parametrize("early", [True, False])
def test_an_arm_that_was_killed_after_its_last_epoch_only_evaluates(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, early: bool, moment: str
) -> None:
    spec = stops_early(make_spec) if early else make_spec()
    wanted, whole_log = undisturbed(spec)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "at the end of training":
            patch.setattr(ArmTrainer, "_load_best_model", killed)
        else:
            patch.setattr(LabelLearner, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            train(spec)
    logged: Logged = []
    outcome = go_on(spec, logged, whole_log)
    assert figures(outcome) == wanted
    assert logged == []
    assert [(p.step, p.metrics) for p in outcome.curve] == whole_log
    assert outcome.metrics["cost/train_seconds"] > 0


# --- full disks -------------------------------------------------------------------------------


def test_a_disk_that_cannot_hold_the_checkpoints_is_told_before_training(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec()
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    logged: Logged = []
    with pytest.raises(RequestError, match=r"Checkpoints of freeze_2 seed=1 need \d+ MB below"):
        train(spec, logged)
    assert logged == []
    assert not (spec.folder / "outcome.json").exists()


@pytest.mark.parametrize("where", ["the weights", "the optimiser", "the result"])
def test_a_disk_that_fills_up_is_a_sentence_and_the_arm_is_resumed_later(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    spec = make_spec()
    wanted, _ = undisturbed(spec)
    targets = {
        "the weights": "safetensors.torch.serialize_file",
        "the optimiser": "torch.save",
        "the result": "tasks.training.keeping.save_file",
    }

    def no_space(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(targets[where], no_space)
        with pytest.raises(ThawError, match=r"freeze_2 seed=1 .*No space left .*free some space"):
            train(spec)
    assert finished_outcome(spec) is None
    assert not (spec.folder / "outcome.json").exists()
    assert figures(train(spec)) == wanted


@pytest.mark.parametrize("library", ["safetensors", "torch"])
def test_what_each_library_raises_on_a_full_disk_is_known(
    make_spec: MakeSpec, tmp_path: Path, library: str
) -> None:
    spec, tensors = make_spec(), {"weight": torch.zeros(1_000_000)}
    write = save_file if library == "safetensors" else torch.save
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # a full disk, near enough
    try:
        with pytest.raises(ThawError, match="free some space"), keeping.full_disk_explained(spec):
            write(tensors, tmp_path / "weights")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_another_failure_is_not_taken_for_a_full_disk(make_spec: MakeSpec) -> None:
    with pytest.raises(RuntimeError, match="shapes"), keeping.full_disk_explained(make_spec()):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
