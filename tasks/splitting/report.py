"""What a split came to, in numbers and sentences: logged with the run and shown in its report."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.config import PARTS, Frozen, Part

_ABSENT_NAMED = 5  # labels that a part lacks; more are counted
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
    """A row that the data puts into another part has the same text: the test part's stands before
    validation's, and both before what is dealt."""
    near_test: int = 0
    """Such a row has nearly the same text, or belongs to the same group."""
    conflicting: int = 0
    """The text's rows differ in labels, and these are not the ones that stand."""
    over_limit: int = 0
    """The part has as many rows as `split.rows` allows."""
    crossing: int = 0
    """A row of another part is nearly the same all the same: a cluster was too large for one
    part, or the pair was seen late."""
    tying: int = 0
    """A new row that would tie rows recorded in different parts."""
    parted: int = 0
    """A recorded row that is known by now to belong to rows of another part."""


class Alike(Frozen):
    """How like test rows are to rows of train and validation, by edit similarity."""

    rows: int
    """Test rows that were compared."""
    exact: bool
    """Whether that is all of them with all; otherwise a sample with the likeliest."""
    at: dict[int, int]
    """Per cent of similarity -> test rows of which another part has a row so much alike."""
    left: int
    """Rows that were left out because they were nearly a test row all the same."""


class SplitReport(Frozen):
    """The split in numbers."""

    rows: int
    """Usable rows that came in."""
    noun: str
    """What rows are told by: text, prompt, picture."""
    answer: str = "label"
    """What rows have: a label, a number."""
    given: tuple[Part, ...] = ()
    """Parts whose rows the data names."""
    folds: int | None
    """How many folds there are (none: one split)."""
    parts: tuple[dict[Part, int], ...]
    """Part -> rows, for the split or for each fold."""
    units: tuple[dict[Part, int], ...]
    """Part -> units, for the split or for each fold."""
    requested: dict[Part, float]
    """Part -> share of the rows that was asked for."""
    repeated: int
    """Rows whose text another row has, less one a text."""
    dropped: int
    """Rows that are in no part (of the first fold)."""
    left_out: LeftOut
    """Why."""
    lineage: str
    """What is to be known of the record of earlier splits; empty where there is nothing."""
    recorded: int | None
    """Rows in use whose part was recorded by an earlier split; None where there was none."""
    new: int
    """Rows in use that were dealt anew."""
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
    alike: Alike | None = None
    """How like test and train are (of the first fold); None where likeness plays no part."""
    groups: int
    """Groups that were assigned as a whole; a row that belongs to no other is one."""
    largest_group: str
    """Its shortest title, or its first row."""
    largest_group_rows: int
    """Rows of the largest group."""
    labels: dict[str, LabelSpread]
    """Label -> where its rows went (in the first fold); none where rows have none."""
    notes: tuple[str, ...] = ()
    """What a reader should know of it, a sentence each."""


def spread_labels(labels: Sequence[Sequence[str]], part: np.ndarray) -> dict[str, LabelSpread]:
    """Where each label's rows went.

    Args:
        labels: of each row.
        part: the part of each row.
    """
    found: dict[str, dict[str, int]] = {}
    for names, where in zip(labels, part, strict=False):
        for name in set(names):
            found.setdefault(name, dict.fromkeys(PARTS, 0))[where] += 1
    return {
        name: LabelSpread(
            rows=rows, share={part: count / sum(rows.values()) for part, count in rows.items()}
        )
        for name, rows in sorted(found.items())
    }


def with_nearest(
    report: SplitReport, folds: Sequence[Mapping[Part, np.ndarray]], alike: Alike
) -> SplitReport:
    """The report with what the check found, which may have left rows out."""
    left = report.left_out.model_copy(update={"crossing": report.left_out.crossing + alike.left})
    if left.crossing:
        crossing = (
            f"Left out because a row of another part is nearly the same: {_rows(left.crossing)}."
        )
        report = report.model_copy(update={"notes": (*report.notes, crossing)})
    return report.model_copy(
        update={
            "alike": alike,
            "left_out": left,
            "dropped": report.dropped + alike.left,
            "parts": tuple({name: len(at) for name, at in parts.items()} for parts in folds),
        }
    )


