"""Where the chosen arm's numbers are far off: a picture, and the rows with the largest errors."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tasks.evaluation.drawing import FAINT, INK, PALETTE, clean, to_png
from tasks.evaluation.numeric import NUMBER, PREDICTED
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import read_scored
from tasks.evaluation.tables import Cell, Sheet
from tasks.evaluation.wording import plain

SHOWN = 12  # rows
LONGEST = 400  # characters of a text that a table shows


def predictions_of(outcome: Outcome) -> pd.DataFrame:
    """`id`, `text`, `number`, `predicted` and `error` (predicted less number) of the test rows."""
    frame = read_scored(outcome.test).frame
    errors = frame[PREDICTED] - frame[NUMBER]
    return frame[["id", "text", NUMBER, PREDICTED]].assign(error=errors)


def truth_against_prediction(rows: pd.DataFrame, name: str, what: str) -> bytes:
    """Every test row: its number to the right, what was predicted upwards.

    Args:
        rows: of `predictions_of`.
        name: of the arm.
        what: the number is, with its unit.
    """
    picture = Figure(figsize=(5.6, 5.4), layout="constrained")
    axes = clean(picture.add_subplot())
    both = rows[[NUMBER, PREDICTED]].to_numpy()
    ends = [both.min(), both.max()]
    axes.plot(ends, ends, color=FAINT, lw=1, ls=(0, (5, 3)))
    axes.scatter(rows[NUMBER], rows[PREDICTED], s=16, color=PALETTE[0], alpha=0.6, lw=0)
    axes.set_xlabel(what)
    axes.set_ylabel(f"predicted {what}")
    picture.suptitle(
        f"{name} on test: rows on the dashed line are predicted exactly",
        fontsize=9,
        color=INK,
        wrap=True,
    )
    return to_png(picture)


def largest_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `predictions_of` that are furthest off, those first."""
    order = np.argsort(-np.abs(rows["error"].to_numpy()), kind="stable")
    return rows.iloc[order[:SHOWN]].reset_index(drop=True)


def error_sheet(rows: pd.DataFrame, unit: str) -> Sheet:
    """What `largest_errors` found, for readers."""
    beside = f" In {unit}." if unit else ""
    return Sheet(
        heading="The largest errors",
        note=f"Of the chosen arm on test, the furthest off first.{beside}",
        columns=("text", "number", "predicted"),
        rows=tuple(
            (
                Cell(_short(row["text"])),
                Cell(plain(row[NUMBER])),
                Cell(plain(row[PREDICTED]), "too high" if row["error"] > 0 else "too low"),
            )
            for row in rows.to_dict("records")
        ),
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
