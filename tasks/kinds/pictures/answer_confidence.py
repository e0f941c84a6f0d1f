"""How sure a model is of an answer, as a probability of being right that was checked.

The product of an answer's token probabilities says how probable these words are, not how often
such answers are right: "grey" and "gray" share what is one answer to people. A single number T,
fitted on validation, puts that right as `calibration` does for classes: an answer is right or
wrong, and the log-odds of its product are divided by T. The order of answers stays the same.
"""

import math
from collections.abc import Sequence

import numpy as np

_LEAST = 1e-12
"""Products are kept this far from 0 and 1, whose log-odds are infinite."""


def calibrated(product: float, temperature: float) -> float:
    """The confidence: sigmoid(log-odds(product) / T).

    Args:
        product: of an answer's token probabilities, its end's among them; between 0 and 1.
        temperature: T, of `fit_confidence`; 1 leaves the product as it is.
    """
    return 1 / (1 + math.exp(-_log_odds(product) / temperature))


def fit_confidence(products: Sequence[float], scores: Sequence[float]) -> float:
    """The T with which confidences tell best how right answers are.

    Args:
        products: see `calibrated`.
        scores: how right each answer was, 0 to 1 (VQA accuracy, exact match).
    """
    from tasks.evaluation.calibration import fit_temperature  # scipy, which packages do without

    right = np.asarray(scores, dtype=np.float64)
    odds = np.array([_log_odds(product) for product in products])
    logits = np.stack([np.zeros_like(odds), odds], 1)
    return fit_temperature(logits, np.stack([1 - right, right], 1))


def _log_odds(product: float) -> float:
    kept = min(max(product, _LEAST), 1 - _LEAST)
    return math.log(kept / (1 - kept))
