"""The paths that only a GPU takes, run once: does each use it, how fast, in how much memory.

    benchmarks/gpu.sh              under eight minutes on one GPU, nothing fetched

Models have the chapters' sizes (BERT-base, GPT-2, DistilBERT, ViT-B/16) and random weights, texts
are made of words of their vocabularies: speed and memory do not depend on what either means. Every
run goes the whole way of `thaw run`, from a file to the comparison, in a store of its own. A run
that gives the GPU no work to do makes the script fail.
"""

import argparse
import csv
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.arithmetic import matmul_rate
from benchmarks.gpu_models import Sizes, make_models

NO_GPU = (
    "benchmarks/gpu.sh needs a GPU that torch sees, and torch.cuda.is_available() is false: "
    "nothing was run."
)
COLUMNS = ("run", "seconds", "trunk pass", "tokens/s", "of matrix rate", "peak MB", "on the GPU")


@dataclass(frozen=True)
class Run:
    """One `thaw run`.

    Attributes:
        case: of `conf/`.
        overrides: of its sample profile.
        tokens: of an example (labels, pictures) or an answer (policies).
        weights: numbers in the transformer blocks, of which a token's arithmetic is made.
    """

    name: str
    case: str
    overrides: tuple[str, ...]
    tokens: int
    weights: int


@dataclass(frozen=True)
class Row:
    """What one arm came to; `share` is of the device's matrix rate, `work` what the GPU was given.

    Attributes:
        work: bytes that were allocated on the GPU during its run, one after another.
    """

    run: str
    strategy: str
    seconds: float
    trunk: float | None
    tokens_per_second: float | None
    share: float | None
    peak: float
    work: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything, print a table; 1 where a run did not use the GPU, 2 where there is none."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/gpu.sh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", help="runs by name, with commas between (default: all)")
    parser.add_argument(
        "--try-on-cpu",
        action="store_true",
        help="tiny models on the CPU: shows that the script runs, and measures nothing",
    )
    chosen = parser.parse_args(arguments)
    if not torch.cuda.is_available() and not chosen.try_on_cpu:
        print(NO_GPU, file=sys.stderr)
        return 2
    sizes = Sizes.tiny() if chosen.try_on_cpu else Sizes.chapters()
    device = "cpu" if chosen.try_on_cpu else "cuda"
    with tempfile.TemporaryDirectory(prefix="thaw-gpu-") as scratch:
        for name in ("THAW_RUNS", "THAW_STORE", "THAW_CACHE"):
            os.environ[name] = str(Path(scratch) / name)
        rate = _rate(device, sizes)
        print(f"{_device(device)}: {rate / 1e12:,.1f} TFLOP/s of matrices", flush=True)
        runs = make_runs(Path(scratch), sizes)
        wanted = chosen.only.split(",") if chosen.only else [run.name for run in runs]
        if unknown := set(wanted) - {run.name for run in runs}:
            parser.error(f"no such run: {', '.join(sorted(unknown))}")
        rows = [row for run in runs if run.name in wanted for row in measured(run, rate)]
    print(table(rows))
    idle = sorted({row.run for row in rows if row.work == 0})
    if idle and device == "cuda":
        print(f"The GPU was given nothing to do by {', '.join(idle)}.", file=sys.stderr)
        return 1
    return 0


def make_runs(scratch: Path, sizes: Sizes) -> list[Run]:
    """Models and data, and what is run on them."""
    models = make_models(scratch / "models", sizes)
    labelled = _texts(scratch / "labelled.csv", sizes, ("text", "label"))
    pairs = _texts(scratch / "pairs.csv", sizes, ("prompt", "completion"))
    common = ("evaluation.bootstrap=100", "registry.enabled=false", "split.near_duplicates=null")
    bert = (
        f"data.path={labelled}",
        "data.labels=[negative,positive]",
        f"model.base={models['bert']}",
        f"model.max_length={sizes.tokens}",
        "training.epochs=1",
        "training.batch_size=16",
        "evaluation.baseline_c=[1.0]",
        *common,
    )
    gpt2 = f"model.base={models['gpt2']}"
    rl = {
        "steps": 3,
        "batch_size": 16,
        "mini_batch_size": 8,
        "epochs": 2,
        "max_new_tokens": sizes.answer,
        "held_out_every": 3,
    }
    return [
        Run(
            "labels",
            "imdb",
            (*bert, "strategies=[full,freeze_4,lora_8]"),
            sizes.tokens,
            sizes.blocks,
        ),
        Run(
            "labels, no trunk",
            "imdb",
            (*bert, "strategies=[freeze_4]", "training.trunk=off"),
            sizes.tokens,
            sizes.blocks,
        ),
        Run(
            "sft",
            "sft",
            (
                f"data.path={pairs}",
                gpt2,
                f"model.max_length={2 * sizes.tokens}",
                "strategies=[full]",
                "training.epochs=1",
                "training.batch_size=8",
                "language.answers=2",
                f"language.max_new_tokens={sizes.answer}",
                *common,
            ),
            sizes.tokens,
            sizes.blocks,
        ),
        Run(
            "ppo",
            "sawyer_rl",
            (
                f"data.path={pairs}",
                gpt2,
                f"model.max_length={2 * sizes.tokens}",
                "rewards=[{function: length}]",
                "strategies=[full]",
                "language.template=bare",
                "split.rows={validation: 8, test: 8}",
                *(f"rl.{name}={value}" for name, value in rl.items()),
                *common,
            ),
            sizes.answer,
            sizes.blocks,
        ),
        Run(
            "vqa",
            "vqa",
            (
                f"vqa.scenes={sizes.scenes}",
                gpt2,
                f"vqa.text_encoder={models['distilbert']}",
                f"vqa.image_encoder={models['vit']}",
                "strategies=[nothing,encoders]",
                "training.epochs=1",
                "training.batch_size=16",
                "evaluation.bootstrap=100",
                "registry.enabled=false",
            ),
            0,
            sizes.blocks,
        ),
    ]


