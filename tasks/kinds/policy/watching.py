"""What goes along with a policy's training: its curve in the tracking run, a bar, the time."""

import json
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tqdm.auto import tqdm

from tasks.evaluation.outcomes import CurvePoint
from tasks.kinds.policy.checkpoint import Progress
from tasks.storage import write_text
from tasks.training.callbacks import LastStep, LogMetrics

GROUPS = {"train": "train", "held_out": "val"}


def tracked_names(group: str, figures: Mapping[str, float]) -> dict[str, float]:
    """A step's figures as runs and tables call them: `val/reward_grammar`, `train/repetition_4`."""
    return {
        f"{GROUPS[group]}/{_tracked(name)}": value
        for name, value in figures.items()
        if name != "step"
    }


def _tracked(name: str) -> str:
    if name == "repetition":
        return "repetition_4"
    return name.replace("reward/", "reward_")


def curve_of(progress: Progress, passes: float) -> tuple[CurvePoint, ...]:
    """The whole course of a run, parts before a kill included.

    Args:
        progress: of the run.
        passes: over the prompts, a step.
    """
    steps = [(number, "train", each) for number, each in enumerate(progress.curve, 1)]
    steps += [(int(each["step"]), "held_out", each) for each in progress.held_out]
    return tuple(
        CurvePoint(epoch=step * passes, step=step, metrics=tracked_names(group, figures))
        for step, group, figures in sorted(steps, key=lambda each: each[:2])
    )


class Watch:
    """Called with each step's figures, as the loop's `log`.

    Args:
        title: of the arm.
        steps: that there will be.
        log: gets what the tracking run does not have yet.
        logged_until: the last step of a metric that it has.
        file: keeps each step's seconds, so that an arm that was killed and resumed reports the
            cost of the whole of its training.
    """

    def __init__(
        self, title: str, steps: int, log: LogMetrics, logged_until: LastStep, file: Path
    ) -> None:
        self._title, self._log, self._last_step, self._file = title, log, cache(logged_until), file
        self._bar = tqdm(total=steps, desc=title, unit="step") if sys.stderr.isatty() else None
        found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self._seconds = {int(step): float(spent) for step, spent in found.items()}
        self._since = time.perf_counter()

    def __call__(self, figures: dict[str, float], step: int) -> None:
        """Take note of a step, or of a measurement on held-out prompts."""
        group = next(iter(figures)).partition("/")[0]
        if group == "train":
            self._seconds[step] = time.perf_counter() - self._since
            write_text(self._file, json.dumps(self._seconds))
        named = tracked_names(
            group, {name.partition("/")[2]: value for name, value in figures.items()}
        )
        # By metric: a kill may fall between a step's figures and its measurement.
        new = {name: value for name, value in named.items() if step > self._last_step(name)}
        if new:
            self._log(new, step)
        self._show(named, step)
        self._since = time.perf_counter()

    def _show(self, named: Mapping[str, float], step: int) -> None:
        wanted = ("train/reward", "train/kl", "val/reward", "val/kl", "val/tokens")
        shown = {name: f"{named[name]:.2f}" for name in wanted if name in named}
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
            self._bar.set_postfix(shown)
        elif "val/reward" in named:
            figures = ", ".join(f"{name} {value}" for name, value in shown.items())
            print(f"{self._title}: step {step}, {figures}", file=sys.stderr)

    def seconds(self, steps: int) -> float:
        """What so many steps took: drawing, scoring and learning, without the measurements."""
        return sum(spent for step, spent in self._seconds.items() if step <= steps)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
