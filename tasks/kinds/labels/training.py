"""How labels are learned: any number a row, or exactly one, by a head on a base model."""

import math
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import TrainingArguments

from tasks.config import PARTS
from tasks.config.extra import WITH_HEAD
from tasks.config.strategies import Strategy, strategy
from tasks.evaluation.calibration import calibration_error, fit_temperature
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.evaluation.outcomes import Outcome, groups_of, put_predictions
from tasks.evaluation.wording import lower_is_better
from tasks.models.classifier import TextClassifier, to_probabilities
from tasks.training.arms import ArmSpec
from tasks.training.building import build_model, encode_part, positive_weights
from tasks.training.callbacks import LastStep, LogMetrics
from tasks.training.device import uses_gpu
from tasks.training.on_trainer import ClassifierLearner, Trainee, untouched
from tasks.training.predicting import device_of
from tasks.training.run import JUDGED, Course, Evaluation
from tasks.training.solving import Solved, solve, vectors_of
from tasks.training.trainer import ArmTrainer, build_trainer
from tasks.training.trunk_pass import Depth

OF_STEPS = (
    *("epochs", "batch_size", "gradient_accumulation", "learning_rate", "head_learning_rate"),
    *("layer_decay", "weight_decay", "warmup", "schedule", "max_grad_norm", "patience", "keep"),
    *("shuffle", "precision", "evaluations_per_epoch", "training_figures"),
)
"""Training fields that say how an arm learns step by step; a head that is solved takes none."""

LINEAR = ("linear", "tokens")
"""Heads of one layer, whose optimum can be solved for."""


def is_head_alone(named: Strategy) -> bool:
    """Whether a strategy trains the head and nothing else."""
    return named == strategy("head")