def measured(run: Run, rate: float) -> Iterator[Row]:
    """Its arms, one after the other.

    A token costs two operations a weight forward and four backward where all weights train; that
    is the whole arithmetic of `full`, and of the others what they would need without savings.
    """
    from flows.catalogue import flow_of
    from flows.quiet import install

    install()
    print(f"{run.name} …", flush=True)
    before, started = _allocated(), time.perf_counter()
    overrides = _as_form(run)
    result = flow_of(run.case)(overrides=overrides)
    work = _allocated() - before
    print(f"{run.name}: {time.perf_counter() - started:.0f} s in all", flush=True)
    for entry in result.comparison.arms:
        costs = {name: cost.value for name, cost in entry.costs.items()}
        tokens = costs.get("tokens_per_second") or costs.get("examples_per_second", 0) * run.tokens
        yield Row(
            run=run.name,
            strategy=str(entry.strategy),
            seconds=costs.get("train_seconds", float("nan")),
            trunk=costs.get("trunk_seconds"),
            tokens_per_second=tokens or None,
            share=6 * run.weights * tokens / rate if tokens and entry.strategy == "full" else None,
            peak=costs.get("peak_memory_mb", float("nan")),
            work=work,
        )


def _as_form(run: Run) -> Any:
    from flows.overrides import overrides_of

    return overrides_of(run.overrides, run.case)


def table(rows: Sequence[Row]) -> str:
    """As Markdown; last, how many times as fast a frozen bottom trains with the trunk."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    dash: Callable[[float | None, str], str] = lambda value, form: (  # noqa: E731 - a column's form
        "–" if value is None else format(value, form)
    )
    for row in rows:
        cells = (
            f"{row.run}: {row.strategy}",
            dash(row.seconds, ",.1f"),
            dash(row.trunk, ",.1f"),
            dash(row.tokens_per_second, ",.0f"),
            dash(row.share, ".0%"),
            dash(row.peak, ",.0f"),
            "yes" if row.work else "no",
        )
        lines.append("| " + " | ".join(cells) + " |")
    frozen = {row.run: row for row in rows if row.strategy == "freeze_4"}
    if len(frozen) == 2:
        kept, anew = frozen["labels"], frozen["labels, no trunk"]
        whole = kept.seconds + (kept.trunk or 0)
        lines.append(
            f"\nfreeze_4 with the trunk: {kept.seconds:.1f} s an epoch and {kept.trunk or 0:.1f} s "
            f"once; without: {anew.seconds:.1f} s an epoch ({anew.seconds / whole:.2f}x in one "
            f"epoch, {anew.seconds / kept.seconds:.2f}x in each further one)."
        )
    return "\n".join(lines)


def _texts(path: Path, sizes: Sizes, columns: tuple[str, str]) -> Path:
    """Rows of so many tokens, every word of which is one."""
    chance = random.Random(0)  # noqa: S311 - test data
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for number in range(sizes.rows):
            words = " ".join(chance.choices(sizes.words, k=sizes.tokens - 2))
            other = ("negative", "positive")[number % 2]
            if columns[1] != "label":
                other = " ".join(chance.choices(sizes.words, k=sizes.answer))
            writer.writerow([words, other])
    return path


def _rate(device: str, sizes: Sizes) -> float:
    fast = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    dtype = torch.bfloat16 if fast else torch.float32
    return matmul_rate(dtype, sizes.matrix, 1.0 if device == "cuda" else 0.1, device)


def _device(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "the CPU, to try the script out"


def _allocated() -> int:
    """Bytes that were ever allocated on the GPU; it only grows."""
    if not torch.cuda.is_available():
        return 0
    return int(torch.cuda.memory_stats().get("allocated_bytes.all.allocated", 0))


if __name__ == "__main__":
    sys.exit(main())
