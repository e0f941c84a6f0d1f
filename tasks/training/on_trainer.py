"""Learners that train with transformers' Trainer: from what it trains to how that went."""

import json
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Generic

import numpy as np
from torch import nn
from transformers import TrainerState, TrainingArguments

from tasks.config.extra import WITH_HEAD
from tasks.config.strategies import strategy
from tasks.errors import DivergedError
from tasks.evaluation.outcomes import Outcome
from tasks.models.base_models import locate
from tasks.models.classifier import TextClassifier
from tasks.training.arms import ArmSpec
from tasks.training.building import build_model, collator_for
from tasks.training.callbacks import (
    LastStep,
    LogMetrics,
    TrainingFigures,
    arm_callbacks,
    cost_of,
    curve_of,
    train_seconds,
)
from tasks.training.device import uses_gpu, wants_bf16
from tasks.training.encoding import EncodedPart
from tasks.training.freezing import Freezing, freeze
from tasks.training.keeping import full_disk_explained, last_complete_checkpoint
from tasks.training.layers import Thawing, decay_by_layer, layers_of
from tasks.training.predicting import Collator, predict_logits
from tasks.training.run import Course, Learner, M, outcome_of
from tasks.training.trainer import SMOOTHING, ArmTrainer, training_arguments
from tasks.training.trunk import Trunk, TrunkCollator, use_trunk, vectors_at_hand, with_places
from tasks.training.trunk_pass import Depth

UNTRAINED = "untrained head"
SEEN = "seen"
"""The name of those rows of the training part on which training figures are measured."""
FEW, SEEN_SHARE = 200, 7
"""A row costs about a third of what learning from it does: a seventh of them is no twentieth."""


@dataclass(frozen=True)
class Trainee:
    """What the Trainer trains, and evaluation asks.

    Attributes:
        module: the whole model on token ids, or its upper part on stored states.
        parts: the rows of each part as the module reads them.
        collate: rows to a batch.
        trunk: whether the frozen part ran once per example, and if not, why.
        trunk_costs: seconds and size of what is stored; empty where nothing is.
    """

    module: nn.Module
    parts: Mapping[str, EncodedPart]
    collate: Collator
    trunk: str = ""
    trunk_costs: Mapping[str, float] = field(default_factory=dict)


class TrainerLearner(Learner[M], Generic[M]):
    """A learner on transformers' Trainer, its checkpoints and its curves."""

    with_head: ClassVar[Collection[str]] = ()
    """Fields of `training.extra` that reach into a head or its base model, where it has them."""
    trainee: Trainee
    """What is trained; there from `learn` on."""

    @abstractmethod
    def prepare(self, model: M, depths: Iterable[Depth]) -> Trainee:
        """What is trained on what, with the frozen part run once where that can be."""

    @abstractmethod
    def trainer(self, arguments: TrainingArguments, callbacks: list[Any]) -> ArmTrainer:
        """The Trainer of the prepared trainee."""

    @abstractmethod
    def own_costs(self, epochs: float, seconds: float) -> dict[str, float]:
        """What only this kind counts, by full name."""

    @abstractmethod
    def standing(self, name: str) -> dict[str, float]:
        """Figures of a part, or of the rows `SEEN`, as the trainee stands."""

    def watched(self, trainee: Trainee, rows: np.ndarray) -> Trainee:
        """The trainee with some rows of the training part beside it, as `SEEN`."""
        return replace(trainee, parts={**trainee.parts, SEEN: trainee.parts["train"].take(rows)})

    @property
    def examples(self) -> int:
        """Training examples of an epoch."""
        return len(self.trainee.parts["train"].ids)

    @property
    def held_out(self) -> int:
        """Validation examples."""
        return len(self.trainee.parts["validation"].ids)

    @property
    def bf16(self) -> bool:
        """Whether the arm computes in bf16."""
        return wants_bf16(self.spec.training.precision)

    def learn(
        self, model: M, log: LogMetrics, logged_until: LastStep, depths: Iterable[Depth]
    ) -> Course:
        """See `Learner`."""
        spec = self.spec
        self.trainee = self.prepare(model, depths)
        if spec.training.training_figures:
            rows = seen_rows(self.examples, self.held_out, spec.seed)
            self.trainee = self.watched(self.trainee, rows)
        trainee = self.trainee
        arguments = training_arguments(
            spec.training, spec.folder, spec.seed, self.examples, spec.task, self.with_head
        )
        trainer = self.trainer(arguments, arm_callbacks(spec.title, log, logged_until))
        measure = partial(self.standing, SEEN) if spec.training.training_figures else None
        validate, times = partial(self.standing, "validation"), spec.training.evaluations_per_epoch
        figures = (trainer.log, self.examples, measure, validate, times, cost_of(trainer))
        trainer.add_callback(TrainingFigures(*figures))
        if spec.training.layer_decay != 1.0:
            layers = layers_of(model.get_submodule("backbone"))
            decay_by_layer(trainer.optimizer, layers, spec.training.layer_decay)
        if spec.strategy.thawed(0, 1) is not None:
            trainer.add_callback(Thawing(spec.strategy, layers_of(model.get_submodule("backbone"))))
        with full_disk_explained(spec):
            train_or_resume(trainer, spec)
        seconds, epochs = train_seconds(trainer), float(trainer.state.epoch or 0.0)
        tokens = trainee.parts["train"].tokens * epochs
        return Course(
            seconds=seconds,
            examples=self.examples * epochs,
            costs={
                "cost/tokens_per_second": tokens / max(seconds, 1e-9),
                "cost/epochs": epochs,
                "cost/kept_epoch": kept_epoch(trainer),
                **self.own_costs(epochs, seconds),
                **trainee.trunk_costs,
            },
            curve=curve_of(trainer.state),
            trunk=trainee.trunk,
        )

    def refuse_divergence(self, values: np.ndarray | float) -> None:
        """Raise where an output or a loss is not finite; Trainer leaves such losses out of its log.

        Raises:
            DivergedError: with the learning rate that was too high.
        """
        if not np.isfinite(values).all():
            rate = self.spec.strategy.rate_field
            raise DivergedError(
                f"A loss or an answer of {self.spec.title} is not a number; lower training.{rate} "
                f"(now {getattr(self.spec.training, rate):g}) or set training.precision=fp32."
            )


