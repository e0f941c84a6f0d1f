"""transformers' Trainer, set up for an arm: arguments, optimiser groups, lean checkpoints."""

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from torch.utils.data import Sampler
from transformers import EarlyStoppingCallback, Trainer, TrainerControl, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from tasks.config import TrainingConfig
from tasks.config.extra import WITH_HEAD
from tasks.config.strategies import Strategy
from tasks.errors import RequestError
from tasks.evaluation.wording import lower_is_better
from tasks.models.adapting import is_head
from tasks.training.device import uses_gpu, wants_bf16

SMOOTHING = "label_smoothing_factor"
"""The head's own loss does it, for labels of both sorts and with class weights; Trainer's way knows
neither, and smooths the validation loss too."""


class ArmTrainer(Trainer):
    """A Trainer whose checkpoints hold what trains and nothing else.

    Frozen parameters are the base model's own: writing them every epoch would cost a full copy
    of the model an arm.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As training begins: with gradual unfreezing less of it trains in the first epochs.
        self._kept = {name for name, value in self.model.named_parameters() if value.requires_grad}

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        """As Trainer's, with the lengths by which it groups rows read once: a column of a Dataset
        is read from its file anew for each row that is compared, in each epoch."""
        sampler = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            sampler.lengths = [*sampler.lengths]
        return sampler

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """As Trainer's, which keeps the first of equals; here the one with the lowest loss counts.

        A small validation part is soon ranked without a fault, and probabilities get better after.
        """
        if super()._determine_best_metric(metrics, trial):
            return True
        value = metrics[f"eval_{self.args.metric_for_best_model}"]
        at_best = (each for each in self.state.log_history if "eval_loss" in each)
        losses = [e["eval_loss"] for e in at_best if e["step"] == self.state.best_global_step]
        if value != self.state.best_metric or not losses or not metrics["eval_loss"] < losses[-1]:
            return False
        self.state.best_global_step = self.state.global_step
        return True

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        state = {name: v for name, v in self.model.state_dict().items() if name in self._kept}
        super()._save(output_dir, state)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Frozen parameters are missing from a checkpoint by design."""