def told(report: SplitReport) -> tuple[str, ...]:
    """The report in lines: the parts' sizes, and what there is to know of them."""
    lines = []
    for number, rows in enumerate(report.parts):
        units, about = report.units[number], report.groups < report.rows - report.dropped
        each = (
            f"{name} {count:,} rows" + (f" in {units[name]:,} groups" if about else "")
            for name, count in rows.items()
        )
        lines.append((f"fold {number}: " if report.folds else "") + ", ".join(each))
    if report.alike is not None:
        found = report.alike
        each = (f"{count:,} at {level} %" for level, count in found.at.items())
        whose = "" if found.exact else " of a sample"
        lines.append(
            f"of {found.rows:,} test rows{whose}, so many have their like in train or validation: "
            f"{', '.join(each)}"
        )
    return (*lines, *report.notes)


def notes_on(
    report: SplitReport, cut: Sequence[Mapping[Part, int]], repeats: int
) -> tuple[str, ...]:
    """The sentences of a report.

    Args:
        report: all the rest of it.
        cut: for the split or each fold, part -> rows before any were left out to keep within
            `split.rows`.
        repeats: rows that were kept beside another of the same text.
    """
    left, given = report.left_out, " or ".join(report.given) or "test"
    notes = [report.lineage] if report.lineage else []
    if left.repeated:
        notes.append(f"Left out because an earlier row has the same text: {_rows(left.repeated)}.")
    if left.of_test:
        notes.append(f"Left out because a {given} row has the same text: {_rows(left.of_test)}.")
    if left.near_test:
        notes.append(
            f"Left out because a {given} row has nearly the same text or is of the same group: "
            f"{_rows(left.near_test)}."
        )
    if report.recorded:
        notes.append(
            f"{_rows(report.recorded)} kept the part that an earlier split recorded, "
            f"{_rows(report.new)} dealt around them."
        )
    if left.tying:
        notes.append(
            "Left out because they would tie recorded rows of different parts: "
            f"{_rows(left.tying)}."
        )
    if left.parted:
        notes.append(
            "Recorded rows left out because they are known by now to belong to rows of another "
            f"part: {_rows(left.parted)}."
        )
    if report.conflicting:
        notes.append(_conflicts(report))
    if repeats:
        notes.append(
            f"Rows that repeat another's {report.noun}, kept with it in one part: {repeats}."
        )
    if near := report.near_texts - report.near_clusters:
        notes.append(
            f"{report.noun.capitalize()}s that are nearly another's, kept with it in one part: "
            f"{near:,}."
        )
    notes += dict.fromkeys(
        note for number, rows in enumerate(cut) for note in _sizes(report, number, rows)
    )
    return (*notes, *_absent(report))


def _absent(report: SplitReport) -> list[str]:
    """Labels that a part lacks: of hundreds the first few, and their number."""
    notes = []
    for label, spread in report.labels.items():
        absent = [part for part, rows in spread.rows.items() if not rows]
        if absent:
            having = _rows(sum(spread.rows.values()))
            named = f"{report.answer.capitalize()} {label!r} ({having})"
            notes.append(f"{named} is absent from {' and '.join(absent)}.")
    if len(notes) > _ABSENT_NAMED + 1:
        more = len(notes) - _ABSENT_NAMED
        notes[_ABSENT_NAMED:] = [f"So are {more:,} more {report.answer}s from a part."]
    return notes


def _sizes(report: SplitReport, number: int, cut: Mapping[Part, int]) -> list[str]:
    """What became of the sizes that were asked for."""
    total, notes = sum(cut.values()), []
    for part, rows in cut.items():
        if abs(rows / total - report.requested[part]) > _OFF_BY:
            notes.append(
                f"Groups stay whole, so {part} has {rows / total:.1%} of the rows "
                f"where {report.requested[part]:.1%} were asked for."
            )
    for part, rows in cut.items():
        if report.parts[number][part] < rows:
            kept = report.parts[number][part]
            notes.append(f"Of {_rows(rows)} in {part}, split.rows keeps {kept:,}.")
    return notes


def _conflicts(report: SplitReport) -> str:
    """What became of repeated texts whose rows contradict each other."""
    answers = f"{report.answer}s"
    texts = f"Repeated texts whose rows differ in {answers}: {report.conflicting}"
    if report.conflicts == "first":
        kept = "the first row's stand" if report.left_out.repeated else "all were kept"
        return f"{texts}; {kept}."
    if report.conflicts == "drop":
        return f"{texts}; left out ({_rows(report.left_out.conflicting)})."
    settled = report.conflicting - report.unsettled
    return (
        f"{texts}; for {settled} the {answers} of most rows stand, and {report.unsettled}, whose "
        f"most frequent {answers} are equally frequent, are left out."
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
