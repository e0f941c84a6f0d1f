"""`training.extra`: what is accepted works, and the rest is refused by name."""

import dataclasses
from typing import Any

import pytest
from tiny import MakeSpec
from torch import tensor
from transformers import TrainingArguments

from tasks.config.extra import NAMED, RESERVED, WITH_HEAD, WORKING, check_extra_names
from tasks.errors import RequestError
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.labels.training import LabelLearner
from tasks.kinds.ranking.training import RankingLearner
from tasks.kinds.writing.training import WritingLearner
from tasks.models.classifier import Head, HeadConfig
from tasks.training.run import train_arm
from tasks.training.trainer import check_extra

FAST = {"epochs": 1, "precision": "fp32"}
CHANGES: dict[str, Any] = {
    "adam_beta1": 0.5,
    "adam_beta2": 0.9,
    "adam_epsilon": 1e-2,
    "max_steps": 3,
    "neftune_noise_alpha": 20.0,
    "label_smoothing_factor": 0.3,
}
CHANGES_NOTHING: dict[str, dict[str, Any]] = {
    "activations": {"activation_checkpointing": True},
    "gradients": {
        "gradient_checkpointing": True,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
    },
    "each step": {
        "dataloader_pin_memory": False,
        "eval_accumulation_steps": 1,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "logging_steps": 1,
        "lr_scheduler_kwargs": {},
        "torch_empty_cache_steps": 1,
        "log_level": "error",
    },
    "each epoch": {"logging_strategy": "epoch"},
}
REFUSED: dict[str, set[str]] = {
    "the optimiser is AdamW": {"optim_args", "optim_target_modules"},
    "how arms are spread over devices": {
        "accelerator_config",
        "average_tokens_across_devices",
        "ddp_backend",
        "ddp_broadcast_buffers",
        "ddp_bucket_cap_mb",
        "ddp_find_unused_parameters",
        "ddp_static_graph",
        "ddp_timeout",
        "deepspeed",
        "fsdp",
        "fsdp_config",
        "local_rank",
        "parallelism_config",
        "use_cpu",
    },
    "how the device computes": {
        "auto_find_batch_size",
        "full_determinism",
        "liger_kernel_config",
        "tf32",
        "torch_compile",
        "torch_compile_backend",
        "torch_compile_mode",
        "use_cache",
        "use_liger_kernel",
    },
    "rows are encoded before training": {
        "dataloader_drop_last",
        "dataloader_in_order",
        "dataloader_multiprocessing_context",
        "dataloader_num_workers",
        "dataloader_persistent_workers",
        "dataloader_prefetch_factor",
        "label_names",
        "length_column_name",
    },
    "an epoch ends with its figures and a checkpoint": {
        "batch_eval_metrics",
        "enable_jit_checkpoint",
        "eval_delay",
        "eval_do_concat_batches",
        "eval_on_start",
        "eval_steps",
        "eval_use_gather_object",
        "ignore_data_skip",
        "include_for_metrics",
        "prediction_loss_only",
        "restore_callback_states_from_checkpoint",
        "resume_from_checkpoint",
        "save_on_each_node",
        "save_only_model",
        "save_steps",
        "save_total_limit",
    },
    "what a run is called and where it is told": {
        "debug",
        "disable_tqdm",
        "hub_always_push",
        "hub_model_id",
        "hub_private_repo",
        "hub_revision",
        "hub_strategy",
        "hub_token",
        "include_num_input_tokens_seen",
        "log_level_replica",
        "log_on_each_node",
        "project",
        "run_name",
        "skip_memory_metrics",
        "trackio_bucket_id",
        "trackio_space_id",
        "trackio_static_space_id",
    },
    "what scripts of transformers do": {"do_eval", "do_predict", "do_train"},
}
"""All other fields, by what would decide them instead. One that a new version of transformers
brings belongs here, or among those that are tried."""
PLAIN: dict[str, float] = {}


def train(make_spec: MakeSpec, extra: dict[str, Any], strategy: str = "full") -> Outcome:
    training = {**FAST, "extra": extra}
    model = {"dropout": 0.0, "backbone_dropout": 0.0}
    spec = make_spec(strategy=strategy, training=training, model=model)
    return train_arm(spec, "run", LabelLearner, lambda metrics, step: None)


def plain(make_spec: MakeSpec, strategy: str = "full") -> float:
    """The validation loss without anything extra, trained once for each strategy."""
    if strategy not in PLAIN:
        PLAIN[strategy] = train(make_spec, {}, strategy).metrics["val/loss"]
    return PLAIN[strategy]


