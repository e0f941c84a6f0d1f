"""What a sweep's data are, as a table of its page: rows, lengths and labels of each part."""

from typing import Any

import numpy as np

from tasks.config import PARTS
from tasks.evaluation.tables import Cell, Sheet
from tasks.kinds.values import Compared
from tasks.splitting.report import SplitReport
from tasks.storage import TableRef
from tasks.training.reading import Reading

MOST_LABELS, MOST_NAMED = 40, 8
COLUMNS = ("text", "question")
"""What a row says, in the first of these that a part has."""


def data_sheet(compared: Compared[Any, Any], reading: Reading | None) -> Sheet:
    """Rows, words and labels of each part (of the first fold), and what was left out and why.

    Args:
        compared: the sweep.
        reading: what the base model's tokenizer makes of the training texts.
    """
    parts = {name: compared.division.folds[0][name] for name in PARTS}
    rows = [("rows", [Cell(f"{part.rows:,}") for part in parts.values()])]
    if all(_column(part) for part in parts.values()):
        rows.append(("words a text", [_words(part) for part in parts.values()]))
    report = compared.division.report
    labels = {}
    if isinstance(report, SplitReport) and report.answer == "label":
        labels = report.labels
    frequent = sorted(labels.items(), key=lambda each: -sum(each[1].rows.values()))
    for label, spread in frequent[:MOST_LABELS]:
        counts = [(spread.rows.get(name, 0), part.rows) for name, part in parts.items()]
        rows.append((label, [Cell(f"{n:,}", f"{n / max(of, 1):.0%}") for n, of in counts]))
    more = len(frequent) - MOST_LABELS
    said = []
    if more > 0:
        said.append(f"Shown are the {MOST_LABELS} most frequent of {len(frequent):,} labels.")
    if reading is not None:
        said.append(reading.sentence[:1].upper() + reading.sentence[1:])
    return Sheet(
        heading="What the data are",
        note=" ".join([*said, *_left_out(compared), *_alike(report)]),
        columns=("", *(f"{name}" for name in parts)),
        rows=tuple((Cell(name), *cells) for name, cells in rows),
    )


def _column(part: TableRef) -> str | None:
    return next((name for name in COLUMNS if name in part.columns), None)


def _words(part: TableRef) -> Cell:
    texts = part.read([str(_column(part))]).iloc[:, 0]
    words = np.array([len(str(text).split()) for text in texts])
    if not len(words):
        return Cell("–")
    middle, most = np.percentile(words, [50, 95])
    return Cell(f"{middle:,.0f}", f"95 in 100 have at most {most:,.0f}")


def _left_out(compared: Compared[Any, Any]) -> list[str]:
    """Rows and labels that could not be used."""
    usable, said = compared.rows.usable, []
    if usable is not None:
        if usable.dropped:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in usable.dropped.items())
            said.append(f"Left out of {usable.rows:,} rows: {reasons}.")
        for labels, why in ((usable.rare, "too rare"), (usable.outside, "not of the given set")):
            if labels:
                some = [f"{label} ({count:,})" for label, count in labels.items()]
                rest = "…" if len(some) > MOST_NAMED else ""
                said.append(
                    f"{len(some):,} labels are {why}: {', '.join(some[:MOST_NAMED])}{rest}."
                )
    if compared.division.left_out:
        said.append(f"Left out: {'; '.join(compared.division.left_out)}.")
    return said


def _alike(report: object) -> list[str]:
    """Texts that stand more than once, or nearly so."""
    if not isinstance(report, SplitReport):
        return []
    said = []
    if report.repeated:
        said.append(f"{report.repeated:,} rows repeat the {report.noun} of another.")
    if report.near_clusters:
        said.append(
            f"{report.near_texts:,} {report.noun}s are nearly another's; all of a group are in one "
            "part."
        )
    if report.conflicting:
        said.append(f"{report.conflicting:,} repeated {report.noun}s have different answers.")
    return said
