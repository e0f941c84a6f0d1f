"""How fast a partly frozen classifier trains, four ways, in one process.

    .venv/bin/python -m benchmarks --data SMSSpamCollection --repeats 3
    .venv/bin/python -m benchmarks --model smollm2 --repeats 1 --json bench.json

The ways are those of `benchmarks/ways.py`, on the same rows, model, seed, epochs and learning
rate. Only training is timed; test accuracy is read afterwards.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from statistics import median

from benchmarks.setting import Setting, prepare
from benchmarks.ways import WAYS, Timing, measure
from flows.quiet import install

COLUMNS = (
    "way",
    "seconds",
    "speed",
    "by arithmetic",
    "accuracy",
    "tokens/s",
    "of matmul rate",
    "of ideal",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks classifier",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="an SMS file (default: the shipped sample)")
    parser.add_argument("--model", default="minilm", help="a name from conf/base_models.yaml")
    parser.add_argument("--strategy", default="last_1")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3, help="medians are shown")
    parser.add_argument(
        "--chapter-steps",
        type=int,
        help="time (a) for as many of its equal steps and scale up (it takes over ten minutes "
        "on the UCI file); its accuracy is then not known",
    )
    parser.add_argument("--ways", default=",".join(WAYS), help="which of the ways to measure")
    parser.add_argument("--json", type=Path, help="also write all timings to this file")
    chosen = parser.parse_args(arguments)
    install()
    names = chosen.ways.split(",")
    if unknown := set(names) - set(WAYS):
        parser.error(f"no such way: {', '.join(sorted(unknown))}; there are {', '.join(WAYS)}")
    with tempfile.TemporaryDirectory(prefix="thaw-bench-") as scratch:
        setting = prepare(chosen.data, chosen.model, chosen.strategy, chosen.epochs, Path(scratch))
        print(setting.describe(), file=sys.stderr)
        timings: dict[str, list[Timing]] = {name: [] for name in names}
        for repeat in range(chosen.repeats):
            for name in names:  # interleaved, so that a slow minute hits all of them
                timing = measure(name, setting, chosen.chapter_steps)
                timings[name].append(timing)
                print(f"{repeat + 1}/{chosen.repeats} {timing.summary}", file=sys.stderr)
    print(table(timings, setting))
    if chosen.json:
        content = {
            "setting": setting.describe(),
            "timings": {name: [vars(each) for each in all_] for name, all_ in timings.items()},
        }
        chosen.json.write_text(json.dumps(content, indent=2))
    return 0


def table(timings: dict[str, list[Timing]], setting: Setting) -> str:
    """Markdown; seconds are medians, `speed` is how many times faster than the first way.

    `by arithmetic` is the speed that the number of operations alone would give: what is above
    it comes from running them at a higher rate (bf16), what is below from everything else.
    """
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    first = median(each.seconds for each in next(iter(timings.values())))
    first_flops = next(iter(timings.values()))[0].flops
    for name, found in timings.items():
        seconds = median(each.seconds for each in found)
        accuracy = median(each.accuracy for each in found)
        rates = [each.tail_flops / each.tail_seconds / each.matmul_rate for each in found]
        tokens = setting.train_tokens * setting.epochs / median(each.tail_seconds for each in found)
        ideal = [each.seconds / each.ideal_seconds for each in found if each.ideal_seconds]
        cells = (
            WAYS[name],
            f"{seconds:.1f}",
            f"{first / seconds:.1f}x",
            f"{first_flops / found[0].flops:.1f}x",
            "–" if isnan(accuracy) else f"{accuracy:.3f}",
            f"{tokens:,.0f}",
            f"{median(rates):.0%}",
            f"{median(ideal):.2f}x" if ideal else "–",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
