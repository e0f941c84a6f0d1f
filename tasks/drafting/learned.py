"""A column that is to be learned: what it holds, how its cells are read, what of it is odd."""

from tasks.drafting.columns import Column, is_number
from tasks.drafting.told import Told, Wishes
from tasks.errors import RequestError


def learnable(column: Column) -> str:
    """What a column holds, as `Recipe.learns` calls it."""
    if column.lists or column.separator:
        return "labels"
    if column.measures:
        return "number"
    if column.holds_labels or column.switch or column.parts:
        return "label"
    if column.is_text or column.distinct > 0.5:
        return "text"
    raise RequestError(
        f"{column.name} has {len(column.counts):,} different values in {len(column.cells):,} rows: "
        "too many for labels, and no texts. If they are labels, say --task single_label."
    )


def _several(told: Told, column: Column) -> None:
    """Any number of labels a row."""
    if column.lists:
        told.said.append("each cell lists its labels")
    elif column.separator:
        told.data["label_separator"] = column.separator
        told.said.append(f"labels of a row are kept apart by {column.separator!r}")
        told.unsure.append(
            f"if {column.counts.most_common(1)[0][0]!r} is one label, say --task single_label"
        )


def _one(told: Told, column: Column) -> None:
    """Exactly one label a row."""
    counts = ", ".join(f"{label} ({count:,})" for label, count in column.counts.most_common(12))
    more = f" and {len(column.counts) - 12:,} more" if len(column.counts) > 12 else ""
    told.said.append(f"one label a row: {counts}{more}")
    if column.scale:
        told.data["numeric_labels"] = True
        told.evaluation |= {"ordered": True, "primary": "test/f1_macro"}
        told.said.append("the labels are steps of a scale, so mistakes count by how far off")
        told.unsure.append("if they are mere codes, set evaluation.ordered to false")
    elif column.graded:
        told.unsure.append(
            f"{column.cells[0]!r} is a label like any other: if these are steps of a scale, make "
            "them whole numbers with data.rename_labels and set evaluation.ordered"
        )
    elif column.amounts:
        told.unsure.append(
            f"{column.cells[0]!r} is a label like any other: to be a number it needs digits and a "
            "decimal point alone"
        )
    alike = {label.casefold(): label for label in column.counts}
    for label in [label for label in column.counts if alike[label.casefold()] != label]:
        told.unsure.append(
            f"{label!r} and {alike[label.casefold()]!r} are two labels: data.rename_labels can "
            "make them one"
        )
    if column.missing_by_name:
        told.unsure.append(
            f"{column.missing_by_name[0]!r} is read as a label: data.rename_labels can drop it"
        )


def _number(told: Told, column: Column) -> None:
    """A quantity."""
    if column.quantities is None and not column.switch:
        raise RequestError(f"{column.name} holds {column.cells[0]!r}, which is no number.")
    numbers = column.quantities or [0.0, 1.0]
    told.said.append(f"it holds numbers from {min(numbers):g} to {max(numbers):g}")
    if column.writing is not None:
        told.numbers = column.writing.model_dump(exclude_defaults=True)
        if told.numbers:
            told.said.append(f"{column.cells[0]!r} is {numbers[0]:.10g}, by the section numbers")


def _to_write(told: Told, column: Column) -> None:
    """A text."""
    told.said.append(f"texts of {column.words:.0f} words on average, which are to be written")


OF_COLUMN = {"label": _one, "labels": _several, "number": _number, "text": _to_write}


def refuse_unfit(column: Column, wishes: Wishes) -> None:
    """Refuse to take a column for texts that says the same everywhere, or holds quantities."""
    if len(column.counts) < 2:
        raise RequestError(
            f"{column.name} has one value, {column.cells[0][:40]!r}, in all its rows: nothing can "
            "be learned from that. Say which column is meant with --label."
        )
    if column.amounts and wishes.task is None:
        odd = next(cell for cell in column.missing_by_name or column.cells if not is_number(cell))
        raise RequestError(
            f"{column.name} holds quantities, and {odd!r} can be read as no number, or as two: "
            "write them with digits and a decimal point alone (1052.32) and leave the cell empty "
            "where there is none; or write the case by hand, where numbers.unit, numbers.decimal "
            "and numbers.thousands say how they are written (docs/numbers.md); or say --task "
            "completion to have them written as they stand."
        )
