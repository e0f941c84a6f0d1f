"""Test rows with what the chosen arm made of them: its surest mistakes first, then what it got
right."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.evaluation.tables import Cell, Sheet, Tone
from tasks.evaluation.wording import figure

WRONG, RIGHT = 12, 6
"""Rows that are shown at most."""
LONGEST = 400  # characters of a text that a page shows
KEPT = 4_000  # and that the table beside it keeps


@dataclass(frozen=True)
class Examples:
    """Rows to be shown, in their order.

    Attributes:
        note: how they were chosen.
        frame: a column for each that is shown, of texts and numbers, under its heading.
        right: whether each row is right; None where that is a matter of degree.
        pictures: the address of a picture for each row; none where rows have none.
    """

    note: str
    frame: pd.DataFrame
    right: np.ndarray | None = None
    pictures: Sequence[str | None] = ()

    def sheet(self) -> Sheet:
        """For readers, its texts shortened."""
        return Sheet(
            heading="Examples from the test part",
            note=self.note,
            columns=("", *map(str, self.frame.columns)) if self.told else tuple(self.frame.columns),
            rows=tuple(self._row(place) for place in range(len(self.frame))),
        )

    @property
    def told(self) -> bool:
        """Whether a row says if it is right."""
        return self.right is not None

    def _row(self, place: int) -> tuple[Cell, ...]:
        cells = [_cell(value) for value in self.frame.iloc[place]]
        if self.pictures:
            cells[0] = Cell(cells[0].main, picture=self.pictures[place] or "")
        if self.right is None:
            return tuple(cells)
        tone: Tone = "better" if self.right[place] else "worse"
        return (Cell("right" if self.right[place] else "wrong", tone=tone), *cells)

    def json(self) -> str:
        """As the table that MLflow's page of evaluations reads, texts nearly whole."""
        told = {} if self.right is None else {"right": [bool(each) for each in self.right]}
        frame = self.frame.assign(**told)
        rows = [
            [value[:KEPT] if isinstance(value, str) else value for value in row]
            for row in frame.astype(object).to_numpy().tolist()
        ]
        return json.dumps({"columns": [str(name) for name in frame.columns], "data": rows})


def pick(sureness: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Positions of the rows to show: wrong ones, then right ones, the surest of each first.

    Args:
        sureness: (rows,).
        right: (rows,) of bool.
    """
    order = np.argsort(-sureness, kind="stable")
    good = right[order].astype(bool)
    return np.concatenate([order[~good][:WRONG], order[good][:RIGHT]])


def ends(score: np.ndarray) -> np.ndarray:
    """Positions of the rows of the lowest score, then of the highest, the furthest out first."""
    order = np.argsort(score, kind="stable")
    low = order[: min(WRONG, len(order))]
    high = order[len(low) :][::-1][:RIGHT]
    return np.concatenate([low, high])


def _cell(value: object) -> Cell:
    if isinstance(value, float | np.floating):
        return Cell(figure(float(value)))
    text = str(value)
    return Cell(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
