"""Four ways to train the same partly frozen classifier."""

import shutil
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from transformers import set_seed

from benchmarks.arithmetic import (
    backward_flops,
    forward_flops,
    matmul_rate,
    tail_flops,
    trained_forward,
)
from benchmarks.setting import Setting
from tasks.models.classifier import TextClassifier
from tasks.training.batching import PaddingCollator
from tasks.training.building import build_model, collator_for
from tasks.training.device import has_fast_bf16
from tasks.training.encoding import EncodedPart
from tasks.training.freezing import freeze
from tasks.training.hidden_store import trunk_dir
from tasks.training.predicting import Collator, predict_logits
from tasks.training.trainer import build_trainer, training_arguments
from tasks.training.trunk import Trunk, TrunkCollator, use_trunk, with_places

WAYS = {
    "chapter": "(a) padded to the longest, plain loop",
    "trainer": "(b) transformers' Trainer at its best",
    "thaw_fp32": "(c) Thaw, float32",
    "thaw_bf16": "(d) Thaw, bf16",
}


@dataclass(frozen=True)
class Timing:
    """One measured training.

    Attributes:
        seconds: of training, with the trunk's pass where there is one.
        tail_seconds: of the part that trains (all of it where nothing is stored).
        tail_flops: arithmetic of the trainable part, forward and backward.
        flops: arithmetic of everything that this way runs, padding included.
        matmul_rate: what this machine's matrix multiplication reached just before, per second.
        ideal_seconds: one pass of the trunk plus epochs x bare steps, each measured alone.
    """

    way: str
    seconds: float
    accuracy: float
    tail_seconds: float
    tail_flops: float
    flops: float
    matmul_rate: float
    ideal_seconds: float | None = None

    @property
    def summary(self) -> str:
        """One line for the terminal."""
        return f"{WAYS[self.way]}: {self.seconds:.1f} s, accuracy {self.accuracy:.3f}"


def measure(way: str, setting: Setting, chapter_steps: int | None = None) -> Timing:
    """Train once in that way from the same initial model.

    With `chapter_steps` the chapter's loop stops after as many steps, and its seconds are scaled
    up to all of them: its steps are all of the same size. Its accuracy is then not known.
    """
    bf16 = way == "thaw_bf16"
    if bf16 and not has_fast_bf16():
        raise SystemExit("This machine has no bf16 instructions: leave thaw_bf16 out of --ways.")
    spec = setting.spec.model_copy(
        update={
            "training": setting.spec.training.model_copy(
                update={"precision": "bf16" if bf16 else "fp32"}
            )
        }
    )
    setting = replace(setting, spec=spec)
    set_seed(spec.seed)
    model = build_model(spec, setting.located)
    freeze(model, spec.strategy)
    flops = tail_flops(model, setting)
    rate = matmul_rate(torch.bfloat16 if bf16 else torch.float32)
    if way == "chapter":
        seconds = chapter_loop(model, setting, chapter_steps)
        collator: Collator = collator_for(spec, setting.located)
        padded = setting.longest * len(setting.parts["train"].ids)
        work = padded * setting.epochs * (forward_flops(model) + backward_flops(model))
        right = float("nan") if chapter_steps else accuracy(model, setting, collator)
        return Timing(way, seconds, right, seconds, flops, work, rate)
    if way == "trainer":
        collator = collator_for(spec, setting.located)
        seconds = run_trainer(model, setting, setting.parts["train"], collator)
        work = setting.train_tokens * setting.epochs
        work *= forward_flops(model) + backward_flops(model)
        right = accuracy(model, setting, collator)
        return Timing(way, seconds, right, seconds, flops, work, rate)
    return thaw(way, model, setting, flops, rate)