@pytest.mark.parametrize("name", CHANGES)
def test_a_field_that_changes_training_changes_it(name: str, make_spec: MakeSpec) -> None:
    changed = train(make_spec, {name: CHANGES[name]}).metrics["val/loss"]
    assert abs(changed - plain(make_spec)) > 1e-6


@pytest.mark.parametrize("fields", CHANGES_NOTHING)
def test_fields_that_are_about_cost_or_logs_change_no_figure(
    fields: str, make_spec: MakeSpec
) -> None:
    same = train(make_spec, CHANGES_NOTHING[fields]).metrics["val/loss"]
    assert same == pytest.approx(plain(make_spec), abs=1e-6)


def test_every_field_that_works_is_tried_here() -> None:
    tried = {*CHANGES, *(name for fields in CHANGES_NOTHING.values() for name in fields)}
    assert tried >= (WORKING | WITH_HEAD) - {"activation_checkpointing_kwargs"}


@pytest.mark.parametrize("strategy", ["freeze_2", "head", "lora_2", "prompt_2"])
def test_checkpointed_activations_go_with_every_strategy(
    strategy: str, make_spec: MakeSpec
) -> None:
    wanted = plain(make_spec, strategy)
    found = train(make_spec, {"gradient_checkpointing": True}, strategy).metrics["val/loss"]
    assert found == pytest.approx(wanted, abs=1e-5)


def test_noise_on_embeddings_needs_them_read_in_every_epoch(make_spec: MakeSpec) -> None:
    outcome = train(make_spec, {"neftune_noise_alpha": 5.0}, "freeze_2")
    assert outcome.trunk is not None
    assert "neftune_noise_alpha" in outcome.trunk


def test_every_field_of_trainings_arguments_is_accepted_or_refused_by_name() -> None:
    known = {field.name for field in dataclasses.fields(TrainingArguments)}
    sorts = [WORKING, WITH_HEAD, RESERVED, {*NAMED}, *REFUSED.values()]
    assert set.union(*sorts) == known, "fields that nobody has looked at, or that are gone"
    assert sum(map(len, sorts)) == len(known), "a field of two sorts"
    for name in known - WORKING - WITH_HEAD:
        with pytest.raises(ValueError, match=rf"^{name} is "):
            check_extra_names([name])
    check_extra_names(WORKING | WITH_HEAD)


def test_what_reaches_into_the_model_goes_with_a_head_alone() -> None:
    for name in WITH_HEAD:
        with pytest.raises(RequestError, match=rf"{name} does not go with task completion"):
            check_extra({name: 0.1}, "completion", WritingLearner.with_head)
    with pytest.raises(RequestError, match="does not go with task preference"):
        check_extra({"label_smoothing_factor": 0.1}, "preference", RankingLearner.with_head)
    check_extra({"label_smoothing_factor": 0.1}, "single_label", LabelLearner.with_head)
    with pytest.raises(RequestError, match="is no number from 0 to 1"):
        check_extra({"label_smoothing_factor": 1.5}, "single_label")


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_smoothed_targets_are_trained_on_and_not_judged_by(task: str) -> None:
    head = Head(4, HeadConfig(labels=2, pooling="cls", dropout=0.0, task=task), seed=1)
    pooled = tensor([[1.0, 2.0, 3.0, 4.0]])
    labels = tensor([1]) if task == "single_label" else tensor([[0.0, 1.0]])
    plain = head.train().classify(pooled, labels)["loss"]
    head.smoothing = 0.2
    smoothed = head.classify(pooled, labels)["loss"]
    other = tensor([0]) if task == "single_label" else tensor([[1.0, 0.0]])
    head.smoothing = 0.0
    # Both losses are linear in the targets: 0.9 of the truth and 0.1 of its opposite.
    wanted = 0.9 * plain + 0.1 * head.classify(pooled, other)["loss"]
    assert smoothed.item() == pytest.approx(wanted.item(), rel=1e-6)
    head.smoothing = 0.2
    assert head.eval().classify(pooled, labels)["loss"].item() == pytest.approx(plain.item())


def test_half_precision_of_old_gpus_is_refused_without_one(make_spec: MakeSpec) -> None:
    spec = make_spec(strategy="full", training={"precision": "fp16"})
    with pytest.raises(RequestError, match=r"fp16 is for GPUs .* use auto"):
        train_arm(spec, "run", LabelLearner, lambda metrics, step: None)
