"""How the chosen arm does on each label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from tasks.config.base import Task
from tasks.evaluation.findings import FEWEST
from tasks.evaluation.metrics import decide
from tasks.evaluation.outcomes import Outcome, read_predictions, thresholds_of
from tasks.evaluation.tables import Cell, Sheet
from tasks.evaluation.wording import NOT_ESTIMABLE, figure


def per_label(outcome: Outcome, labels: Sequence[str], task: Task = "multi_label") -> pd.DataFrame:
    """How an arm does on each label of the test part, the most frequent label first.

    Returns:
        Columns `label`, `support` and `predicted` (rows), `precision`, `recall`, `f1`,
        `average_precision`, and in multi-label cases `threshold` (over folds: their mean);
        NaN where a figure is undefined (precision without a prediction, recall without a positive
        row).
    """
    table = read_predictions(outcome.test)
    thresholds = thresholds_of(outcome, table)
    truth, found = table.truth == 1, decide(task, table.probabilities, thresholds)
    hits, predicted, support = (truth & found).sum(0), found.sum(0), truth.sum(0)
    with np.errstate(invalid="ignore"):
        figures = pd.DataFrame(
            {
                "label": list(labels),
                "support": support,
                "predicted": predicted,
                "precision": hits / predicted,
                "recall": hits / support,
                "f1": 2 * hits / (predicted + support),
                "average_precision": [
                    average_precision_score(truth[:, j], table.probabilities[:, j])
                    if 0 < support[j] < len(truth)
                    else np.nan
                    for j in range(len(labels))
                ],
            }
        )
    if task == "multi_label":
        figures["threshold"] = np.atleast_2d(thresholds).mean(0) if len(thresholds) else 0.5
    return figures.sort_values(["support", "label"], ascending=[False, True], ignore_index=True)


def _figure(value: float, support: int) -> Cell:
    """A label's figure; of too few rows it stands small, below the word that says so."""
    if support >= FEWEST or np.isnan(value):
        return Cell(figure(value))
    return Cell(NOT_ESTIMABLE, f"here {figure(value)}")


def labels_sheet(table: pd.DataFrame, name: str) -> Sheet:
    """A table of `per_label` as a sheet."""
    tuned = "threshold" in table.columns
    counts, figures = ("support", "predicted"), ("precision", "recall", "f1", "average_precision")
    rows = tuple(
        (
            Cell(str(row["label"])),
            *(Cell(f"{row[column]:,}") for column in counts),
            *(_figure(row[column], row["support"]) for column in figures),
            *([Cell(figure(row["threshold"], 2))] if tuned else []),
        )
        for row in table.to_dict("records")
    )
    return Sheet(
        heading=f"{'Labels' if tuned else 'Classes'} of {name}",
        note="On the test part, at the threshold of each label."
        if tuned
        else "On the test part; the answer to a text is its most probable class.",
        columns=(
            "",
            "Rows",
            "Predicted",
            "Precision",
            "Recall",
            "F1",
            "Average precision",
            *(["Threshold"] if tuned else []),
        ),
        rows=rows,
    )
