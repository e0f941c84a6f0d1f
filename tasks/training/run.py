"""Training one arm from its specification to its outcome, with resume at every point.

An arm lives in a folder under its key. `outcome.json` is written last: an arm that has it is
finished and is never trained again; one that has complete checkpoints is resumed from the last.
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn
from transformers import TrainerState, set_seed

from tasks.errors import ThawError
from tasks.evaluation.metrics import compute, tune_thresholds
from tasks.evaluation.outcomes import Outcome, put_predictions
from tasks.models.base_models import locate
from tasks.models.classifier import TextClassifier, to_probabilities
from tasks.storage import TableRef, require_free_space, write_text
from tasks.training.arms import ArmSpec
from tasks.training.balancing import balanced_rows, take
from tasks.training.batching import PaddingCollator
from tasks.training.building import (
    TRAINED,
    build_model,
    collator_for,
    encode_part,
    positive_weights,
)
from tasks.training.callbacks import (
    CompleteCheckpoint,
    CostCallback,
    LastStep,
    LogMetrics,
    ProgressBar,
    TrackingCallback,
    curve_of,
)
from tasks.training.device import PeakMemory, uses_gpu, wants_bf16
from tasks.training.encoding import EncodedPart
from tasks.training.freezing import Freezing, count_blocks, freeze
from tasks.training.predicting import Collator, predict_logits
from tasks.training.resuming import train_or_resume
from tasks.training.trainer import ArmTrainer, build_trainer, training_arguments
from tasks.training.trunk import Trunk, TrunkCollator, depth_of, use_trunk, with_places
from tasks.training.trunk_pass import Depth

OUTCOME = "outcome.json"
ADAM_COPIES = 3  # a checkpoint holds each trainable parameter and AdamW's two moments


def finished_outcome(spec: ArmSpec) -> Outcome | None:
    """The arm's outcome if it was trained before and its predictions are still there."""
    try:
        outcome = Outcome.model_validate_json((spec.folder / OUTCOME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    whole = outcome.validation.path.exists() and outcome.test.path.exists()
    return outcome if whole and (spec.folder / TRAINED).exists() else None


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
    if force:
        shutil.rmtree(spec.folder, ignore_errors=True)
    elif done := finished_outcome(spec):
        forget_checkpoints(spec)
        return done
    located = locate(spec.model.base)
    parts = {name: encode_part(spec, name, located) for name in ("train", "validation", "test")}
    collator = collator_for(spec, located)
    set_seed(spec.seed)
    with PeakMemory() as memory:
        model = build_model(spec, located, positive_weights(spec, parts["train"].truth))
        freezing = freeze(model, spec.strategy)
        _require_disk(spec, freezing)
        depth = depth_of(spec.strategy, count_blocks(model.backbone))
        trunk = use_trunk(spec, model, parts, depths, depth, collator)
        trainee, batches, read = _trainee(trunk, model, parts, collator)
        if spec.training.balance:
            kept = balanced_rows(parts["train"].truth, spec.seed)
            parts = read = read | {"train": take(read["train"], kept)}
        trainer = _trainer(spec, trainee, read, batches, log, logged_until)
        with _full_disk_explained(spec):
            train_or_resume(trainer, spec)
        cost = next(c for c in trainer.callback_handler.callbacks if isinstance(c, CostCallback))
        outcome = _evaluate(spec, run_id, trainee, read, batches)
    outcome = outcome.model_copy(
        update={
            "metrics": outcome.metrics
            | _costs(freezing, cost.seconds, trainer.state, parts["train"], memory.megabytes)
            | _trunk_costs(trunk),
            "curve": curve_of(trainer.state),
            "trunk": trunk if isinstance(trunk, str) else trunk.description,
        }
    )
    trainable = {name for name, value in model.named_parameters() if value.requires_grad}
    state = {k: v.cpu().contiguous() for k, v in model.state_dict().items() if k in trainable}
    with _full_disk_explained(spec):
        save_file(state, spec.folder / TRAINED)
    write_text(spec.folder / "arm.json", spec.model_dump_json(indent=2))
    write_text(spec.folder / OUTCOME, outcome.model_dump_json(indent=2))
    forget_checkpoints(spec)
    return outcome


def forget_checkpoints(spec: ArmSpec) -> None:
    """Remove a finished arm's checkpoints; a kill may have come before that."""
    for checkpoint in spec.folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)


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
    parts = {name: encode_part(spec, name, located) for name in ("validation", "test")}
    model = build_model(spec, located)
    if uses_gpu():
        model.cuda()
    outcome = _evaluate(spec, run_id, model, parts, collator_for(spec, located))
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
        _refuse_divergence(spec, prediction.predictions)
        probabilities = to_probabilities(prediction.predictions, spec.task)
        truth = prediction.label_ids
        if spec.task == "single_label":
            truth = np.eye(len(spec.labels), dtype=np.int8)[truth.astype(int)]
        figures = compute(
            spec.task,  # type: ignore[arg-type]
            truth.astype(np.int8),
            probabilities,
            positive=spec.positive,
        )
        figures.pop("loss", None)  # Trainer's own validation loss is the one that is trained
        return figures

    return build_trainer(
        model,
        training_arguments(spec.training, spec.folder, spec.seed, len(parts["train"].ids)),
        spec.training,
        [
            CostCallback(),
            TrackingCallback(log, logged_until),
            ProgressBar(spec.title),
            CompleteCheckpoint(),
        ],
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
    """Predict validation, tune thresholds on it, and only then read test."""
    size, bf16 = spec.training.eval_batch_size, wants_bf16(spec.training.precision)
    metrics: dict[str, float] = {}
    tables: dict[str, TableRef] = {}
    thresholds: tuple[float, ...] = ()
    for name, short in (("validation", "val"), ("test", "test")):
        part = parts[name]
        logits = predict_logits(model, part, collator, size, bf16)
        probabilities = to_probabilities(logits, spec.task)
        if name == "validation" and spec.task == "multi_label":
            thresholds = tune_thresholds(part.truth, probabilities)
        figures = compute(
            spec.task,  # type: ignore[arg-type]
            part.truth,
            probabilities,
            thresholds or None,
            spec.positive,
        )
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
        validation=tables["validation"],
        test=tables["test"],
        folder=str(spec.folder),
    )


def _costs(
    freezing: Freezing, seconds: float, state: TrainerState, train: EncodedPart, megabytes: float
) -> dict[str, float]:
    epochs = state.epoch or 0.0
    return {
        "cost/trainable_parameters": float(freezing.trainable),
        "cost/total_parameters": float(freezing.total),
        "cost/trainable_share": freezing.share,
        "cost/train_seconds": seconds,
        "cost/examples_per_second": len(train.ids) * epochs / max(seconds, 1e-9),
        "cost/tokens_per_second": train.tokens * epochs / max(seconds, 1e-9),
        "cost/peak_memory_mb": megabytes,
        "cost/epochs": float(epochs),
        "cost/truncated_texts": float(train.truncated),
    }


def _trunk_costs(trunk: Trunk | str) -> dict[str, float]:
    if isinstance(trunk, str):
        return {}
    return {"cost/trunk_seconds": trunk.seconds, "cost/trunk_megabytes": trunk.bytes / 1e6}


def _require_disk(spec: ArmSpec, freezing: Freezing) -> None:
    # Two checkpoints stand on disk while the third is written and the oldest not yet removed.
    needed = freezing.trainable * 4 * ADAM_COPIES * 3
    require_free_space(spec.folder, needed, f"Checkpoints of {spec.title}")


@contextmanager
def _full_disk_explained(spec: ArmSpec) -> Iterator[None]:
    """What a full disk raises, as a sentence: each library that writes has its own way."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise ThawError(_write_failure(spec, error)) from error
    except RuntimeError as error:  # torch.save's writer
        if not re.search("space|write|writing|inline_container", str(error)):
            raise
        raise ThawError(_write_failure(spec, error)) from error


def _write_failure(spec: ArmSpec, error: Exception) -> str:
    return (
        f"What {spec.title} learned could not be written below {spec.folder} ({error}); "
        "free some space or set THAW_STORE to a larger disk, then run the same command to resume."
    )


def _refuse_divergence(spec: ArmSpec, logits: np.ndarray) -> None:
    """Stop at the first validation that shows it; Trainer filters such losses out of its log."""
    if not np.isfinite(logits).all():
        raise ThawError(
            f"The loss of {spec.title} is not a number any more; lower training.learning_rate "
            f"(now {spec.training.learning_rate:g}) or set training.precision=fp32."
        )
