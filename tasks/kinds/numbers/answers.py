"""What a model of a number answers, whatever it is made of."""

from typing import Any

import numpy as np


def answers(standard: np.ndarray, mean: float, deviation: float, unit: str) -> list[dict[str, Any]]:
    """What is said of each text: `number`, in units, and `unit` where there is one.

    Args:
        standard: (texts,) standardised.
        mean, deviation, unit: of the package.
    """
    beside = {"unit": unit} if unit else {}
    return [{"number": float(each) * deviation + mean, **beside} for each in standard]
