"""What a classifier answers, whatever it is made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def answers(
    probabilities: np.ndarray, task: str, labels: Sequence[str], thresholds: Sequence[float]
) -> list[dict[str, Any]]:
    """What a classifier says of each row of probabilities, see `Package.predict`."""
    found = []
    for row in probabilities:
        if task == "multi_label":
            passing = [i for i, p in enumerate(row) if p >= thresholds[i]]
        else:
            passing = [int(row.argmax())]
        passing.sort(key=lambda i: -row[i])
        found.append(
            {
                "labels": [labels[i] for i in passing],
                "scores": [float(row[i]) for i in passing],
                "probabilities": {label: float(p) for label, p in zip(labels, row, strict=True)},
            }
        )
    return found
