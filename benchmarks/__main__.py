"""`python -m benchmarks`: what docs/results.md claims about speed.

make bench                                                  all of them, one after the other
.venv/bin/python -m benchmarks --data SMSSpamCollection     options alone: of the classifier
.venv/bin/python -m benchmarks feedback --strategy full     one by name, with its options
.venv/bin/python -m benchmarks feedback --help              what its options are
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

BENCHMARKS = {
    "classifier": "a partly frozen classifier: plain loop, transformers' Trainer, Thaw",
    "evidence": "verdicts and intervals in simulated worlds whose truth is known",
    "feedback": "a step of PPO: one answer at a time, Thaw",
    "pictures": "questions about pictures with frozen encoders: encoded anew in every epoch, Thaw",
}
"""Name, which is also the module in this folder whose `main` runs it -> what it compares."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark with its options, or all with none; the highest of their exit codes."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0].startswith("-") and given[0] not in ("-h", "--help"):
        given.insert(0, "classifier")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="\n".join(f"  {name:12}{about}" for name, about in BENCHMARKS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "which", nargs="?", default="all", choices=["all", *BENCHMARKS], help="default: all"
    )
    which = parser.parse_args(given[:1]).which
    if which != "all":
        return _run(which, given[1:])
    if given[1:]:
        parser.error("all takes no options: name one benchmark to give it options")
    codes = []
    for name, about in BENCHMARKS.items():
        print(f"\n## {name}: {about}\n", flush=True)
        codes.append(_run(name, []))
    return max(codes)


def _run(name: str, options: Sequence[str]) -> int:
    code: int = importlib.import_module(f"benchmarks.{name}").main(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
