"""From the cells of the label column to each row's labels.

How the cells are read is decided for the column, never for a cell: they hold labels with a
separator between them, or all of them write lists (`["a", "b"]`, `['a', 'b']`) or objects that
give each label 1 or 0.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.written import listed
from tasks.wording import shown

NO_VALUE = frozenset({"nan", "none", "null", "n/a", "na", "<na>", "nat"})
"""What programs write for a missing value."""
SEPARATORS = ("|", ";", ",", "\t", "\n")
MOST_NAMED = 5
YES = frozenset({"1", "1.0", "true", "yes", "y", "x", "✓", "✔"})
NO = frozenset({"", "0", "0.0", "false", "no", "n", "-"})
"""What a cell may say of one label, in small letters; anything else is refused."""
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
"""A number with a decimal comma: 4,5 is four and a half, where all cells are such."""
WHOLE_NUMBER = re.compile(r"[-+]?\d{1,400}(?:\.0*)?")


class LabelError(ValueError):
    """Why a cell holds no labels, as the end of a sentence."""


def labels_of(
    cells: Sequence[str | None], rows: Sequence[int], config: DataConfig, source: str
) -> tuple[list[list[str]], list[str]]:
    """The labels of each cell, and what is odd about them, in words.

    Args:
        cells: the label column.
        rows: the number of each in the source, for messages.
        config: `label_separator`, `rename_labels`, `numeric_labels`, `labels`.
        source: what messages call the data.

    Raises:
        RequestError: some cells hold lists and others do not, a cell that gives a label anything
            but 0 or 1, or labels that differ in nothing that can be seen.
    """
    lists = {cell: listed(cell) for cell in set(filter(None, cells)) if cell.strip()}
    written = [
        row for cell, row in zip(cells, rows, strict=True) if lists.get(cell or "") is not None
    ]
    plain = [row for cell, row in zip(cells, rows, strict=True) if lists.get(cell or "", 0) is None]
    if written and plain:
        raise RequestError(
            f"{source}: the labels of {_rows(written)} are written as lists, those of "
            f"{_rows(plain)} are not; write all of them in one way."
        )
    split = label_parser(config, bool(written))
    found = []
    for cell, row in zip(cells, rows, strict=True):
        try:
            found.append(split(cell))
        except LabelError as error:
            raise RequestError(f"{source}, row {row}, labels: {error}.") from error
    counts = Counter(label for labels in found for label in labels)
    first = {
        label: row for labels, row in zip(found[::-1], rows[::-1], strict=True) for label in labels
    }
    _refuse_lookalikes({**dict.fromkeys(config.labels or (), 0), **counts}, first, source)
    return found, [*_missing_by_name(counts), *_another_separator(counts, config)]


def label_parser(config: DataConfig, lists: bool = False) -> Callable[[str | None], list[str]]:
    """A function from a cell to its labels: cut, stripped, renamed, each once, sorted.

    An empty `label_separator` takes the whole cell as one label. With `numeric_labels` a whole
    number is the label however it is written (5, 5.0, 05); anything else (2.5, "five") stays as
    it is, for the closed set of labels to refuse. A label renamed to the empty string is dropped.

    Args:
        config: see above.
        lists: cells write lists, whose items are the labels, or objects that give labels 1 or 0.
            The function raises `LabelError` where one holds something else.
    """
    renamed = config.rename_labels
    known: dict[str, list[str]] = {}  # label cells repeat: nearly every row is a lookup

    def split(cell: str | None) -> list[str]:
        if not cell:
            return []
        if cell not in known:
            written = listed(cell) if lists else None
            separator = config.label_separator
            if written is None:
                parts = cell.split(separator) if separator else [cell]
            else:
                parts = chosen_of(written) if isinstance(written, dict) else _items(written)
                if not separator and len(parts) > 1:
                    raise LabelError(
                        f"there are {len(parts)} ({', '.join(map(shown, parts))}), and a case with "
                        "one label a row wants one"
                    )
            found = {unicodedata.normalize("NFC", part.strip()) for part in parts}
            if config.numeric_labels:
                found = {_whole_number(label) for label in found}
            known[cell] = sorted({renamed.get(label, label) for label in found if label} - {""})
        return known[cell]

    return split


def chosen_of(given: Mapping[Any, Any]) -> list[str]:
    """The labels of an object that gives each 1 or 0 (or true and false, yes and no, x or nothing).

    Raises:
        LabelError: it gives one something else.
    """
    chosen = []
    for label, value in given.items():
        said = "" if value is None else str(value).strip().lower()
        if said not in YES | NO:
            raise LabelError(f"the object gives {shown(str(label))} {value!r}, which is not 0 or 1")
        if said in YES:
            chosen.append(str(label))
    return chosen


def _items(given: Sequence[Any]) -> list[str]:
    nested = next((item for item in given if isinstance(item, list | dict | tuple | set)), None)
    if nested is not None:
        raise LabelError(f"the list holds {str(nested)[:60]}, which is no label")
    return [str(item) for item in given if item is not None]


def _refuse_lookalikes(counts: Mapping[str, int], first: Mapping[str, int], source: str) -> None:
    """Refuse labels that are equal but for characters that cannot be seen."""
    alike: dict[str, str] = {}
    for label in counts:
        other = alike.setdefault(visible(label), label)
        if other != label:
            one, two = sorted((other, label), key=lambda each: (-counts[each], each))
            where = ", ".join(
                f"{shown(each)} ({counts[each]:,} rows, the first {first[each]})"
                if each in first
                else f"{shown(each)} (in data.labels)"
                for each in (one, two)
            )
            raise RequestError(
                f"{source}: two labels look alike and differ in characters that cannot be seen: "
                f"{where}; correct the file, or make them one with data.rename_labels."
            )


def visible(label: str) -> str:
    """What a reader sees of a label: no format characters, one kind of space."""
    kept = (
        each
        for each in unicodedata.normalize("NFC", label)
        if unicodedata.category(each) not in ("Cf", "Cc") or each.isspace()
    )
    return " ".join("".join(kept).replace("\u3164", " ").replace("\u2800", " ").split())


def _missing_by_name(counts: Mapping[str, int]) -> list[str]:
    named = [
        f"{shown(label)} ({count:,} rows)"
        for label, count in counts.items()
        if label.lower() in NO_VALUE
    ]
    if not named:
        return []
    return [
        f"read as labels by that name: {', '.join(named)}; data.rename_labels with an empty name "
        "drops one"
    ]


def _another_separator(counts: Mapping[str, int], config: DataConfig) -> list[str]:
    """What to set where most labels come apart at another character into labels that recur."""
    for separator in SEPARATORS:
        joint = [label for label in counts if separator in label]
        if separator == config.label_separator or not joint:
            continue
        if separator == "," and all(map(DECIMAL_COMMA.fullmatch, counts)):
            continue
        parts = Counter(
            part.strip() for label in counts for part in label.split(separator) if part.strip()
        )
        recurring = sum(
            all(parts[part.strip()] > 1 for part in label.split(separator) if part.strip())
            for label in joint
        )
        if 2 * recurring >= len(joint) and len(parts) <= len(counts):
            return [
                f"labels such as {shown(joint[0])} look like several: if they are, set "
                f"data.label_separator={separator!r}"
            ]
    return []


def _rows(rows: Sequence[int]) -> str:
    more = f" and {len(rows) - MOST_NAMED:,} more" if len(rows) > MOST_NAMED else ""
    return f"row{'s' * (len(rows) > 1)} {', '.join(map(str, rows[:MOST_NAMED]))}{more}"


def _whole_number(label: str) -> str:
    return str(int(label.partition(".")[0])) if WHOLE_NUMBER.fullmatch(label) else label
