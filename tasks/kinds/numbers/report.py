"""Where the chosen arm's numbers are far off: a picture, and the rows with the largest errors."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tasks.evaluation.drawing import FAINT, INK, PALETTE, clean, to_svg
from tasks.evaluation.examples import RIGHT, WRONG, Examples, ends
from tasks.evaluation.numeric import NUMBER, PREDICTED
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import read_scored
from tasks.evaluation.wording import plain

SHOWN = 12  # rows


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
    return to_svg(picture)


def largest_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `predictions_of` that are furthest off, those first."""
    order = np.argsort(-np.abs(rows["error"].to_numpy()), kind="stable")
    return rows.iloc[order[:SHOWN]].reset_index(drop=True)


def number_examples(rows: pd.DataFrame, unit: str) -> Examples:
    """The rows of `predictions_of` that are furthest off, and then the closest."""
    shown = rows.iloc[ends(-np.abs(rows["error"].to_numpy()))]
    frame = pd.DataFrame(
        {
            "text": shown["text"].tolist(),
            "number": [plain(value) for value in shown[NUMBER]],
            "predicted": [plain(value) for value in shown[PREDICTED]],
            "error": [f"{'+' if value > 0 else ''}{plain(value)}" for value in shown["error"]],
        }
    )
    beside = f" In {unit}." if unit else ""
    note = f"Of the chosen arm on test: the {WRONG} furthest off first, then the {RIGHT} closest."
    return Examples(f"{note}{beside}", frame)
