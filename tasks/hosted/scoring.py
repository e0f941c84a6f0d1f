"""From a hosted model's answers to probabilities over the labels."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tasks.hosted.answers import Answer
from tasks.network.replies import Reply

FLOOR = 1e-6
"""Probability of a label that is not among the tokens that the server names, before the row's
probabilities are made to add up to 1."""


def probabilities(
    ids: Sequence[str], answers: Mapping[str, Answer], labels: Sequence[str]
) -> tuple[np.ndarray, int]:
    """Every row's distribution over the labels, in the order of `ids`.

    Returns:
        (n, labels) in [0, 1], rows adding up to 1; and how many answers named no label at all.
        These get the same probability for every label: no answer is not a wrong answer that
        could be right by chance.
    """
    table = np.full((len(ids), len(labels)), 1 / len(labels))
    unparsable = 0
    for position, row in enumerate(ids):
        found = distribution(answers[row].reply, labels)
        if found is None:
            unparsable += 1
        else:
            table[position] = found
    return table, unparsable


def distribution(reply: Reply, labels: Sequence[str]) -> np.ndarray | None:
    """One answer's probabilities, or None if it names no label.

    A token counts for the label that it is without white space around it (the completion
    format's ` 5`, a chat's `5`); two tokens of one label add up. A server that gives no
    probabilities is taken at its word.
    """
    mass = np.zeros(len(labels))
    index = {label: column for column, label in enumerate(labels)}
    tokens = reply.alternatives or {reply.text: 0.0}
    for token, logarithm in tokens.items():
        column = index.get(token.strip())
        if column is not None:
            mass[column] += math.exp(min(logarithm, 0.0))
    if not mass.any():
        return None
    mass = np.where(mass > 0, mass, FLOOR)
    return np.asarray(mass / mass.sum())