class MeasuredTrainer(ArmTrainer):
    """An arm's Trainer whose validation figures are what `measure` says.

    Trainer's own loss is a mean of the batches' means, in which an example weighs more the fewer
    others its batch has; and it passes every batch through the model, even where examples share
    their texts.
    """

    measure: Callable[[], dict[str, float]]
    """Figures of the validation part as the model stands, `loss` among them."""
    control: TrainerControl

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Measure the validation part, log it and tell the callbacks, as Trainer's does."""
        metrics = {f"eval_{name}": value for name, value in self.measure().items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def check_extra(
    extra: Mapping[str, Any], task: str, with_head: Collection[str] = WITH_HEAD
) -> None:
    """Refuse what `training.extra` sets and does not work with arms of a kind.

    Args:
        extra: the fields.
        task: the case's, as the sentence names it.
        with_head: those of `WITH_HEAD` that work with its arms.

    Raises:
        RequestError: the first such field, or smoothing that is none.
    """
    for name in extra:
        if name in WITH_HEAD and name not in with_head:
            raise RequestError(f"training.extra.{name} does not go with task {task}: leave it out.")
    smoothing = extra.get(SMOOTHING, 0.0)
    if not isinstance(smoothing, int | float) or not 0 <= smoothing < 1:
        raise RequestError(f"training.extra.{SMOOTHING}={smoothing} is no number from 0 to 1.")


def training_arguments(
    config: TrainingConfig,
    folder: Path,
    seed: int,
    rows: int,
    task: str = "",
    with_head: Collection[str] = WITH_HEAD,
) -> TrainingArguments:
    """TrainingArguments for one arm.

    Args:
        config: the arm's training configuration.
        folder: where checkpoints go.
        seed: seeds dropout and the order of the rows.
        rows: training rows, to place about ten log points in an epoch.
        task, with_head: as `check_extra` has them.

    Raises:
        RequestError: `training.extra` names a field that cannot be set, or a value it refuses; or
            `training.precision=fp16` without a GPU.
    """
    check_extra(config.extra, task, with_head)
    if config.precision == "fp16" and not uses_gpu():
        raise RequestError(
            "training.precision=fp16 is for GPUs without bf16, and here is no GPU: use auto."
        )
    updates = max(1, math.ceil(rows / config.batch_size / config.gradient_accumulation))
    fields: dict[str, Any] = {
        "num_train_epochs": config.epochs,
        "per_device_train_batch_size": config.batch_size,
        "per_device_eval_batch_size": config.eval_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation,
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
        # Below 1 it is a share of the updates; 1 itself would be a single update.
        "warmup_steps": min(config.warmup, math.nextafter(1.0, 0.0)),
        "lr_scheduler_type": config.schedule,
        "max_grad_norm": config.max_grad_norm,
        "bf16": wants_bf16(config.precision),
        "fp16": config.precision == "fp16",
        "use_cpu": not uses_gpu(),
        "logging_steps": max(1, updates // 10),
        "train_sampling_strategy": _order(config),
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        # The best and the last; with 1, Trainer would delete the last at its end, and an arm that
        # is killed before its outcome is written would train again from the best.
        "save_total_limit": 2,
        "load_best_model_at_end": config.keep == "best",
        "metric_for_best_model": config.select_by.removeprefix("val/"),
        "greater_is_better": higher_is_better(config.select_by),
        "restore_callback_states_from_checkpoint": True,
        "dataloader_pin_memory": uses_gpu(),
        "disable_tqdm": True,  # Thaw's own bar shows instead
        "remove_unused_columns": False,
        "report_to": "none",
    }
    extra = {name: value for name, value in config.extra.items() if name != SMOOTHING}
    try:
        return TrainingArguments(
            output_dir=str(folder), seed=seed, data_seed=seed, **(fields | extra)
        )
    except (TypeError, ValueError) as error:
        raise RequestError(f"training.extra or training: {error}") from error


def _order(config: TrainingConfig) -> str:
    """The sampler: stored order, or a new random one, which keeps like lengths together where
    that saves padding."""
    if not config.shuffle:
        return "sequential"
    return "group_by_length" if config.padding == "dynamic" else "random"


def higher_is_better(metric: str) -> bool:
    """Whether more of a metric is better: of everything but losses and distances."""
    return not lower_is_better(metric)


def optimizer(
    model: nn.Module,
    config: TrainingConfig,
    arguments: TrainingArguments,
    strategy: Strategy,
    is_head: Callable[[str], bool] = is_head,
) -> torch.optim.AdamW:
    """AdamW with a learning rate for the head, and the strategy's own for what it trains below.

    Decay acts on matrices only, and below the head where the strategy says so. Betas and epsilon
    are TrainingArguments' (`training.extra.adam_beta2=0.98`).

    Args:
        model: what of it requires gradients is what trains.
        config: learning rates and decay.
        arguments: the rest.
        strategy: the arm's.
        is_head: says by its name whether a parameter belongs to the head.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            above = is_head(name)
            decays = parameter.ndim >= 2 and (above or strategy.decays)
            groups.setdefault((above, decays), []).append(parameter)
    below = getattr(config, strategy.rate_field)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": (config.head_learning_rate or config.learning_rate) if above else below,
                "weight_decay": config.weight_decay if decays else 0.0,
            }
            for (above, decays), parameters in groups.items()
        ],
        lr=config.learning_rate,
        betas=(float(arguments.adam_beta1), float(arguments.adam_beta2)),
        eps=float(arguments.adam_epsilon),
        fused=True,
    )


def build_trainer(
    model: nn.Module,
    arguments: TrainingArguments,
    config: TrainingConfig,
    strategy: Strategy,
    callbacks: list[Any],
    kind: type[ArmTrainer] = ArmTrainer,
    is_head: Callable[[str], bool] = is_head,
    **parts: Any,
) -> ArmTrainer:
    """The Trainer of an arm, with early stopping if configured; `parts` are its own arguments."""
    if config.patience is not None:
        callbacks = [*callbacks, EarlyStoppingCallback(early_stopping_patience=config.patience)]
    trainer = kind(
        model=model,
        args=arguments,
        optimizers=(optimizer(model, config, arguments, strategy, is_head), None),
        callbacks=callbacks,
        **parts,
    )
    for noisy in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(noisy)
    return trainer