class LabelLearner(ClassifierLearner):
    """Learns labels; thresholds or a temperature are fitted on validation."""

    with_head = WITH_HEAD
    solves = False
    """Whether the arm is a head alone that is solved to its optimum; known from `build` on."""
    starts = False
    """Whether its head starts from that optimum."""

    def __init__(self, spec: ArmSpec) -> None:
        super().__init__(spec)
        self.encoded = {name: encode_part(spec, name, self.located) for name in PARTS}
        choices = 2 if spec.task == "multi_label" else len(spec.labels)
        self.guessing = math.log(max(2, choices))

    def build(self) -> TextClassifier:
        """See `Learner`."""
        weights = positive_weights(self.spec, self.encoded["train"].truth)
        model = build_model(self.spec, self.located, weights)
        alone = is_head_alone(self.spec.strategy)
        linear = model.head_config.kind in LINEAR
        self.solves = linear and alone and self.spec.training.solve_head
        self.starts = linear and not alone and self.spec.training.start_from_head
        return model

    @property
    def bf16(self) -> bool:
        """A head that is solved is asked in what it is solved in."""
        return super().bf16 and not self.solves

    def prepare(self, model: TextClassifier, depths: Iterable[Depth]) -> Trainee:
        """See `TrainerLearner`; what balancing leaves out is stored by the trunk all the same."""
        return self._balanced(super().prepare(model, depths))

    def _balanced(self, trainee: Trainee) -> Trainee:
        balance = self.spec.training.balance
        if balance == "none":
            return trainee
        train = trainee.parts["train"]
        rows = balanced_rows(train.truth, self.spec.seed, rarest=balance == "undersample")
        return replace(trainee, parts={**trainee.parts, "train": train.take(rows)})

    def trainer(self, arguments: TrainingArguments, callbacks: list[Any]) -> ArmTrainer:
        """See `TrainerLearner`."""
        return build_trainer(
            self.trainee.module,
            arguments,
            self.spec.training,
            self.spec.strategy,
            callbacks,
            train_dataset=self.trainee.parts["train"].rows,
            eval_dataset=self.trainee.parts["validation"].rows,
            data_collator=self.trainee.collate,
            compute_metrics=self._measure,
        )

    def learn(
        self,
        model: TextClassifier,
        log: LogMetrics,
        logged_until: LastStep,
        depths: Iterable[Depth],
    ) -> Course:
        """See `Learner`; a linear head alone is solved, and others may start from that one."""
        if self.solves:
            self.trainee = self.prepare(model, depths)
            solved, seconds = self._solve(model, self.trainee)
            return Course(
                seconds=seconds,
                examples=float(self.examples * solved.passes),
                costs={**self.own_costs(1, seconds), **self.trainee.trunk_costs},
                curve=(),
                trunk=self.trainee.trunk,
                note=f"The head was solved to its optimum, {self._chosen(solved)}.",
            )
        if not self.starts:
            return super().learn(model, log, logged_until, depths)
        alone = self.spec.model_copy(update={"strategy": strategy("head")})
        solved, seconds = self._solve(model, self._balanced(self._on_trunk(alone, model, ())))
        course = super().learn(model, log, logged_until, depths)
        return replace(
            course,
            seconds=course.seconds + seconds,
            note=f"The head started from the optimum of a head alone, {self._chosen(solved)}.",
        )

    def _chosen(self, solved: Solved) -> str:
        return f"with C={solved.strength:g} by {self.spec.training.select_by}"

    def _solve(self, model: TextClassifier, trainee: Trainee) -> tuple[Solved, float]:
        """Solve the model's head on the vectors of the base model as it is; and the seconds.

        Args:
            model: the arm's.
            trainee: the model as an arm `head` has it.

        Raises:
            DivergedError: the base model gives no numbers.
        """
        if uses_gpu():
            model.cuda()
        started = time.perf_counter()
        size = self.spec.training.eval_batch_size
        train, validation = (
            vectors_of(trainee.module, trainee.parts[name], trainee.collate, size)
            for name in ("train", "validation")
        )
        for vectors in (train, validation):
            self.refuse_divergence(vectors.numpy())
        truth, metric = trainee.parts["validation"].truth, self.spec.training.select_by
        labels = torch.tensor(np.asarray(trainee.parts["train"].rows["labels"]))
        held_out = validation.to(device_of(model))

        def score() -> float:
            with torch.inference_mode():
                logits = model.head.classify(held_out)["logits"].cpu().numpy()
            figures = self._figures(truth, to_probabilities(logits, self.spec.task))
            value = figures[metric.removeprefix("val/")]
            return -value if lower_is_better(metric) else value

        return solve(model.head, train, labels, score), time.perf_counter() - started

    def own_costs(self, epochs: float, seconds: float) -> dict[str, float]:
        """See `TrainerLearner`."""
        return {"cost/truncated_texts": float(self.trainee.parts["train"].truncated)}

    def evaluate(self, model: TextClassifier) -> Evaluation:
        """See `Learner`."""
        spec, found = self.spec, Evaluation()
        for name, short in JUDGED:
            part = self.trainee.parts[name]
            logits = self.logits(name)
            if name == "validation" and spec.calibrate:
                found.temperature = fit_temperature(logits, part.truth)
            probabilities = to_probabilities(logits / found.temperature, spec.task)
            if name == "validation" and spec.task == "multi_label":
                found.thresholds = tune_thresholds(part.truth, probabilities)
            figures = self._figures(part.truth, probabilities, found.thresholds or None)
            if name == "test" and spec.calibrate:
                before = to_probabilities(logits, spec.task)
                figures["ece_uncalibrated"] = calibration_error(part.truth, before)
                figures["ece"] = calibration_error(part.truth, probabilities)
            found.add(short, figures)
            found.tables[name] = put_predictions(
                part.ids,
                part.truth,
                probabilities,
                f"{spec.title} on {name}",
                groups_of(getattr(spec, name)),
            )
        return found

    def standing(self, name: str) -> dict[str, float]:
        """See `TrainerLearner`."""
        probabilities = to_probabilities(self.logits(name), self.spec.task)
        figures = self._figures(self.trainee.parts[name].truth, probabilities)
        figures.pop("loss", None)  # Trainer's own has the weights of classes
        return figures

    def _measure(self, prediction: Any) -> dict[str, float]:
        """Figures of the validation part after an epoch."""
        self.refuse_divergence(prediction.predictions)
        truth = prediction.label_ids
        if self.spec.task == "single_label":
            truth = np.eye(len(self.spec.labels), dtype=np.int8)[truth.astype(int)]
        probabilities = to_probabilities(prediction.predictions, self.spec.task)
        figures = self._figures(truth.astype(np.int8), probabilities)
        figures.pop("loss", None)  # Trainer's own validation loss is the one that is trained
        return figures

    def _figures(
        self,
        truth: np.ndarray,
        probabilities: np.ndarray,
        thresholds: tuple[float, ...] | None = None,
    ) -> dict[str, float]:
        spec = self.spec
        return compute(
            spec.scoring,
            truth,
            probabilities,
            thresholds,
        )


def untrained_outcome(spec: ArmSpec, run_id: str) -> Outcome:
    """The untouched base model under the arm's initial head, as a baseline."""
    return LabelLearner(untouched(spec)).judge_untrained(run_id)


def balanced_rows(truth: np.ndarray, seed: int, *, rarest: bool) -> np.ndarray:
    """Positions of a seeded sample in which all classes are equally frequent.

    Args:
        truth: (n, classes), one 1 a row; a class without rows is left aside.
        seed: of the sample.
        rarest: whether each class is as frequent as the rarest, rows of the others being left
            out, or as the most frequent: each row of a class is then there as often as any
            other of it, or once more.

    Returns:
        Positions in rising order.
    """
    classes = [np.flatnonzero(column) for column in truth.T if column.any()]
    size = (min if rarest else max)(len(rows) for rows in classes)
    generator = np.random.default_rng(seed)
    chosen = []
    for rows in classes:
        whole, rest = divmod(size, len(rows))
        chosen += [np.tile(rows, whole), generator.choice(rows, rest, replace=False)]
    return np.sort(np.concatenate(chosen))
