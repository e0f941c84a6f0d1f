"""Expected and generated formulas side by side, as a picture.

matplotlib's mathtext draws a part of LaTeX (no matrices, no cases); what it cannot draw is shown
as the text that it is.
"""

import re
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

from tasks.evaluation.drawing import FAINT, INK, PALETTE, to_png

ROWS = 20
_SIZE = 13.0  # points
_ROW, _TOP = 0.55, 0.45  # inches
_COLUMNS = (("", 0.35), ("asked", 4.2), ("expected", 4.0), ("generated", 4.0))
_TEXT_LENGTH = 48  # characters of a formula that is shown as text
_MATCH, _OTHER = PALETTE[2], PALETTE[1]
# Commands that mathtext lacks, and what it draws alike. Longer names are others: \left is no \le.
_SYNONYMS = {
    "le": r"\leq",
    "ge": r"\geq",
    "ne": r"\neq",
    "to": r"\rightarrow",
    "gets": r"\leftarrow",
    "land": r"\wedge",
    "lor": r"\vee",
    "lnot": r"\neg",
    "implies": r"\Rightarrow",
    "iff": r"\Leftrightarrow",
    "mid": "|",
    "lvert": "|",
    "rvert": "|",
    "tfrac": r"\frac",
    "limits": "",
    "nolimits": "",
    "displaystyle": "",
    "textstyle": "",
    "bmod": r"\ \mathrm{mod}\ ",
}
_COMMAND = re.compile(r"\\([A-Za-z]+)")


def formulas(frame: pd.DataFrame, rows: int = ROWS) -> bytes | None:
    """The first answers of a test table, a line each.

    Args:
        frame: `prompt`, `expected`, `generated` and `normalised_match`, as
            `completions.put_completions` keeps them.
        rows: at most so many.

    Returns:
        A PNG, or None where nothing was generated.
    """
    if "generated" not in frame or frame.empty:
        return None
    frame = frame.head(rows)
    width, height = sum(size for _, size in _COLUMNS), _TOP + _ROW * len(frame)
    picture = Figure(figsize=(width, height))
    starts = [sum(size for _, size in _COLUMNS[:place]) for place in range(len(_COLUMNS))]

    def put(text: str, column: int, line: float, colour: str, **style: Any) -> None:
        y = 1 - (_TOP + _ROW * (line + 0.5)) / height
        picture.text((starts[column] + 0.1) / width, y, text, color=colour, va="center", **style)

    for column, (title, _) in enumerate(_COLUMNS):
        put(title, column, -0.85, FAINT, fontsize=10)
    for line, row in enumerate(frame.to_dict("records")):
        matches = bool(row["normalised_match"])
        colour = _MATCH if matches else _OTHER
        put("=" if matches else "≠", 0, line, colour, fontsize=_SIZE)
        put(_cut(str(row["prompt"]), 60), 1, line, INK, fontsize=9, parse_math=False)
        for column, name, ink in ((2, "expected", INK), (3, "generated", colour)):
            text, style = shown(str(row[name]), _COLUMNS[column][1])
            put(text, column, line, ink, **style)
    return to_png(picture)


def shown(tex: str, width: float) -> tuple[str, dict[str, Any]]:
    """A formula as matplotlib's text takes it: drawn where it can be, shrunk to the width.

    Args:
        tex: the formula.
        width: of its column, in inches.

    Returns:
        The text and its style.
    """
    drawable = _drawable(tex)
    try:
        parsed = MathTextParser("path").parse(drawable, dpi=72, prop=FontProperties(size=_SIZE))
    except (ValueError, RuntimeError):  # what mathtext raises on what it does not know
        plain = {"fontsize": 8, "family": "monospace", "parse_math": False}
        return _cut(tex or "(nothing)", _TEXT_LENGTH), plain
    room = (width - 0.2) * 72  # points
    return drawable, {"fontsize": min(_SIZE, _SIZE * room / max(parsed.width, 1e-9))}


def _drawable(tex: str) -> str:
    """The formula between dollars, with mathtext's names for what it draws alike."""
    inner = tex.strip().strip("$").replace("$", r"\$").replace("\n", " ")
    return "$" + _COMMAND.sub(lambda m: _SYNONYMS.get(m[1], m[0]), inner) + "$"


def _cut(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