class ClassifierLearner(TrainerLearner[TextClassifier]):
    """A learner whose model is a head on a base model: of labels, of a reward, of a number."""

    with_head = WITH_HEAD - {SMOOTHING}
    encoded: Mapping[str, EncodedPart]
    """Each part's texts as token ids."""

    def __init__(self, spec: ArmSpec) -> None:
        super().__init__(spec)
        self.located = locate(spec.model.base)
        self.padding = collator_for(spec, self.located)

    def build(self) -> TextClassifier:
        """See `Learner`."""
        return build_model(self.spec, self.located)

    def freeze(self, model: TextClassifier) -> Freezing:
        """See `Learner`."""
        return freeze(model, self.spec.strategy)

    def prepare(self, model: TextClassifier, depths: Iterable[Depth]) -> Trainee:
        """See `TrainerLearner`."""
        return self._on_trunk(self.spec, model, depths)

    def _on_trunk(self, spec: ArmSpec, model: TextClassifier, depths: Iterable[Depth]) -> Trainee:
        trunk = use_trunk(spec, model, self.encoded, depths, self.padding)
        if isinstance(trunk, str):
            return Trainee(model, self.encoded, self.padding, trunk)
        return self._reading(trunk, model)

    def _reading(self, trunk: Trunk, model: TextClassifier) -> Trainee:
        return Trainee(
            trunk.trainable_part(model),
            {name: with_places(part, name) for name, part in self.encoded.items()},
            TrunkCollator(trunk),
            trunk.description,
            trunk.costs,
        )

    def logits(self, name: str) -> np.ndarray:
        """(n, outputs) of a part's texts, as the trainee stands."""
        trainee, size = self.trainee, self.spec.training.eval_batch_size
        found = predict_logits(
            trainee.module, trainee.parts[name], trainee.collate, size, self.bf16
        )
        self.refuse_divergence(found)
        return found

    def judge_untrained(self, run_id: str) -> Outcome:
        """The untouched base model under the arm's initial head: what training starts from.

        Nothing in it is trained, so that what other arms have stored of it is all that is read.
        """
        model = self.build()
        if uses_gpu():
            model.cuda()
        vectors = vectors_at_hand(self.spec, model)
        self.trainee = (
            Trainee(model, self.encoded, self.padding)
            if vectors is None
            else self._reading(vectors, model)
        )
        return outcome_of(self.spec, run_id, self.evaluate(model)).model_copy(
            update={"name": UNTRAINED, "kind": "baseline", "folder": None, "strategy": None}
        )


def kept_epoch(trainer: ArmTrainer) -> float:
    """The epoch whose weights the arm ends with."""
    state = trainer.state
    last = float(state.epoch or 0.0)
    if not (trainer.args.load_best_model_at_end and state.best_global_step):
        return last
    return round(last * state.best_global_step / max(state.global_step, 1), 2)


def seen_rows(train: int, validation: int, seed: int) -> np.ndarray:
    """The training rows that are measured, in rising order: a seeded sample, the same all the time.

    Args:
        train, validation: examples of these parts.
        seed: of the sample.
    """
    size = min(train, validation, max(FEW, train // SEEN_SHARE))
    return np.sort(np.random.default_rng(seed).choice(train, size, replace=False))


def untouched(spec: ArmSpec) -> ArmSpec:
    """The arm with its base model as it is.

    A soft prompt of random words would be something else than the untouched model.
    """
    return spec.model_copy(update={"strategy": strategy("full"), "calibrate": False})


def train_or_resume(trainer: ArmTrainer, spec: ArmSpec) -> None:
    """Train to the end, from the last complete checkpoint where there is one."""
    checkpoint = last_complete_checkpoint(spec.folder)
    if checkpoint is None:
        trainer.train()
        return
    state = checkpoint / "trainer_state.json"
    if _stopped_early(json.loads(state.read_text(encoding="utf-8")), spec.training.patience):
        # Trainer would go on for one more epoch: it forgets that it had decided to stop.
        trainer.state = TrainerState.load_from_json(str(state))
        trainer._load_callback_state()
        trainer._load_best_model()
        return
    trainer.train(resume_from_checkpoint=str(checkpoint))


def _stopped_early(state: Mapping[str, Any], patience: int | None) -> bool:
    if patience is None:
        return False
    stopping = state["stateful_callbacks"].get("EarlyStoppingCallback", {})
    counter = stopping.get("attributes", {}).get("early_stopping_patience_counter", 0)
    return bool(counter >= patience)
