"""Texts of the test part with their labels and what the chosen arm said, right and wrong."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tasks.config.base import Task
from tasks.evaluation.examples import Examples, pick
from tasks.evaluation.metrics import decide
from tasks.evaluation.outcomes import Outcome, read_predictions, thresholds_of
from tasks.evaluation.wording import figure


def label_examples(
    outcome: Outcome, texts: Mapping[str, str], labels: Sequence[str], task: Task
) -> Examples:
    """The surest mistakes, then the surest right answers.

    Args:
        outcome: the arm.
        texts: of the test part, by example id.
        labels: their names, in column order.
        task: of classes, a row has its most probable one; of labels, all above their thresholds.
    """
    table = read_predictions(outcome.test)
    truth = table.truth.astype(bool)
    given = decide(task, table.probabilities, thresholds_of(outcome, table)).astype(bool)
    wrong = given != truth
    right = ~wrong.any(1)
    if task == "single_label":
        sureness, what = table.probabilities.max(1), "the probability of the answer"
    else:
        # Of a wrong row, how sure its worst mistake was; of a right one, its least sure label.
        sure = np.where(given, table.probabilities, 1 - table.probabilities)
        sureness = np.where(right, sure.min(1), np.where(wrong, sure, 0).max(1))
        what = "that of its surest mistake, or of the least sure label of a right row"
    rows = pick(sureness, right)
    named = np.asarray(labels, dtype=object)

    def said(row: int) -> str:
        found = sorted(
            np.flatnonzero(given[row]), key=lambda label: -table.probabilities[row, label]
        )
        told = (f"{named[label]} {figure(table.probabilities[row, label], 2)}" for label in found)
        return ", ".join(told) or "none"

    frame = pd.DataFrame(
        {
            "text": [texts.get(table.ids[row], "") for row in rows],
            "truth": [", ".join(named[truth[row]]) or "none" for row in rows],
            "answer, with its probability": [said(row) for row in rows],
            "sureness": [float(sureness[row]) for row in rows],
        }
    )
    count = f"{int((~right).sum()):,} of {len(right):,} test rows are not wholly right."
    if task == "single_label":
        count = f"{int((~right).sum()):,} of {len(right):,} test rows are wrong."
    note = (
        f"{count} {outcome.name} on test: the surest mistakes first, then the surest right ones; "
    )
    return Examples(f"{note}sureness is {what}.", frame, right[rows])
