"""How labels are learned: any number a row, or exactly one, by a head on a base model."""

import math
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import TrainingArguments

from tasks.config import PARTS
from tasks.evaluation.calibration import calibration_error, fit_temperature
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.evaluation.outcomes import Outcome, groups_of, put_predictions
from tasks.evaluation.wording import lower_is_better
from tasks.models.anatomy import count_blocks
from tasks.models.classifier import TextClassifier, to_probabilities
from tasks.training.arms import ArmSpec
from tasks.training.building import build_model, encode_part, positive_weights
from tasks.training.callbacks import LastStep, LogMetrics
from tasks.training.encoding import EncodedPart
from tasks.training.on_trainer import ClassifierLearner, Trainee, untouched
from tasks.training.predicting import device_of
from tasks.training.run import JUDGED, Course, Evaluation
from tasks.training.solving import solve, vectors_of
from tasks.training.trainer import WITH_HEAD, ArmTrainer, build_trainer
from tasks.training.trunk import depth_of
from tasks.training.trunk_pass import Depth


class LabelLearner(ClassifierLearner):
    """Learns labels; thresholds or a temperature are fitted on validation."""

    with_head = WITH_HEAD

    def __init__(self, spec: ArmSpec) -> None:
        super().__init__(spec)
        self.encoded = {name: encode_part(spec, name, self.located) for name in PARTS}
        choices = 2 if spec.task == "multi_label" else len(spec.labels)
        self.guessing = math.log(max(2, choices))

    def build(self) -> TextClassifier:
        """See `Learner`."""
        weights = positive_weights(self.spec, self.encoded["train"].truth)
        return build_model(self.spec, self.located, weights)

    def prepare(self, model: TextClassifier, depths: Iterable[Depth]) -> Trainee:
        """See `TrainerLearner`; what balancing leaves out is stored by the trunk all the same."""
        trainee = super().prepare(model, depths)
        if not self.spec.training.balance:
            return trainee
        train = trainee.parts["train"]
        kept = take(train, balanced_rows(train.truth, self.spec.seed))
        return replace(trainee, parts={**trainee.parts, "train": kept})

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
        """See `Learner`; a head alone is solved in the end (`training.solve_head`)."""
        course = super().learn(model, log, logged_until, depths)
        alone = depth_of(self.spec.strategy, count_blocks(model.backbone)) == "pooled"
        if not (
            self.spec.training.solve_head
            and alone
            and model.head_config.kind in ("linear", "tokens")
        ):
            return course
        started = time.perf_counter()
        train, validation = (self._vectors(name) for name in ("train", "validation"))
        truth, metric = self.trainee.parts["validation"].truth, self.spec.training.select_by
        labels = torch.tensor(np.asarray(self.trainee.parts["train"].rows["labels"]))

        def score() -> float:
            with torch.inference_mode():
                logits = model.head.classify(validation)["logits"].cpu().numpy()
            figures = self._figures(truth, to_probabilities(logits, self.spec.task))
            value = figures[metric.removeprefix("val/")]
            return -value if lower_is_better(metric) else value

        solved = solve(model.head, train, labels, score)
        seconds = time.perf_counter() - started
        return replace(
            course,
            seconds=course.seconds + seconds,
            costs={**course.costs, "cost/solving_seconds": seconds},
            note=f"The head was solved to its optimum, with C={solved.strength:g} by {metric}.",
        )

    def _vectors(self, name: str) -> Tensor:
        trainee, size = self.trainee, self.spec.training.eval_batch_size
        return vectors_of(trainee.module, trainee.parts[name], trainee.collate, size).to(
            device_of(trainee.module)
        )

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
            spec.task,  # type: ignore[arg-type]
            truth,
            probabilities,
            thresholds,
            spec.positive,
            spec.scale,
        )


def untrained_outcome(spec: ArmSpec, run_id: str) -> Outcome:
    """The untouched base model under the arm's initial head, as a baseline."""
    return LabelLearner(untouched(spec)).judge_untrained(run_id)


def balanced_rows(truth: np.ndarray, seed: int) -> np.ndarray:
    """Positions of a seeded sample in which every class is as frequent as the rarest.

    Args:
        truth: (n, classes), one 1 a row; a class without rows is left aside.
        seed: of the sample.

    Returns:
        Positions in rising order.
    """
    classes = [np.flatnonzero(column) for column in truth.T if column.any()]
    size = min(len(rows) for rows in classes)
    generator = np.random.default_rng(seed)
    chosen = [generator.choice(rows, size, replace=False) for rows in classes]
    return np.sort(np.concatenate(chosen))


def take(part: EncodedPart, rows: np.ndarray) -> EncodedPart:
    """The part reduced to some of its rows; places in a trunk's store stay as they were."""
    return replace(
        part,
        rows=part.rows.select(rows.tolist()),
        ids=[part.ids[row] for row in rows],
        truth=part.truth[rows],
    )
