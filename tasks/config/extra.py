"""Which fields of transformers' TrainingArguments `training.extra` may set."""

from collections.abc import Iterable

from tasks.wording import nearest

# Fields of TrainingArguments that Thaw's own configuration or its guarantees decide.
RESERVED = {
    "output_dir",
    "seed",
    "data_seed",
    "report_to",
    "metric_for_best_model",
    "save_strategy",
    "eval_strategy",
    "remove_unused_columns",
    "push_to_hub",
    "optim",
}
# Fields of TrainingArguments that have a name of their own in Thaw's configuration.
NAMED = {
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "per_device_eval_batch_size": "eval_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation",
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "warmup_steps": "warmup",
    "lr_scheduler_type": "schedule",
    "max_grad_norm": "max_grad_norm",
    "greater_is_better": "select_by",
    "load_best_model_at_end": "keep",
    "bf16": "precision",
    "fp16": "precision",
    "bf16_full_eval": "precision",
    "fp16_full_eval": "precision",
    "train_sampling_strategy": "shuffle",
}
# Fields of TrainingArguments that work with every arm; each is tried by a test. Not the loader's
# workers: rows are encoded before training, so that they gain nothing, and a process that is forked
# off a flow's threads does not always end well.
WORKING = {
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "dataloader_pin_memory",
    "eval_accumulation_steps",
    "log_level",
    "logging_first_step",
    "logging_nan_inf_filter",
    "logging_steps",
    "logging_strategy",
    "lr_scheduler_kwargs",
    "max_steps",
    "torch_empty_cache_steps",
}
# Those that work where a head stands on a base model: they reach into either.
WITH_HEAD = {
    "activation_checkpointing",
    "activation_checkpointing_kwargs",
    "gradient_checkpointing",
    "gradient_checkpointing_kwargs",
    "label_smoothing_factor",
    "neftune_noise_alpha",
}


def check_extra_names(names: Iterable[str]) -> None:
    """Refuse what `training.extra` may not set.

    Raises:
        ValueError: a field that Thaw decides or has a name for, or that does not work here, as one
            that TrainingArguments does not have.
    """
    for name in names:
        if name in RESERVED:
            raise ValueError(f"{name} is decided by Thaw and cannot be set")
        if name in NAMED:
            raise ValueError(f"{name} is what training.{NAMED[name]} sets: use it")
        if name not in WORKING | WITH_HEAD:
            known = sorted(RESERVED | NAMED.keys() | WORKING | WITH_HEAD)
            raise ValueError(
                f"{name} is no field of TrainingArguments that does something here"
                f"{nearest(name, known)}: leave it out; what works is "
                f"{', '.join(sorted(WORKING | WITH_HEAD))}"
            )
