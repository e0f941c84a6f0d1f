"""Figures without labels that say nothing of a row, beside those with them.

A label such as `Unknown` is as easy to learn as any, and lifts every mean over labels that it is
in. The arms were trained with it; here the same predictions are counted without its column, and
without the rows that have no other label.
"""

from collections.abc import Sequence

import numpy as np

from tasks.config import LabelsCase
from tasks.evaluation.metrics import compute
from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.evaluation.scoring import Scoring
from tasks.evaluation.tables import Cell, Sheet
from tasks.evaluation.wording import figure, metric_title

FIGURES = ("f1_micro", "roc_auc_hard_labels", "subset_accuracy", "jaccard_micro", "f1_macro")


def aside_sheet(
    outcomes: Sequence[Outcome], labels: Sequence[str], config: LabelsCase
) -> Sheet | None:
    """Every entry's figures at thresholds of 0.5 with and without; None where all labels speak.

    Args:
        outcomes: with predictions of the test part.
        labels: in the predictions' order.
        config: the case.
    """
    said = [label for label in labels if label in config.evaluation.set_aside]
    if not said or len(said) == len(labels):
        return None
    kept = np.array([label not in said for label in labels])
    rows = []
    for outcome in outcomes:
        found = read_predictions(outcome.test)
        with_a_label = found.truth[:, kept].any(1)
        for what, truth, answers in (
            (f"all {len(labels)} labels", found.truth, found.probabilities),
            (
                f"without {', '.join(said)}",
                found.truth[with_a_label][:, kept],
                found.probabilities[with_a_label][:, kept],
            ),
        ):
            figures = compute(Scoring(config.task), truth, answers)
            name = outcome.name if outcome.seed is None else f"{outcome.name}, seed {outcome.seed}"
            cells = (Cell(figure(figures[metric])) for metric in FIGURES)
            rows.append((Cell(name, f"{what}, {len(truth):,} rows"), *cells))
    return Sheet(
        heading=f"With and without {', '.join(said)}",
        note=(
            f"The same predictions of the test part, at thresholds of 0.5; without "
            f"{', '.join(said)}, rows that have no other label are left out."
        ),
        columns=("", *(metric_title(metric) for metric in FIGURES)),
        rows=tuple(rows),
    )
