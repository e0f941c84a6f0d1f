"""Training one writing arm from its specification to its outcome, with resume at every point.

The counterpart of `tasks/training/run.py`, on the same Trainer, strategies, trunk and checkpoints.
What differs: the loss is taken at every completion token, and the test part is answered in text.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from transformers import set_seed
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.evaluation.completions import completion_metrics
from tasks.evaluation.outcomes import Outcome
from tasks.language.answering import answer_table
from tasks.language.building import Parts, encode_parts, language_of, load_arm_model
from tasks.language.completion_trainer import CompletionTrainer, figures_of
from tasks.language.losses import Collate
from tasks.language.pairs import IGNORED, PairCollator, pad_right
from tasks.language.row_losses import RowLosses, row_losses
from tasks.language.tail import TailLanguageModel, WholeLanguageModel
from tasks.models.adapting import merge_lora
from tasks.models.base_models import locate
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.batching import PaddingCollator
from tasks.training.callbacks import (
    LastStep,
    LogMetrics,
    arm_callbacks,
    curve_of,
    train_seconds,
)
from tasks.training.costs import costs, trunk_costs
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
from tasks.training.resuming import train_or_resume
from tasks.training.trainer import ArmTrainer, build_trainer, training_arguments
from tasks.training.trunk import PARTS, Trunk, depth_of, use_trunk, with_places
from tasks.training.trunk_pass import Depth, stack


@dataclass(frozen=True)
class Trainee:
    """What the Trainer trains: a module, its rows by part, and how they become batches.

    The module is the whole model on token ids, or its upper part on stored states.
    """

    model: nn.Module
    rows: Mapping[str, EncodedPart]
    collate: Collate
    bf16: bool

    def losses(self, parts: Parts, name: str) -> RowLosses:
        """The losses of a part's rows, as the module stands."""
        return row_losses(self.model, parts[name], self.rows[name], self.collate, self.bf16)


def train_completion_arm(
    spec: ArmSpec,
    run_id: str,
    log: LogMetrics,
    logged_until: LastStep = lambda metric: -1,
    force: bool = False,
    depths: Iterable[Depth] = (),
) -> Outcome:
    """Train (or resume, or reuse) one arm, read validation, then let it answer test.

    Arguments and errors are those of `tasks.training.run.train_arm`.
    """
    if done := standing_outcome(spec, force):
        return done
    located = locate(spec.model.base)
    base, tokenizer = load_arm_model(spec, located)
    parts = encode_parts(spec, located, tokenizer)
    set_seed(spec.seed)
    with PeakMemory() as memory:
        whole = WholeLanguageModel(base)
        freezing = freeze(whole, spec.strategy)
        require_disk(spec, freezing)
        depth = depth_of(spec.strategy, count_blocks(whole.backbone))
        padding = PaddingCollator(int(tokenizer.pad_token_id))
        trunk = use_trunk(spec, whole, parts, depths, depth, padding)
        trainee = _trainee(spec, whole, trunk, parts)
        trainer = _trainer(spec, trainee, parts, tokenizer, log, logged_until)
        with full_disk_explained(spec):
            train_or_resume(trainer, spec)
        seconds = train_seconds(trainer)
        saved_bytes = save_trained(spec, whole)
    state = trainer.state
    metrics, tables = _evaluate(spec, whole, trainee, parts, tokenizer)
    figures = costs(freezing, seconds, state, parts["train"], memory.megabytes)
    figures["cost/dropped_pairs"] = figures.pop("cost/truncated_texts")
    outcome = Outcome(
        name=spec.name,
        kind="arm",
        strategy=str(spec.strategy),
        seed=spec.seed,
        point=spec.point,
        key=spec.key,
        run_id=run_id,
        metrics=metrics | figures | {"cost/saved_bytes": float(saved_bytes)} | trunk_costs(trunk),
        validation=tables["validation"],
        test=tables["test"],
        curve=curve_of(state),
        folder=str(spec.folder),
        trunk=trunk if isinstance(trunk, str) else trunk.description,
        fold=spec.fold,
    )
    keep_outcome(spec, outcome)
    return outcome


def _trainee(spec: ArmSpec, whole: WholeLanguageModel, trunk: Trunk | str, parts: Parts) -> Trainee:
    bf16 = wants_bf16(spec.training.precision)
    if isinstance(trunk, str):
        pad_id = int(whole.plain.config.pad_token_id)
        return Trainee(whole, parts, PairCollator(pad_id), bf16)
    placed = {name: with_places(part, name) for name, part in parts.items()}
    tail = TailLanguageModel(whole.plain, int(trunk.depth))
    return Trainee(tail, placed, StatesCollator(trunk), bf16)


@dataclass(frozen=True)
class StatesCollator:
    """Batches of stored states with a label for every token, padded on the right."""

    trunk: Trunk

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`hidden`, `attention_mask` and `labels`; examples carry `part`, `row` and `labels`."""
        states = self.trunk.states
        batch = stack([states[PARTS[each["part"]]].row(each["row"]) for each in examples])
        batch["labels"] = pad_right([each["labels"] for each in examples], IGNORED)
        return batch


def _trainer(
    spec: ArmSpec,
    trainee: Trainee,
    parts: Parts,
    tokenizer: PreTrainedTokenizerBase,
    log: LogMetrics,
    logged_until: LastStep,
) -> ArmTrainer:
    def measure() -> dict[str, float]:
        losses = trainee.losses(parts, "validation")
        refuse_divergence(spec, np.array([losses.loss]))
        return figures_of(losses)

    rows = len(parts["train"].ids)
    arguments = training_arguments(spec.training, spec.folder, spec.seed, rows)
    callbacks = arm_callbacks(spec.title, log, logged_until)
    train, validation = (trainee.rows[name].rows for name in ("train", "validation"))
    whole = trainee.model
    if language_of(spec).trainer == "trl" and isinstance(whole, WholeLanguageModel):
        from tasks.language.sft import build_sft_trainer  # TRL takes a second to import

        trainer = build_sft_trainer(
            whole.plain, tokenizer, arguments, spec.training, callbacks, train, validation
        )
    else:
        trainer = build_trainer(
            trainee.model,
            arguments,
            spec.training,
            callbacks,
            kind=CompletionTrainer,
            train_dataset=train,
            eval_dataset=validation,
            data_collator=trainee.collate,
        )
    trainer.measure = measure
    return trainer


def _evaluate(
    spec: ArmSpec,
    whole: WholeLanguageModel,
    trainee: Trainee,
    parts: Parts,
    tokenizer: PreTrainedTokenizerBase,
) -> tuple[dict[str, float], dict[str, TableRef]]:
    """Losses of validation; after that losses of test, and its answers.

    Answers are generated in float32, as the packaged model gives them, whatever precision trained.
    """
    losses = {name: trainee.losses(parts, name) for name in ("validation", "test")}
    if spec.strategy.lora_rank:
        merge_lora(whole.backbone)
    model = whole.plain.cuda() if uses_gpu() else whole.plain
    tables: dict[str, TableRef] = {}
    metrics: dict[str, float] = {}
    for name, short in (("validation", "val"), ("test", "test")):
        started = time.perf_counter()
        tables[name] = answer_table(
            getattr(spec, name),
            parts[name],
            losses[name],
            (model, tokenizer, language_of(spec)) if name == "test" else None,
            f"{spec.title} on {name}",
        )
        figures = completion_metrics(tables[name].read())
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
        if name == "test":
            metrics["cost/generate_seconds"] = time.perf_counter() - started
    return metrics, tables
