"""What happens beside training: names, costs, logs, marks and lines of progress."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from tasks.training import callbacks
from tasks.training.callbacks import (
    COMPLETE,
    CompleteCheckpoint,
    CostCallback,
    ProgressBar,
    TrackingCallback,
    curve_of,
    tracked_names,
)

CONTROL = TrainerControl()


def state_at(step: int, epoch: float = 1.0) -> TrainerState:
    return TrainerState(global_step=step, epoch=epoch, max_steps=10)


def arguments(folder: Path | None = None) -> Any:
    return SimpleNamespace(output_dir=str(folder), metric_for_best_model="eval_f1_micro")


def test_log_entries_get_thaws_names_without_bookkeeping() -> None:
    logs = {
        "loss": 0.5, "grad_norm": 1.0, "learning_rate": 1e-5, "epoch": 1.0, "train_runtime": 3.0,
        "eval_loss": 0.4, "eval_f1_micro": 0.7, "eval_runtime": 1.0,
        "eval_samples_per_second": 9.0, "eval_steps_per_second": 2.0, "total_flos": 1.0,
    }  # fmt: skip
    assert tracked_names(logs) == {
        "train/loss": 0.5,
        "train/grad_norm": 1.0,
        "train/learning_rate": 1e-5,
        "val/loss": 0.4,
        "val/f1_micro": 0.7,
    }


def test_the_curve_is_the_history_without_empty_points() -> None:
    state = state_at(6)
    state.log_history = [
        {"loss": 0.5, "epoch": 0.5, "step": 3},
        {"eval_loss": 0.4, "epoch": 1.0, "step": 6},
        {"train_runtime": 3.0, "epoch": 1.0, "step": 6},
    ]
    curve = [(point.epoch, point.step, point.metrics) for point in curve_of(state)]
    assert curve == [(0.5, 3, {"train/loss": 0.5}), (1.0, 6, {"val/loss": 0.4})]


def test_only_the_time_inside_epochs_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.0, 100.0, 101.0])
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: next(clock))
    cost = CostCallback(seconds=5.0)  # from a checkpoint
    for _ in range(2):
        cost.on_epoch_begin()
        cost.on_epoch_end()
    assert cost.seconds == 5 + 2 + 1
    cost.on_epoch_end()  # without a beginning: nothing to add
    assert cost.seconds == 8
    assert CostCallback(**cost.state()["args"]).seconds == 8


def test_a_step_that_was_logged_before_is_not_logged_again() -> None:
    logged: list[tuple[int, dict[str, float]]] = []
    last = {"train/loss": 4}
    callback = TrackingCallback(
        lambda metrics, step: logged.append((step, metrics)), lambda metric: last.get(metric, -1)
    )
    callback.on_log(arguments(), state_at(4), CONTROL, logs={"eval_loss": 0.4})
    assert logged.pop() == (4, {"val/loss": 0.4}), "a kill came before this step's validation"
    for step in (2, 4, 6):
        callback.on_log(arguments(), state_at(step), CONTROL, logs={"loss": 0.5})
    callback.on_log(arguments(), state_at(8), CONTROL, logs={"epoch": 1.0})
    callback.on_log(arguments(), state_at(8), CONTROL, logs=None)
    assert logged == [(6, {"train/loss": 0.5})]


def test_what_a_kill_kept_from_the_tracking_run_comes_when_the_arm_goes_on() -> None:
    logged: list[tuple[int, dict[str, float]]] = []
    last = {"train/loss": 2}
    callback = TrackingCallback(
        lambda metrics, step: logged.append((step, dict(metrics))),
        lambda metric: last.get(metric, -1),
    )
    state = state_at(4)
    state.log_history = [
        {"epoch": 0.5, "step": 2, "loss": 0.9},
        {"epoch": 1.0, "step": 4, "loss": 0.8},
        {"epoch": 1.0, "step": 4, "eval_loss": 0.7},
    ]
    callback.on_train_begin(arguments(), state, CONTROL)
    assert logged == [(4, {"train/loss": 0.8}), (4, {"val/loss": 0.7})]


def test_a_checkpoint_is_marked_when_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-7"
    CompleteCheckpoint().on_save(arguments(tmp_path), state_at(7), CONTROL)
    assert not folder.exists()
    folder.mkdir()
    CompleteCheckpoint().on_save(arguments(tmp_path), state_at(7), CONTROL)
    assert (folder / COMPLETE).exists()


def test_a_log_file_gets_one_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar("full seed=1")
    bar.on_train_begin(arguments(), state_at(0), CONTROL)
    bar.on_log(arguments(), state_at(5), CONTROL, logs={"loss": 0.51234})
    bar.on_step_end(arguments(), state_at(5), CONTROL)
    logs = {"eval_loss": 0.4, "eval_f1_micro": 0.7, "eval_jaccard_micro": 0.6}
    bar.on_log(arguments(), state_at(10, epoch=2.0), CONTROL, logs=logs)
    bar.on_train_end()
    assert capsys.readouterr().err == (
        "full seed=1: epoch 2, train/loss 0.5123, val/loss 0.4000, val/f1_micro 0.7000\n"
    )


def test_a_terminal_gets_a_bar_that_starts_where_the_arm_resumes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks.sys.stderr, "isatty", lambda: True)
    bar = ProgressBar("full seed=1")
    bar.on_train_begin(arguments(), state_at(4), CONTROL)
    bar.on_step_end(arguments(), state_at(5), CONTROL)
    bar.on_log(arguments(), state_at(5), CONTROL, logs={"eval_loss": 0.4})
    bar.on_train_end()
    shown = capsys.readouterr().err
    assert "full seed=1:  50%" in shown
    assert "5/10" in shown
    assert "epoch" not in shown
