"""Repeated texts: which of their rows stand for them, and which labels that leaves.

Two texts are the same where `tasks.texts.identity` is. Rows that repeat a text
with another label contradict each other, and what becomes of them is a rule that a user chooses
(`split.conflicts`):

    first      the row that comes first in the source stands, with its labels
    majority   the labels that most of the text's rows have stand; where two are equally frequent
               none does, and the text is left out of all parts
    drop       the text is left out of all parts

The rule looks at the rows of all parts to be, since it is applied before there are any. One thing
comes before it where the data gives rows their parts (`given.py`): rows that repeat the text of a
test row are out, so that the test part decides its own labels and training never sees them; so are
training rows that repeat one of validation.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Repeats:
    """What becomes of repeated texts.

    Attributes:
        stands: bool (rows,): False for a row that is out whatever else is decided. Of the others
            with one text the first is kept, if one is to be.
        conflicting: texts whose rows have different labels.
        unsettled: those of them that are left out.
        of_test: rows that are out because a row of a given part has their text.
    """

    stands: np.ndarray
    conflicting: int
    unsettled: int
    of_test: int

    @classmethod
    def none(cls, rows: int) -> "Repeats":
        """All rows stand."""
        return cls(np.ones(rows, dtype=bool), 0, 0, 0)


def settle(
    text: np.ndarray,
    labels: Sequence[Sequence[str]],
    rule: str,
    given: np.ndarray | None = None,
) -> Repeats:
    """Apply a rule of `split.conflicts`.

    Args:
        text: int (rows,): the number of each row's text, from 0.
        labels: the labels of each row.
        rule: `first`, `majority` or `drop`.
        given: int (rows,): the part that the data puts each row into, if it does; of rows of one
            text those of the latest part stand.
    """
    stands = np.ones(len(text), dtype=bool)
    if given is not None:
        stands = given == latest(text, given)[text]
    of_test = int((~stands).sum())
    answers: dict[int, list[tuple[int, frozenset[str]]]] = {}
    for row in np.flatnonzero(stands & (np.bincount(text)[text] > 1)).tolist():
        answers.setdefault(int(text[row]), []).append((row, frozenset(labels[row])))
    conflicting = unsettled = 0
    for answered in answers.values():
        counts = Counter(found for _, found in answered).most_common()
        if len(counts) == 1:
            continue
        conflicting += 1
        if rule == "first":
            continue
        tied = counts[0][1] == counts[1][1]
        winner = None if rule == "drop" or tied else counts[0][0]
        unsettled += winner is None
        for row, found in answered:
            stands[row] = found == winner
    return Repeats(stands, conflicting, unsettled, of_test)


def latest(unit: np.ndarray, given: np.ndarray) -> np.ndarray:
    """int (units,): the latest part that a row of each unit is given, -1 where none is.

    Args:
        unit: int (rows,): the unit (a text, say) of each row, from 0.
        given: int (rows,): the part of each row, or -1.
    """
    found = np.full(unit.max() + 1, -1, dtype=np.int64)
    np.maximum.at(found, unit, given)
    return found
