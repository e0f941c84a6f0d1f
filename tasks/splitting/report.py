"""What a split came to, in numbers and sentences: logged with the run and shown in its report."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from tasks.config import Frozen

_OFF_BY = 0.02  # of all rows: parts further from the request than this are mentioned


class LabelSpread(Frozen):
    """Where the rows of one label went."""

    rows: dict[str, int]
    """Part -> rows with the label."""
    share: dict[str, float]
    """Part -> share of the label's rows, 0 to 1."""


class SplitReport(Frozen):
    """The split in numbers."""

    rows: int
    """Usable rows that came in."""
    parts: dict[str, int]
    """Part -> rows."""
    requested: dict[str, float]
    """Part -> share of the rows that was asked for."""
    repeated: int
    """Rows whose text an earlier row has."""
    dropped: int
    """Those of them that were left out."""
    conflicting: int
    """Repeated texts whose rows have different labels."""
    near_clusters: int
    """Clusters of two or more different texts that are nearly the same."""
    near_texts: int
    """Texts in these clusters."""
    groups: int
    """Groups that were assigned as a whole; a row that belongs to no other is one."""
    largest_group: str
    """Its shortest title, or its first row."""
    largest_group_rows: int
    """Rows of the largest group."""
    labels: dict[str, LabelSpread]
    """Label -> where its rows went."""
    notes: tuple[str, ...] = ()
    """What a reader should know of it, a sentence each."""


def spread_labels(
    counts: csr_array, names: tuple[str, ...], division: np.ndarray, parts: tuple[str, ...]
) -> dict[str, LabelSpread]:
    """Where each label's rows went.

    Args:
        counts: int (groups, labels), from `stratify.count_labels`, as are the `names`.
        division: int (groups,): the part of each group, a position in `parts`.
        parts: the parts' names.
    """
    found = np.array([counts[division == part].sum(axis=0) for part in range(len(parts))])
    totals = found.sum(axis=0)
    return {
        name: LabelSpread(
            rows=dict(zip(parts, found[:, label].tolist(), strict=True)),
            share=dict(zip(parts, (found[:, label] / totals[label]).tolist(), strict=True)),
        )
        for label, name in enumerate(names)
    }


def notes_on(
    parts: Mapping[str, int],
    requested: Mapping[str, float],
    labels: Mapping[str, LabelSpread],
    dropped: int,
    conflicting: int,
) -> tuple[str, ...]:
    """The sentences of a report; the arguments are its fields."""
    notes = []
    if dropped:
        notes.append(f"Left out because an earlier row has the same text: {_rows(dropped)}.")
    if conflicting:
        kept = "the first row's stand" if dropped else "all were kept"
        notes.append(f"Repeated texts whose rows differ in labels: {conflicting}; {kept}.")
    total = sum(parts.values())
    for part, rows in parts.items():
        if abs(rows / total - requested[part]) > _OFF_BY:
            notes.append(
                f"Groups stay whole, so {part} has {rows / total:.1%} of the rows "
                f"where {requested[part]:.1%} were asked for."
            )
    for label, spread in labels.items():
        absent = [part for part, rows in spread.rows.items() if not rows]
        if absent:
            having = _rows(sum(spread.rows.values()))
            notes.append(f"Label {label!r} ({having}) is absent from {' and '.join(absent)}.")
    return tuple(notes)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
