"""What a drafted case's texts and labels give reason to doubt, a sentence each."""

import re

import pandas as pd

from tasks.drafting.told import Told
from tasks.ingestion.labels import NO_VALUE

LOOKED_AT = 2_000
"""Rows in whose texts labels are looked for."""
GIVEN_AWAY = 0.5
"""Share of the texts that hold their own label from which on it is said."""


def doubts_of_texts(told: Told) -> list[str]:
    """Cells of the texts that may stand for none."""
    doubts = []
    for name in told.text:
        cells = told.columns[name].cells
        if no_text := sum(cell.strip().lower() in NO_VALUE for cell in cells):
            doubts.append(
                f"{no_text:,} rows of {name} hold a word for no value (NA, null …), which is read "
                "as a text: empty these cells if it stands for none"
            )
    return doubts


def doubts_of_labels(rows: pd.DataFrame) -> list[str]:
    """Texts that give their label away, and equal texts with different labels."""
    known = [
        (" ".join(text.lower().split()), tuple(labels))
        for text, labels in zip(rows["text"], rows["labels"], strict=True)
        if isinstance(text, str) and len(labels)
    ]
    doubts = []
    looked = known[:LOOKED_AT]
    own = sum(_holds(text, labels) for text, labels in looked)
    # By chance: labels of the rows in the opposite order, where they are others.
    backwards = zip(looked, reversed(looked), strict=True)
    other = sum(_holds(text, far) for (text, near), (_, far) in backwards if near != far)
    if own > GIVEN_AWAY * len(looked) and own > 2 * other:
        doubts.append(
            f"{own / len(looked):.0%} of the texts hold the name of their own label: where texts "
            "to come do not, a model that has learned to read it off is lost; take it out of them"
        )
    found: dict[str, set[tuple[str, ...]]] = {}
    for text, labels in known:
        found.setdefault(text, set()).add(labels)
    torn = sum(len(found[text]) > 1 for text, _ in known)
    if torn:
        doubts.append(f"{they_are(torn, 'row')} equal in text to another row with another label")
    return doubts


def _holds(text: str, labels: tuple[str, ...]) -> bool:
    """Whether a label's name stands in a text, as a word."""
    names = (re.escape(label.lower()) for label in labels if len(label) > 2)
    return any(re.search(rf"(?<!\w){name}(?!\w)", text) for name in names)


def they_are(count: int, what: str) -> str:
    """`1 row is`, `2 rows are`."""
    return f"{count:,} {what} is" if count == 1 else f"{count:,} {what}s are"
