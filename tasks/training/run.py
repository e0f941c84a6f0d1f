"""Training one arm from its specification to its outcome, whatever its kind learns.

    outcome = train_arm(spec, run_id, LabelLearner, log)

An arm lives in a folder under its key. `outcome.json` is written last: an arm that has it is
finished and is never trained again; one that was cut short is resumed from its last checkpoint.
What a kind does in its own way is its `Learner`; the rest stands here, once.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from torch import nn
from transformers import set_seed

from tasks.errors import DivergedError
from tasks.evaluation.outcomes import CurvePoint, Outcome
from tasks.evaluation.wording import lower_is_better
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.callbacks import LastStep, LogMetrics
from tasks.training.device import PeakMemory
from tasks.training.freezing import Freezing
from tasks.training.keeping import (
    divergence_kept,
    keep_outcome,
    require_disk,
    save_trained,
    standing_outcome,
)
from tasks.training.trunk_pass import Depth

M = TypeVar("M", bound=nn.Module)
RUN_AWAY = 10
"""Times the loss of guessing: an overconfident model stays below, one that ran away does not."""
JUDGED = (("validation", "val"), ("test", "test"))
"""The parts that a trained model is asked, in that order, and the prefix of their figures."""


@dataclass(frozen=True)
class Course:
    """How an arm's training went.

    Attributes:
        seconds: of training alone, parts before a kill included.
        examples: that it learned from, each as often as it came.
        costs: what else it cost, by full name (`cost/…`).
        curve: the whole history.
        trunk: whether the frozen part ran once per example, and if not, why.
        note: what else a reader has to know.
    """

    seconds: float
    examples: float
    costs: Mapping[str, float]
    curve: tuple[CurvePoint, ...]
    trunk: str = ""
    note: str = ""


@dataclass
class Evaluation:
    """What a model came to: figures by full name, a table of predictions for each part, and what
    was fitted on validation."""

    metrics: dict[str, float] = field(default_factory=dict)
    tables: dict[str, TableRef] = field(default_factory=dict)
    thresholds: tuple[float, ...] = ()
    temperature: float = 1.0

    def add(self, short: str, figures: Mapping[str, float]) -> None:
        """Take in the figures of one part."""
        self.metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}


class Learner(ABC, Generic[M]):
    """How one kind learns and is judged; `train_arm` calls each method once, in this order.

    Making one reads the arm's data and all else that draws no random number; from `build` on,
    numbers are drawn from the arm's seed.

    Attributes:
        guessing: validation loss of an answer that knows nothing: all classes, or all tokens of a
            large vocabulary, equally likely.
    """

    guessing: float = math.log(200_000)

    def __init__(self, spec: ArmSpec) -> None:
        self.spec = spec

    @abstractmethod
    def build(self) -> M:
        """The whole model before training, adapters in place."""

    @abstractmethod
    def freeze(self, model: M) -> Freezing:
        """Switch off what the arm's strategy leaves as it is."""

    @abstractmethod
    def learn(
        self, model: M, log: LogMetrics, logged_until: LastStep, depths: Iterable[Depth]
    ) -> Course:
        """Train it, from the last checkpoint where there is one; see `train_arm`."""

    @abstractmethod
    def evaluate(self, model: M) -> Evaluation:
        """Ask the model validation, fit what is fitted, and only then ask test."""


