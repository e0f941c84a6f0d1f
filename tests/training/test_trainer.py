"""The Trainer's arguments, optimiser and checkpoints as an arm needs them."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from datasets import Dataset
from tiny import WIDTH
from torch import nn
from transformers import TrainerState

from tasks.config import TrainingConfig
from tasks.config.extra import NAMED, RESERVED
from tasks.config.loading import load_case
from tasks.config.strategies import strategy
from tasks.errors import RequestError
from tasks.models.adapting import adapt, is_head
from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.models.loading import load_backbone
from tasks.training.device import PeakMemory, has_fast_bf16, uses_gpu, wants_bf16
from tasks.training.freezing import freeze
from tasks.training.trainer import (
    ArmTrainer,
    higher_is_better,
    optimizer,
    training_arguments,
)


def arguments(tmp_path: Path, rows: int = 100, **fields: Any) -> Any:
    return training_arguments(TrainingConfig(**fields), tmp_path / "arm", 7, rows)


def test_the_configuration_arrives(tmp_path: Path) -> None:
    made = arguments(
        tmp_path,
        epochs=2,
        batch_size=4,
        gradient_accumulation=3,
        learning_rate=1e-3,
        warmup=0.2,
        schedule="cosine",
        select_by="val/average_precision_micro",
        precision="fp32",
    )
    assert (made.num_train_epochs, made.per_device_train_batch_size) == (2, 4)
    assert made.gradient_accumulation_steps == 3
    assert made.get_warmup_steps(50) == 10
    assert made.lr_scheduler_type == "cosine"
    assert (made.seed, made.data_seed) == (7, 7)
    assert made.metric_for_best_model == "average_precision_micro"
    assert made.greater_is_better is True
    assert made.load_best_model_at_end is True
    assert made.bf16 is False
    assert made.report_to == []
    assert made.push_to_hub is False


def test_dynamic_padding_puts_like_lengths_together(tmp_path: Path) -> None:
    assert arguments(tmp_path).train_sampling_strategy == "group_by_length"
    assert arguments(tmp_path, padding="max").train_sampling_strategy == "random"


def test_lengths_are_not_read_from_the_file_for_each_comparison(tmp_path: Path) -> None:
    rows = Dataset.from_dict({"length": [3, 1, 2, 9]})
    made = arguments(tmp_path, precision="fp32")
    trainer = ArmTrainer(nn.Linear(1, 1), made, train_dataset=rows, eval_dataset=rows)
    sampler: Any = trainer._get_train_sampler()
    assert (type(sampler.lengths), sampler.lengths) == (list, [3, 1, 2, 9])
    assert sorted(sampler) == [0, 1, 2, 3]


def test_without_shuffling_the_rows_come_in_their_stored_order(tmp_path: Path) -> None:
    for padding in ("dynamic", "max"):
        made = arguments(tmp_path, shuffle=False, padding=padding)
        assert made.train_sampling_strategy == "sequential"


@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (160, 1), (1600, 10), (1601, 10)])
def test_an_epoch_has_about_ten_log_points(tmp_path: Path, rows: int, steps: int) -> None:
    assert arguments(tmp_path, rows=rows, batch_size=16).logging_steps == steps


def test_any_other_field_is_reached_under_extra(tmp_path: Path) -> None:
    made = arguments(tmp_path, extra={"adam_beta2": 0.98, "logging_first_step": True})
    assert made.adam_beta2 == 0.98
    assert made.logging_first_step


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_what_thaw_decides_cannot_be_set(name: str) -> None:
    with pytest.raises(RequestError, match=rf"training\.extra: {name} is decided by Thaw"):
        load_case("genre", "sample", [f"training.extra.{name}=x"])


@pytest.mark.parametrize("name", sorted(NAMED))
def test_what_has_a_name_of_its_own_is_refused_with_it(name: str) -> None:
    assert NAMED[name] in TrainingConfig.model_fields
    with pytest.raises(RequestError, match=rf"is what training\.{NAMED[name]} sets"):
        load_case("genre", "sample", [f"training.extra.{name}=1"])


def test_an_unknown_extra_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequestError, match=r"adam_betta1 is no .* \(did you mean adam_beta1\?\)"):
        load_case("genre", "sample", ["training.extra.adam_betta1=0.8"])


def test_a_field_that_newer_versions_dropped_is_unknown() -> None:
    with pytest.raises(RequestError, match=r"group_by_length is no field of TrainingArguments"):
        load_case("genre", "sample", ["grid.training.extra=[{group_by_length: true}]"])


def test_a_value_that_transformers_refuses_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"training\.extra or training: "):
        arguments(tmp_path, extra={"logging_strategy": "sometimes"})


@pytest.mark.parametrize(
    ("metric", "higher"),
    [("val/loss", False), ("val/f1_micro", True), ("val/hamming_loss", False),
     ("val/brier", False), ("test/average_precision_micro", True)],
)  # fmt: skip
def test_which_way_is_better(metric: str, higher: bool) -> None:
    assert higher_is_better(metric) is higher


@pytest.mark.parametrize(
    ("values", "losses", "kept"),
    [
        ([1.0, 1.0, 1.0], [0.6, 0.2, 0.4], 2),
        ([0.7, 1.0, 1.0], [0.1, 0.6, 0.6], 2),
        ([1.0, 0.9, 1.0], [0.6, 0.1, 0.5], 3),
        ([0.8, 0.9, 0.7], [0.3, 0.5, 0.1], 2),
    ],
)
def test_of_epochs_that_rank_alike_the_one_with_the_lowest_loss_is_kept(
    values: list[float], losses: list[float], kept: int, tmp_path: Path
) -> None:
    trainer = ArmTrainer.__new__(ArmTrainer)
    trainer.args = arguments(tmp_path, select_by="val/roc_auc")
    trainer.state = TrainerState()
    for step, (value, loss) in enumerate(zip(values, losses, strict=True), 1):
        trainer.state.global_step = step
        metrics = {"eval_roc_auc": value, "eval_loss": loss}
        trainer.state.log_history.append({"step": step, **metrics})
        trainer._determine_best_metric(metrics, None)
    assert trainer.state.best_global_step == kept


# --- optimiser --------------------------------------------------------------------------------


@pytest.fixture
def model(tiny_bert: Path) -> TextClassifier:
    head = HeadConfig(labels=3, pooling="cls", kind="dense")
    return TextClassifier(load_backbone(locate(str(tiny_bert))), head)


def test_the_head_has_its_own_rate_and_only_matrices_decay(
    model: TextClassifier, tmp_path: Path
) -> None:
    freeze(model, strategy("freeze_3"))
    config = TrainingConfig(learning_rate=1e-4, head_learning_rate=1e-2, weight_decay=0.1)
    rates: dict[int, tuple[float, float]] = {}
    for group in optimizer(model, config, arguments(tmp_path), strategy("freeze_3")).param_groups:
        for parameter in group["params"]:
            assert id(parameter) not in rates
            rates[id(parameter)] = group["lr"], group["weight_decay"]
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            assert id(parameter) not in rates, name
            continue
        rate = 1e-2 if name.startswith("head.") else 1e-4
        decay = 0.1 if parameter.ndim >= 2 else 0.0
        assert rates[id(parameter)] == (rate, decay), name


@pytest.mark.parametrize("name", ["prompt_4", "lora_2", "dora_2", "ia3", "bitfit"])
def test_a_prompt_and_adapters_have_rates_of_their_own_and_a_prompt_no_decay(
    model: TextClassifier, tmp_path: Path, name: str
) -> None:
    if name == "prompt_4":
        model.prompt = torch.nn.Embedding(4, WIDTH)
    adapt(model.backbone, strategy(name), seed=1)
    freeze(model, strategy(name))
    config = TrainingConfig(
        head_learning_rate=3e-3,
        prompt_learning_rate=3e-2,
        lora_learning_rate=2e-3,
        weight_decay=0.1,
    )
    groups = optimizer(model, config, arguments(tmp_path), strategy(name)).param_groups
    rates = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    below = (3e-2 if name == "prompt_4" else 2e-3, 0.0 if name in ("prompt_4", "ia3") else 0.1)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert all(is_head(each) or strategy(name).trains(each) for each in trained)
    assert rates.keys() == {id(p) for p in trained.values()}
    for parameter_name, parameter in trained.items():
        rate, decay = (3e-3, 0.1) if is_head(parameter_name) else below
        assert rates[id(parameter)] == (rate, decay if parameter.ndim >= 2 else 0.0)


def test_without_a_rate_of_its_own_the_head_has_the_models(
    model: TextClassifier, tmp_path: Path
) -> None:
    groups = optimizer(
        model, TrainingConfig(learning_rate=3e-4), arguments(tmp_path), strategy("full")
    ).param_groups
    assert {group["lr"] for group in groups} == {3e-4}


def test_the_optimisers_other_settings_are_reached_under_extra(
    model: TextClassifier, tmp_path: Path
) -> None:
    made = arguments(tmp_path, extra={"adam_beta2": 0.98, "adam_epsilon": "1e-6"})
    (group, *_) = optimizer(model, TrainingConfig(), made, strategy("full")).param_groups
    assert (group["betas"], group["eps"]) == ((0.9, 0.98), 1e-6)


def test_a_head_alone_is_optimised_alone(model: TextClassifier, tmp_path: Path) -> None:
    freeze(model, strategy("head"))
    groups = optimizer(model, TrainingConfig(), arguments(tmp_path), strategy("head")).param_groups
    sizes = sum(p.numel() for group in groups for p in group["params"])
    assert sizes == WIDTH * WIDTH + WIDTH + WIDTH * 3 + 3


# --- device -----------------------------------------------------------------------------------


def test_precision_is_what_was_asked_for_or_what_the_device_is_fast_at() -> None:
    assert wants_bf16("bf16") is True
    assert wants_bf16("fp32") is False
    assert wants_bf16("auto") is has_fast_bf16()


@pytest.mark.parametrize(("generation", "fast"), [(7, False), (8, True)])
def test_a_gpu_that_only_emulates_bf16_computes_in_fp32_or_fp16(
    generation: int, fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = SimpleNamespace(major=generation)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _device: None)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: device)
    assert wants_bf16("auto") is fast
    made = arguments(tmp_path, precision="auto")
    assert (made.fp16, made.bf16) == (False, fast)
    made = arguments(tmp_path, precision="fp16")
    assert (made.fp16, made.bf16, made.use_cpu) == (True, False, False)


@pytest.mark.skipif(uses_gpu(), reason="measures the process's memory, which a GPU run does not")
def test_the_peak_of_a_block_is_measured_and_not_that_of_the_one_before() -> None:
    with PeakMemory() as large:
        block = torch.ones(50_000_000)  # 200 MB
        torch.sum(block)
        time.sleep(0.15)
        del block
    with PeakMemory() as small:
        time.sleep(0.15)
    assert large.megabytes > small.megabytes + 150
    assert small.megabytes > 50
