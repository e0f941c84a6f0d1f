"""Loading a model back in a fresh process: the proof that it stands by itself.

    python -m tasks.registry.verify TRACKING_URI MODEL_URI EXPECTED.json

Exits 0 if the model gives the expected probabilities, rewards or texts, 1 with a sentence if not.
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

from tasks.errors import ThawError
from tasks.storage import write_text

TOLERANCE = 1e-5  # float32 arithmetic in another process, possibly with other batches
TIMEOUT_SECONDS = 600


def verify_in_fresh_process(
    tracking_uri: str,
    model_uri: str,
    texts: list[str],
    answers: list[dict[str, Any]],
    scratch: Path,
) -> None:
    """Load `model_uri` in a new interpreter and compare its answers with `answers`.

    Raises:
        ThawError: it does not load, or answers differently.
    """
    expected = write_text(
        scratch / "expected.json", json.dumps({"texts": texts, "answers": answers})
    )
    command = [sys.executable, "-m", "tasks.registry.verify", tracking_uri, model_uri]
    try:
        done = subprocess.run(
            [*command, str(expected)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ThawError(
            f"The packaged model did not load within {TIMEOUT_SECONDS} s, so it is not registered."
        ) from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise ThawError(
            f"The packaged model failed its check in a fresh process, so it is not registered: "
            f"{last[0]}"
        )


def largest_difference(answers: list[dict[str, Any]], expected: list[dict[str, Any]]) -> float:
    """The largest absolute difference of any probability, confidence or reward.

    Infinite if the label sets differ or a probability is not a number, or where a model writes
    and a text differs.
    """
    worst = 0.0
    for answer, wanted in zip(answers, expected, strict=True):
        if "probabilities" not in wanted:  # a text, an answer's confidence, a reward
            worst = max(worst, _written_difference(answer, wanted))
            continue
        found, right = answer["probabilities"], wanted["probabilities"]
        if found.keys() != right.keys() or answer["labels"] != wanted["labels"]:
            return float("inf")
        differences = [abs(found[label] - right[label]) for label in right]
        if any(math.isnan(difference) for difference in differences):
            return float("inf")  # max() would pass over it
        worst = max([worst, *differences])
    return worst


def _written_difference(answer: dict[str, Any], wanted: dict[str, Any]) -> float:
    """Of what a model gave: figures may differ by arithmetic, all else may not."""
    sure = [name for name, value in wanted.items() if isinstance(value, float)]
    if answer.keys() != wanted.keys() or any(
        answer[name] != wanted[name] for name in wanted.keys() - sure
    ):
        return float("inf")
    differences = [abs(answer[name] - wanted[name]) for name in sure]
    return float("inf") if any(map(math.isnan, differences)) else max([0.0, *differences])


def main(arguments: list[str]) -> int:
    """The fresh process."""
    tracking_uri, model_uri, expected_file = arguments
    from tasks.tracking import Tracker

    expected = json.loads(Path(expected_file).read_text(encoding="utf-8"))
    model = Tracker(tracking_uri).load_pyfunc(model_uri)
    worst = largest_difference(model.predict(expected["texts"]), expected["answers"])
    if worst > TOLERANCE:
        writes = any("answer" in answer for answer in expected["answers"]) and math.isinf(worst)
        found = "it writes another text" if writes else f"its figures differ by up to {worst:.2g}"
        print(found, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
