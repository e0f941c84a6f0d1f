"""How the chosen arm does on each label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.evaluation.tables import Cell, Sheet
from tasks.evaluation.wording import figure


def per_label(outcome: Outcome, labels: Sequence[str]) -> pd.DataFrame:
    """How an arm does on each label of the test part, the most frequent label first.

    Returns:
        Columns `label`, `support` and `predicted` (rows), `precision`, `recall`, `f1`,
        `average_precision` and `threshold`; NaN where a figure is undefined (precision without
        a prediction, recall without a positive row).
    """
    table = read_predictions(outcome.test)
    thresholds = np.asarray(outcome.thresholds or [0.5] * len(labels))
    truth, found = table.truth == 1, table.probabilities >= thresholds
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
                "threshold": thresholds,
            }
        )
    return figures.sort_values(["support", "label"], ascending=[False, True], ignore_index=True)


def labels_sheet(table: pd.DataFrame, name: str) -> Sheet:
    """A table of `per_label` as a sheet."""
    counts, figures = ("support", "predicted"), ("precision", "recall", "f1", "average_precision")
    rows = tuple(
        (
            Cell(str(row["label"])),
            *(Cell(f"{row[column]:,}") for column in counts),
            *(Cell(figure(row[column])) for column in figures),
            Cell(figure(row["threshold"], 2)),
        )
        for row in table.to_dict("records")
    )
    return Sheet(
        heading=f"Labels of {name}",
        note="On the test part, at the threshold of each label.",
        columns=(
            "",
            "Rows",
            "Predicted",
            "Precision",
            "Recall",
            "F1",
            "Average precision",
            "Threshold",
        ),
        rows=rows,
    )
