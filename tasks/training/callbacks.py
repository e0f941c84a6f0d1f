"""What happens beside training: cost accounting, live tracking, progress, whole checkpoints."""

import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm
from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_callback import ExportableState

from tasks.evaluation.outcomes import CurvePoint
from tasks.storage import seal

COMPLETE = ".complete"
TRAIN_LOGS = {"loss", "learning_rate", "grad_norm"}
BOOKKEEPING = ("_runtime", "_per_second", "_steps")

LogMetrics = Callable[[Mapping[str, float], int], None]
LastStep = Callable[[str], int]


def tracked_names(logs: dict[str, float]) -> dict[str, float]:
    """Trainer's log entries under Thaw's names: `train/…` and `val/…`, without bookkeeping."""
    named = {}
    for name, value in logs.items():
        if name.startswith("train/"):
            named[name] = float(value)
        elif name.startswith("eval_") and not name.endswith(BOOKKEEPING):
            named[f"val/{name.removeprefix('eval_')}"] = float(value)
        elif name in TRAIN_LOGS:
            named[f"train/{name}"] = float(value)
    return named


def curve_of(state: TrainerState) -> tuple[CurvePoint, ...]:
    """The whole training history that a state (also one read from a checkpoint) holds."""
    points = [
        CurvePoint(epoch=entry["epoch"], step=entry["step"], metrics=tracked_names(entry))
        for entry in state.log_history
    ]
    return tuple(point for point in points if point.metrics)


class CostCallback(TrainerCallback, ExportableState):
    """Seconds and rows of training alone, without evaluation and checkpoints.

    Its state goes into every checkpoint, so that an arm that was interrupted and resumed reports
    the cost of the whole of its training.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self._since: float | None = None

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"args": {"seconds": self.seconds}, "attributes": {}}

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Do not count what was measured within an epoch."""
        self.seconds -= seconds

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        """Stop it: evaluation and saving come after the epoch's end."""
        if self._since is not None:
            self.seconds += time.perf_counter() - self._since
            self._since = None


class TrackingCallback(TrainerCallback):
    """Logs curves while they grow; a resumed arm logs what a kill kept back, and no step twice."""

    def __init__(self, log: LogMetrics, last_step: LastStep) -> None:
        self._log = log
        self._last_step = cache(last_step)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Pass on what the checkpoint knows and the tracking run does not."""
        for point in curve_of(state):
            self._pass_on(point.metrics, point.step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Pass new figures on."""
        self._pass_on(tracked_names(logs or {}), state.global_step)

    def _pass_on(self, named: Mapping[str, float], step: int) -> None:
        # By metric: a kill may fall between a step's training loss and its validation.
        new = {name: value for name, value in named.items() if step > self._last_step(name)}
        if new:
            self._log(new, step)


class TrainingFigures(TrainerCallback):
    """Logs, beside each validation, how many examples were learned from, and how the model does on
    some of them.

    It logs through the Trainer, so that checkpoints keep it and a resumed arm has the whole curve.
    """

    def __init__(
        self,
        log: Callable[[dict[str, float]], None],
        examples: int,
        measure: Callable[[], Mapping[str, float]] | None,
        validate: Callable[[], Mapping[str, float]],
        times: int,
        cost: CostCallback,
    ) -> None:
        """Args:
        log: the Trainer's.
        examples: of an epoch.
        measure: the figures; None where they are not wanted.
        validate: those of the validation part, which Trainer measures at an epoch's end alone.
        times: how often an epoch is measured.
        cost: what measuring within an epoch does not count for.
        """
        self._log = log
        self._examples = examples
        self._measure = measure
        self._validate = validate
        self._times = times
        self._cost = cost

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure both parts at even shares of an epoch; nothing is saved or chosen by that."""
        updates = round(state.max_steps / max(state.num_train_epochs, 1))
        shares = {round(share * updates / self._times) for share in range(1, self._times)}
        if state.global_step % updates not in shares - {0}:
            return
        started = time.perf_counter()
        self._log({f"eval_{name}": value for name, value in self._validate().items()})
        self._log_training(state)
        self._cost.leave_out(time.perf_counter() - started)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure, and log. The loss is left out: training logs its own."""
        self._log_training(state)

    def _log_training(self, state: TrainerState) -> None:
        found = self._measure() if self._measure else {}
        figures = {f"train/{name}": value for name, value in found.items() if name != "loss"}
        self._log(figures | {"train/examples": float(round((state.epoch or 0) * self._examples))})


class CompleteCheckpoint(TrainerCallback):
    """Seals a checkpoint once all its files are written: no torn or damaged one is resumed."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Put the mark."""
        folder = Path(args.output_dir or ".") / f"checkpoint-{state.global_step}"
        if folder.is_dir():
            seal(folder, COMPLETE)


class ProgressBar(TrainerCallback):
    """One bar an arm on a terminal; one line an epoch in a log file."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: tqdm | None = None
        self._shown: dict[str, str] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Open the bar where there is a terminal."""
        if sys.stderr.isatty():
            self._bar = tqdm(total=state.max_steps, desc=self._title, unit="step", leave=True)
            self._bar.update(state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Move it."""
        if self._bar is not None:
            self._bar.update(state.global_step - self._bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Show the latest losses and the metric that selects the best epoch."""
        metrics = tracked_names(logs or {})
        wanted = {
            "train/loss",
            "val/loss",
            f"val/{args.metric_for_best_model}".replace("eval_", ""),
        }
        self._shown |= {name: f"{value:.4f}" for name, value in metrics.items() if name in wanted}
        if self._bar is not None:
            self._bar.set_postfix(self._shown)
        elif "val/loss" in metrics:
            figures = ", ".join(f"{name} {value}" for name, value in self._shown.items())
            print(f"{self._title}: epoch {state.epoch:g}, {figures}", file=sys.stderr)

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Close it."""
        if self._bar is not None:
            self._bar.close()


def arm_callbacks(title: str, log: LogMetrics, logged_until: LastStep) -> list[TrainerCallback]:
    """What goes along with every arm's training: cost, tracking, progress, whole checkpoints."""
    return [
        CostCallback(),
        TrackingCallback(log, logged_until),
        ProgressBar(title),
        CompleteCheckpoint(),
    ]


def cost_of(trainer: Trainer) -> CostCallback:
    """The one that counts what training costs."""
    callbacks = trainer.callback_handler.callbacks
    return next(each for each in callbacks if isinstance(each, CostCallback))


def train_seconds(trainer: Trainer) -> float:
    """What training took so far, resumed parts included."""
    return cost_of(trainer).seconds
