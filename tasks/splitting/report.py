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


class LeftOut(Frozen):
    """Usable rows that are in no part, by the reason; each counts once."""

    repeated: int = 0
    """A row that stands for the same text is kept."""
    of_test: int = 0
    """A test row that the data names has the same text."""
    near_test: int = 0
    """Such a row has nearly the same text, or belongs to the same group."""
    conflicting: int = 0
    """The text's rows differ in labels, and these are not the ones that stand."""
    over_limit: int = 0
    """The part has as many rows as `split.rows` allows."""


class SplitReport(Frozen):
    """The split in numbers."""

    rows: int
    """Usable rows that came in."""
    parts: dict[str, int]
    """Part -> rows."""
    requested: dict[str, float]
    """Part -> share of the rows that was asked for."""
    repeated: int
    """Rows whose text another row has, less one a text."""
    dropped: int
    """Rows that are in no part."""
    left_out: LeftOut
    """Why."""
    conflicting: int
    """Repeated texts whose rows have different labels."""
    conflicts: str
    """The rule that was applied to them (`split.conflicts`)."""
    unsettled: int
    """Those of them that it leaves out."""
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


def notes_on(report: SplitReport, cut: Mapping[str, int]) -> tuple[str, ...]:
    """The sentences of a report.

    Args:
        report: all the rest of it.
        cut: part -> rows before any were left out to keep within `split.rows`.
    """
    left, notes = report.left_out, []
    if left.repeated:
        notes.append(f"Left out because an earlier row has the same text: {_rows(left.repeated)}.")
    if left.of_test:
        notes.append(f"Left out because a test row has the same text: {_rows(left.of_test)}.")
    if left.near_test:
        notes.append(
            "Left out because a test row has nearly the same text or is of the same group: "
            f"{_rows(left.near_test)}."
        )
    if report.conflicting:
        notes.append(_conflicts(report))
    total = sum(cut.values())
    for part, rows in cut.items():
        if abs(rows / total - report.requested[part]) > _OFF_BY:
            notes.append(
                f"Groups stay whole, so {part} has {rows / total:.1%} of the rows "
                f"where {report.requested[part]:.1%} were asked for."
            )
    for part, rows in cut.items():
        if report.parts[part] < rows:
            notes.append(f"Of {_rows(rows)} in {part}, split.rows keeps {report.parts[part]:,}.")
    for label, spread in report.labels.items():
        absent = [part for part, rows in spread.rows.items() if not rows]
        if absent:
            having = _rows(sum(spread.rows.values()))
            notes.append(f"Label {label!r} ({having}) is absent from {' and '.join(absent)}.")
    return tuple(notes)


def _conflicts(report: SplitReport) -> str:
    """What became of repeated texts whose rows differ in labels."""
    texts = f"Repeated texts whose rows differ in labels: {report.conflicting}"
    if report.conflicts == "first":
        kept = "the first row's stand" if report.left_out.repeated else "all were kept"
        return f"{texts}; {kept}."
    if report.conflicts == "drop":
        return f"{texts}; left out ({_rows(report.left_out.conflicting)})."
    settled = report.conflicting - report.unsettled
    return (
        f"{texts}; for {settled} the labels of most rows stand, and {report.unsettled}, whose "
        "most frequent labels are equally frequent, are left out."
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