def chapter_loop(model: TextClassifier, setting: Setting, limit: int | None) -> float:
    """Seconds of the chapter's training loop: one length for all texts, AdamW, no more."""
    train = setting.parts["train"]
    collate = PaddingCollator(pad_id(setting), to_length=setting.longest)
    batch = collate(list(train.rows))
    ids, mask, labels = batch["input_ids"], batch["attention_mask"], batch["labels"]
    optimiser = torch.optim.AdamW(model.parameters(), lr=setting.spec.training.learning_rate)
    size = setting.spec.training.batch_size
    generator = torch.Generator().manual_seed(setting.spec.seed)
    order = [
        rows
        for _ in range(setting.epochs)
        for rows in torch.randperm(len(ids), generator=generator).split(size)
    ]
    model.train()
    started = time.perf_counter()
    for rows in order[:limit]:
        optimiser.zero_grad()
        loss = model(ids[rows], mask[rows], labels[rows])["loss"]
        loss.backward()
        optimiser.step()
    seconds = time.perf_counter() - started
    return seconds * len(order) / len(order[:limit])


def pad_id(setting: Setting) -> int:
    """The tokenizer's padding id."""
    return collator_for(setting.spec, setting.located).pad_id


def run_trainer(
    model: nn.Module, setting: Setting, train: EncodedPart, collator: Collator
) -> float:
    """transformers' Trainer with dynamic padding, length grouping and fused AdamW; seconds."""
    folder = setting.scratch / "trainer"
    shutil.rmtree(folder, ignore_errors=True)
    arguments = training_arguments(setting.spec.training, folder, setting.spec.seed, len(train.ids))
    # Nothing but training is timed: no validation, no checkpoints.
    arguments.eval_strategy = arguments.save_strategy = "no"
    arguments.load_best_model_at_end = False
    trainer = build_trainer(
        model,
        arguments,
        setting.spec.training,
        setting.spec.strategy,
        [],
        train_dataset=train.rows,
        data_collator=collator,
    )
    started = time.perf_counter()
    trainer.train()
    return time.perf_counter() - started


def thaw(way: str, model: TextClassifier, setting: Setting, flops: float, rate: float) -> Timing:
    """The trunk's pass over the training part, and the Trainer on what it stored."""
    shutil.rmtree(trunk_dir(), ignore_errors=True)
    spec = setting.spec
    collator = collator_for(spec, setting.located)
    trunk = use_trunk(spec, model, setting.parts, (), collator)
    if not isinstance(trunk, Trunk):
        raise SystemExit(f"The trunk is not used: {trunk}.")
    train = with_places(setting.parts["train"], "train")
    batches = TrunkCollator(trunk)
    tail = trunk.trainable_part(model)
    bare = bare_steps(model, spec.strategy.name, trunk, train, setting)
    seconds = run_trainer(tail, setting, train, batches)
    # Validation and test are passed too, but only the training part is training.
    first_pass = trunk.states["train"].seconds
    return Timing(
        way=way,
        seconds=first_pass + seconds,
        accuracy=accuracy(tail, setting, batches, placed=True),
        tail_seconds=seconds,
        tail_flops=flops,
        flops=setting.train_tokens * (forward_flops(model) - trained_forward(model)) + flops,
        matmul_rate=rate,
        ideal_seconds=first_pass + setting.epochs * bare,
    )


def bare_steps(
    model: TextClassifier, strategy: str, trunk: Trunk, train: EncodedPart, setting: Setting
) -> float:
    """Seconds of one epoch of the tail's steps alone: forward, backward, update, no Trainer.

    On a copy of the tail, in batches sorted by length.
    """
    import copy

    tail = copy.deepcopy(trunk.trainable_part(model)).train()
    optimiser = torch.optim.AdamW(
        [p for p in tail.parameters() if p.requires_grad], lr=1e-6, fused=True
    )
    order = np.argsort(train.rows["length"], kind="stable")
    size = setting.spec.training.batch_size
    collate = TrunkCollator(trunk)
    ready = [
        collate([train.rows[int(row)] for row in order[start : start + size]])
        for start in range(0, len(order), size)
    ]
    bf16 = setting.spec.training.precision == "bf16"
    started = time.perf_counter()
    for batch in ready:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = tail(**batch)["loss"]
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return time.perf_counter() - started


def accuracy(model: nn.Module, setting: Setting, collator: Collator, placed: bool = False) -> float:
    """Share of test messages that are classified rightly."""
    part = setting.parts["test"]
    read = with_places(part, "test") if placed else part
    bf16 = setting.spec.training.precision == "bf16"
    logits = predict_logits(model, read, collator, 64, bf16)
    return float((logits.argmax(1) == part.truth.argmax(1)).mean())