class ArmRun(Generic[M]):
    """One arm on its way to its outcome: first `train`, then `evaluate`, in one process.

    Args:
        spec: what to train on what.
        learner: makes the kind's learner.
    """

    def __init__(self, spec: ArmSpec, learner: Callable[[ArmSpec], Learner[M]]) -> None:
        self.spec = spec
        self._make = learner

    def train(
        self,
        log: LogMetrics,
        logged_until: LastStep = lambda metric: -1,
        depths: Iterable[Depth] = (),
    ) -> None:
        """Train, from the last checkpoint where there is one, and save what was trained.

        Arguments and errors are those of `train_arm`.
        """
        self.learner = self._make(self.spec)
        set_seed(self.spec.seed)
        with PeakMemory() as memory:
            self.model = self.learner.build()
            freezing = self.learner.freeze(self.model)
            require_disk(self.spec, freezing)
            self.course = self.learner.learn(self.model, log, logged_until, depths)
            refuse_runaway(self.spec, self.course, self.learner.guessing)
        saved_bytes = save_trained(self.spec, self.model)
        self.costs = {
            "cost/trainable_parameters": float(freezing.trainable),
            "cost/total_parameters": float(freezing.total),
            "cost/trainable_share": freezing.share,
            "cost/train_seconds": self.course.seconds,
            "cost/examples_per_second": self.course.examples / max(self.course.seconds, 1e-9),
            "cost/peak_memory_mb": memory.megabytes,
            "cost/saved_bytes": float(saved_bytes),
            **self.course.costs,
        }

    def evaluate(self, run_id: str) -> Outcome:
        """Read validation, then test, and keep what the arm came to."""
        found, course = self.learner.evaluate(self.model), self.course
        found.metrics |= self.costs
        outcome = outcome_of(self.spec, run_id, found).model_copy(
            update={"curve": course.curve, "trunk": course.trunk, "note": course.note}
        )
        keep_outcome(self.spec, outcome)
        return outcome


def train_arm(
    spec: ArmSpec,
    run_id: str,
    learner: Callable[[ArmSpec], Learner[Any]],
    log: LogMetrics,
    logged_until: LastStep = lambda metric: -1,
    force: bool = False,
    depths: Iterable[Depth] = (),
) -> Outcome:
    """Train (or resume, or reuse) one arm and read validation, then test.

    Args:
        spec: what to train on what.
        run_id: the tracking run that will hold the evidence.
        learner: makes the kind's learner.
        log: called with metrics and step while training goes on.
        logged_until: the last step of a metric that the tracking run has already (a resumed one).
        force: train anew even if the arm is finished.
        depths: depths that other arms of the sweep need, for one pass of the trunk to store.

    Raises:
        DivergedError: training has run away, now or before. No figure of such an arm is evidence
            for its strategy, so it has no outcome.
        ThawError: the disk is full.
        RequestError: the strategy or a training field does not fit the base model.
    """
    if done := standing_outcome(spec, force):
        return done
    arm = ArmRun(spec, learner)
    with divergence_kept(spec):
        arm.train(log, logged_until, depths)
        return arm.evaluate(run_id)


def refuse_runaway(spec: ArmSpec, course: Course, guessing: float) -> None:
    """Raise where the weights that were kept are far worse than a guess.

    Losses that are no numbers end training by themselves; these are numbers still.

    Args:
        spec: the arm.
        course: its curve; one without a validation loss shows nothing.
        guessing: see `Learner`.

    Raises:
        DivergedError: with the loss, and the rate that was too high.
    """
    found = [point for point in course.curve if "val/loss" in point.metrics]
    # Nothing is kept of what is measured within an epoch.
    judged = [each.metrics for each in found if each.epoch % 1 == 0 or each is found[-1]]
    if not judged:
        return
    kept = judged[-1]
    if spec.training.keep == "best":
        select_by = spec.training.select_by
        sign = 1 if lower_is_better(select_by) else -1
        kept = min(judged, key=lambda each: sign * each.get(select_by, sign * math.inf))
    if kept["val/loss"] > RUN_AWAY * guessing:
        rate = spec.strategy.rate_field
        raise DivergedError(
            f"{spec.title} has run away: its validation loss is {kept['val/loss']:.3g}, where a "
            f"guess would have {guessing:.3g}. Lower training.{rate} (now "
            f"{getattr(spec.training, rate):g}), or look at the weights of the base model."
        )


def outcome_of(spec: ArmSpec, run_id: str, found: Evaluation) -> Outcome:
    """An evaluation as the outcome of an arm."""
    return Outcome(
        name=spec.name,
        kind="arm",
        strategy=str(spec.strategy),
        seed=spec.seed,
        point=spec.point,
        key=spec.key,
        run_id=run_id,
        metrics=found.metrics,
        thresholds=found.thresholds,
        temperature=found.temperature,
        validation=found.tables["validation"],
        test=found.tables["test"],
        folder=str(spec.folder),
        fold=spec.fold,
    )
