"""Training one arm from its specification to its outcome, with resume at every point.

An arm lives in a folder under its key. `outcome.json` is written last: an arm that has it is
finished and is never trained again; one that has complete checkpoints is resumed from the last.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import nn
from transformers import set_seed

from tasks.config.strategies import strategy
from tasks.evaluation.calibration import calibration_error, fit_temperature
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.evaluation.outcomes import Outcome, put_predictions
from tasks.models.base_models import locate
from tasks.models.classifier import TextClassifier, to_probabilities
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.balancing import balanced_rows, take
from tasks.training.batching import PaddingCollator
from tasks.training.building import (
    build_model,
    collator_for,
    encode_part,
    positive_weights,
)
from tasks.training.callbacks import (
    LastStep,
    LogMetrics,
    arm_callbacks,
    train_seconds,
)
from tasks.training.costs import costs, with_costs
from tasks.training.device import PeakMemory, uses_gpu, wants_bf16
from tasks.training.divergence import refuse_divergence
from tasks.training.encoding import EncodedPart
from tasks.training.freezing import count_blocks, freeze
from tasks.training.keeping import (
    full_disk_explained,
    keep_outcome,
    require_disk,
    save_trained,
    standing_outcome,
)
from tasks.training.predicting import Collator, predict_logits
from tasks.training.resuming import train_or_resume
from tasks.training.trainer import ArmTrainer, build_trainer, training_arguments
from tasks.training.trunk import Trunk, TrunkCollator, depth_of, use_trunk, with_places
from tasks.training.trunk_pass import Depth


def train_arm(
    spec: ArmSpec,
    run_id: str,
    log: LogMetrics,
    logged_until: LastStep = lambda metric: -1,
    force: bool = False,
    depths: Iterable[Depth] = (),
) -> Outcome:
    """Train (or resume, or reuse) one arm and read validation, then test.

    Args:
        spec: what to train on what.
        run_id: the tracking run that will hold the evidence.
        log: called with metrics and step while training goes on.
        logged_until: the last step of a metric that the tracking run has already (a resumed one).
        force: train anew even if the arm is finished.
        depths: depths that other arms of the sweep need, for one pass of the trunk to store.

    Raises:
        ThawError: the disk is full, or the loss is not a number.
        RequestError: the strategy or a training field does not fit the base model.
    """
    if done := standing_outcome(spec, force):
        return done
    located = locate(spec.model.base)
    parts = {name: encode_part(spec, name, located) for name in ("train", "validation", "test")}
    collator = collator_for(spec, located)
    set_seed(spec.seed)
    with PeakMemory() as memory:
        model = build_model(spec, located, positive_weights(spec, parts["train"].truth))
        freezing = freeze(model, spec.strategy)
        require_disk(spec, freezing)
        depth = depth_of(spec.strategy, count_blocks(model.backbone))
        trunk = use_trunk(spec, model, parts, depths, depth, collator)
        trainee, batches, read = _trainee(trunk, model, parts, collator)
        if spec.training.balance:
            kept = balanced_rows(parts["train"].truth, spec.seed)
            parts = read = read | {"train": take(read["train"], kept)}
        trainer = _trainer(spec, trainee, read, batches, log, logged_until)
        with full_disk_explained(spec):
            train_or_resume(trainer, spec)
        seconds = train_seconds(trainer)
        outcome = _evaluate(spec, run_id, trainee, read, batches)
    figures = costs(freezing, seconds, trainer.state, parts["train"], memory.megabytes)
    figures["cost/saved_bytes"] = float(save_trained(spec, model))
    outcome = with_costs(outcome, figures, trunk, trainer.state)
    keep_outcome(spec, outcome)
    return outcome


def _trainee(
    trunk: Trunk | str,
    model: TextClassifier,
    parts: dict[str, EncodedPart],
    collator: PaddingCollator,
) -> tuple[nn.Module, Collator, dict[str, EncodedPart]]:
    """What is trained on what: the whole model on token ids, or its upper part on stored states."""
    if isinstance(trunk, str):
        return model, collator, parts
    placed = {name: with_places(part, name) for name, part in parts.items()}
    return trunk.trainable_part(model), TrunkCollator(trunk), placed


def untrained_outcome(spec: ArmSpec, run_id: str) -> Outcome:
    """The untouched base model under the arm's initial head: what training starts from."""
    located = locate(spec.model.base)
    # A soft prompt of random words would be something else than the untouched model.
    plain = spec.model_copy(update={"strategy": strategy("full"), "calibrate": False})
    parts = {name: encode_part(plain, name, located) for name in ("validation", "test")}
    model = build_model(plain, located)
    if uses_gpu():
        model.cuda()
    outcome = _evaluate(plain, run_id, model, parts, collator_for(plain, located))
    return outcome.model_copy(
        update={"name": "untrained head", "kind": "baseline", "folder": None, "strategy": None}
    )


