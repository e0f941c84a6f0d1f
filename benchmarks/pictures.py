"""How fast questions about pictures are learned with frozen encoders: the chapter's way and Thaw's.

    .venv/bin/python -m benchmarks.pictures
    .venv/bin/python -m benchmarks.pictures --fusion mean --json pictures.json
    .venv/bin/python -m benchmarks.pictures --data vqa --image-encoder dinov2-small --images 100

The same rows in the same order, the same initial model, transformers' Trainer and AdamW for both,
in float32 and without augmentation, so that the loss of every step must be the same too. What
differs is where a batch comes from:

chapter  every question tokenised by itself, every picture decoded and prepared anew, and both
         encoders run, for every row in every epoch
thaw     each different question and each picture encoded once and kept; that pass counts
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from transformers import set_seed

from flows.quiet import install
from tasks.config import PicturesCase
from tasks.config.loading import load_case
from tasks.kinds.pictures.building import build_answerer, parts_digest
from tasks.kinds.pictures.data.ingest import ingest_pictures
from tasks.kinds.pictures.data.pictures import picture_to_ask
from tasks.kinds.pictures.inputs import prepare_inputs
from tasks.kinds.pictures.model.freezing import freeze_parts
from tasks.kinds.pictures.model.model import IGNORED, MultimodalModel
from tasks.kinds.pictures.model.processing import MultimodalProcessor
from tasks.kinds.pictures.questions import Asked, encode_texts, read_questions, training_rows
from tasks.kinds.pictures.splitting import split_questions
from tasks.training.arms import ArmSpec, plan_arms
from tasks.training.batching import PaddingCollator
from tasks.training.trainer import ArmTrainer, build_trainer, training_arguments

WAYS = {"chapter": "both encoders for every row in every epoch", "thaw": "each input encoded once"}
TOLERANCE = 1e-3
FASTER = 4
_EVERY = 10  # of the losses that are printed, so many


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        seconds: of everything after the model was built, the encoders' pass among it.
        cpu_seconds: what the process computed in that time, on all cores: other work on the
            machine does not count into it.
        first_pass: of the pass over different inputs; 0 in the chapter's way.
        losses: of every step.
    """

    seconds: float
    cpu_seconds: float
    first_pass: float
    losses: list[float]


