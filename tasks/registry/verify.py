"""Loading a model back in a fresh process: the proof that it stands by itself.

From what was packaged alone (see `fresh.py`) it has to give the same probabilities, rewards or
texts as the model that was packaged.
"""

import math
from typing import Any

from tasks.errors import ThawError
from tasks.registry.fresh import load_fresh
from tasks.tracking import Tracker

TOLERANCE = 1e-5  # float32 arithmetic in another process, possibly with other batches


def verify_in_fresh_process(
    tracker: Tracker,
    model_uri: str,
    rows: list[Any],
    answers: list[dict[str, Any]],
    spread: float = 1.0,
) -> None:
    """Ask `model_uri` in a process that has its packaged code alone, and compare.

    Args:
        tracker: the store.
        model_uri: a logged model.
        rows: as its `predict` takes them.
        answers: what they have to come to.
        spread: how far answers usually lie apart, where they are numbers with a unit.

    Raises:
        ThawError: it does not load, or answers differently.
    """
    try:
        worst = largest_difference(load_fresh(tracker, model_uri).predict(rows), answers)
        if worst > TOLERANCE * spread:
            writes = any("answer" in answer for answer in answers) and math.isinf(worst)
            figures = f"its figures differ by up to {worst:.2g}"
            raise ThawError("it writes another text" if writes else figures)
    except (ThawError, KeyError, TypeError, ValueError) as error:  # answers of any form
        raise ThawError(
            f"The packaged model failed its check in a fresh process, so it is not registered: "
            f"{error}"
        ) from error


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