def _trainer(
    spec: ArmSpec,
    model: nn.Module,
    parts: dict[str, EncodedPart],
    collator: Collator,
    log: LogMetrics,
    logged_until: LastStep,
) -> ArmTrainer:
    def compute_metrics(prediction: Any) -> dict[str, float]:
        refuse_divergence(spec, prediction.predictions)
        probabilities = to_probabilities(prediction.predictions, spec.task)
        truth = prediction.label_ids
        if spec.task == "single_label":
            truth = np.eye(len(spec.labels), dtype=np.int8)[truth.astype(int)]
        figures = compute(
            spec.task,  # type: ignore[arg-type]
            truth.astype(np.int8),
            probabilities,
            positive=spec.positive,
            scale=spec.scale,
        )
        figures.pop("loss", None)  # Trainer's own validation loss is the one that is trained
        return figures

    return build_trainer(
        model,
        training_arguments(spec.training, spec.folder, spec.seed, len(parts["train"].ids)),
        spec.training,
        arm_callbacks(spec.title, log, logged_until),
        train_dataset=parts["train"].rows,
        eval_dataset=parts["validation"].rows,
        data_collator=collator,
        compute_metrics=compute_metrics,
    )


def _evaluate(
    spec: ArmSpec,
    run_id: str,
    model: nn.Module,
    parts: dict[str, EncodedPart],
    collator: Collator,
) -> Outcome:
    """Predict validation, fit thresholds or temperature on it, and only then read test."""
    size, bf16 = spec.training.eval_batch_size, wants_bf16(spec.training.precision)
    metrics: dict[str, float] = {}
    tables: dict[str, TableRef] = {}
    thresholds: tuple[float, ...] = ()
    temperature = 1.0
    for name, short in (("validation", "val"), ("test", "test")):
        part = parts[name]
        logits = predict_logits(model, part, collator, size, bf16)
        if name == "validation" and spec.calibrate:
            temperature = fit_temperature(logits, part.truth)
        probabilities = to_probabilities(logits / temperature, spec.task)
        if name == "validation" and spec.task == "multi_label":
            thresholds = tune_thresholds(part.truth, probabilities)
        figures = compute(
            spec.task,  # type: ignore[arg-type]
            part.truth,
            probabilities,
            thresholds or None,
            spec.positive,
            spec.scale,
        )
        if name == "test" and spec.calibrate:
            before = to_probabilities(logits, spec.task)
            figures["ece_uncalibrated"] = calibration_error(part.truth, before)
            figures["ece"] = calibration_error(part.truth, probabilities)
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
        tables[name] = put_predictions(
            part.ids, part.truth, probabilities, f"{spec.title} on {name}"
        )
    return Outcome(
        name=spec.name,
        kind="arm",
        strategy=str(spec.strategy),
        seed=spec.seed,
        point=spec.point,
        key=spec.key,
        run_id=run_id,
        metrics=metrics,
        thresholds=thresholds,
        temperature=temperature,
        validation=tables["validation"],
        test=tables["test"],
        folder=str(spec.folder),
    )