class ChapterInputs:
    """Batches as the chapter's dataset and collator make them: nothing is kept between epochs."""

    def __init__(self, asked: Asked, processor: MultimodalProcessor) -> None:
        columns = asked.parts["train"].frame[["question", "path", "answer"]]
        self.rows: list[tuple[str, str, str]] = list(columns.itertuples(index=False, name=None))
        self.processor = processor
        self.pad = PaddingCollator(int(processor.questions.pad_token_id))

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask`, `pixel_values` and `labels`; examples carry `row`."""
        samples = [self._sample(example["row"]) for example in examples]
        ids, pixels, labels = zip(*samples, strict=True)
        longest = max(map(len, labels))
        padded = torch.full((len(labels), longest), IGNORED)
        for number, row in enumerate(labels):
            padded[number, : len(row)] = row
        batch = self.pad([{"input_ids": row.tolist()} for row in ids])
        return {**batch, "pixel_values": torch.cat(pixels), "labels": padded}

    def _sample(self, row: int) -> tuple[Tensor, Tensor, Tensor]:
        question, path, answer = self.rows[row]
        picture = picture_to_ask(Path(path))
        return (
            self.processor.read_questions([question])["input_ids"][0],
            self.processor.read_images([picture]),
            self.processor.read_answers([answer])[0],
        )


class CurveTrainer(ArmTrainer):
    """A Trainer that keeps the loss of every step, not rounded."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.losses: list[float] = []

    def training_step(self, *arguments: Any, **named: Any) -> Tensor:
        """The Trainer's step; see there."""
        loss = super().training_step(*arguments, **named)
        self.losses.append(float(loss))
        return loss


def prepare(chosen: argparse.Namespace) -> tuple[ArmSpec, Asked]:
    """Read and split the questions once for both ways, in the store that the environment names."""
    source = [f"vqa.scenes={chosen.images}"]
    if chosen.data is not None:
        source = [f"data.path={chosen.data}", "data.sample=null", f"vqa.max_images={chosen.images}"]
    eyes = [f"vqa.image_encoder={chosen.image_encoder}"]
    if chosen.image_encoder == "small":  # a ViT-Tiny, as large as a small real one
        eyes += ["vqa.small={image_size: 224, patch_size: 16, width: 192, image_blocks: 12}"]
    overrides = [
        *source,
        *eyes,
        f"vqa.text_encoder={chosen.text_encoder}",
        f"vqa.fusion={chosen.fusion}",
        "vqa.batches=questions",
        "strategies=[encoders]",
        "seeds=[42]",
        f"training.epochs={chosen.epochs}",
        "training.batch_size=16",
        "training.padding=max",  # a new random order in every epoch, by no length
        "training.learning_rate=1.0e-3",
        "training.schedule=constant",
        "training.warmup=0.0",
        "training.precision=fp32",
        "training.trunk=on",
    ]
    config = load_case("vqa", "sample", overrides)
    assert isinstance(config, PicturesCase)
    found = ingest_pictures(config)
    (parts,), _ = split_questions(found.questions, config, found.left_out)
    # Only training is timed, so nothing else is to be encoded.
    alone = dict.fromkeys(parts, parts["train"])
    sections = {"vqa": config.vqa}
    spec = plan_arms(config, parts_digest(config), [], alone, sections=lambda _: sections)[0]
    return spec, read_questions(spec)


def train(way: str, spec: ArmSpec, asked: Asked, scratch: Path) -> Run:
    """Train once in that way, from the model that the seed gives."""
    set_seed(spec.seed)
    model, processor = build_answerer(spec)
    frozen = freeze_parts(model, str(spec.strategy)).parts
    rows = training_rows(asked.parts["train"], "train", encode_texts(asked, processor))
    started, computed = time.perf_counter(), time.process_time()
    collate: Any = ChapterInputs(asked, processor)
    if way == "thaw":
        collate = prepare_inputs(spec, model, processor, asked, frozen)
    first_pass = time.perf_counter() - started
    losses = _steps(model, spec, rows, collate, scratch)
    return Run(
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - computed,
        first_pass=first_pass,
        losses=losses,
    )


def _steps(
    model: MultimodalModel, spec: ArmSpec, rows: Dataset, collate: Any, scratch: Path
) -> list[float]:
    """The loss of every step of the Trainer."""
    arguments = training_arguments(spec.training, scratch / "trainer", spec.seed, len(rows))
    # Nothing but training is timed: no validation, no checkpoints.
    arguments.eval_strategy = arguments.save_strategy = "no"
    arguments.load_best_model_at_end = False
    trainer = build_trainer(
        model,
        arguments,
        spec.training.model_copy(update={"patience": None}),
        spec.strategy,
        [],
        CurveTrainer,
        train_dataset=rows,
        data_collator=collate,
    )
    assert isinstance(trainer, CurveTrainer)
    trainer.train()
    return trainer.losses


def measure(chosen: argparse.Namespace, scratch: Path) -> tuple[str, dict[str, Run]]:
    """The setting in a line, and a run of each way; the store is new."""
    os.environ["THAW_STORE"] = str(scratch / "store")
    spec, asked = prepare(chosen)
    train_part = asked.parts["train"]
    setting = (
        f"{len(train_part):,} training questions about {len(set(train_part.pictures)):,} pictures, "
        f"{chosen.text_encoder} + {Path(chosen.image_encoder).name} + {spec.model.base}, fusion "
        f"{chosen.fusion}, {chosen.epochs} epochs, batch size {spec.training.batch_size}, float32"
    )
    print(setting, file=sys.stderr)
    return setting, {way: train(way, spec, asked, scratch / way) for way in WAYS}


def report(runs: Mapping[str, Run]) -> str:
    """Markdown: seconds and speed, then both curves and their largest difference."""
    slow = runs["chapter"].seconds
    lines = [
        "| way | seconds | of which encoding once | speed | CPU seconds |",
        "|---|---:|---:|---:|---:|",
    ]
    for way, run in runs.items():
        once = f"{run.first_pass:.1f}" if run.first_pass > 0.05 else "–"
        speed = f"{slow / run.seconds:.1f}x"
        cells = (f"{way}: {WAYS[way]}", f"{run.seconds:.1f}", once, speed, f"{run.cpu_seconds:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    steps = len(runs["chapter"].losses)
    shown = np.unique(np.linspace(0, steps - 1, _EVERY + 1).round().astype(int))
    lines += ["", f"| loss at step | {' | '.join(runs)} |", "|---:|---:|---:|"]
    for step in shown:
        values = " | ".join(f"{run.losses[step]:.5f}" for run in runs.values())
        lines.append(f"| {step + 1} | {values} |")
    lines += ["", f"Largest difference of any of {steps} losses: {difference(runs):.1e}"]
    return "\n".join(lines)


def difference(runs: Mapping[str, Run]) -> float:
    """The largest between the two ways' losses at one step."""
    chapter, thaw = (np.array(run.losses) for run in runs.values())
    return float(np.abs(chapter - thaw).max())


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, measure, print; 1 where the curves are not the same, or Thaw is not faster enough."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder as VQA v2 (default: drawn scenes)")
    parser.add_argument("--images", type=int, default=150, help="so many pictures")
    parser.add_argument("--text-encoder", default="minilm")
    parser.add_argument("--image-encoder", default="small", help="a folder, or a ViT-Tiny (small)")
    parser.add_argument("--fusion", choices=("sequence", "mean", "product"), default="sequence")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write both runs to this file")
    chosen = parser.parse_args(arguments)
    install()
    with tempfile.TemporaryDirectory(prefix="thaw-bench-") as scratch:
        setting, runs = measure(chosen, Path(scratch))
    print(report(runs))
    if chosen.json:
        content = {"setting": setting, "runs": {way: vars(run) for way, run in runs.items()}}
        chosen.json.write_text(json.dumps(content, indent=2))
    faster = runs["chapter"].seconds / runs["thaw"].seconds
    return 0 if difference(runs) <= TOLERANCE and faster >= FASTER else 1


if __name__ == "__main__":
    sys.exit(main())
