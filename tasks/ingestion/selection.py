"""Which rows of a source are used, and in which order, before anything is learned about them.

Rows are filtered before labels are counted and validated: what is wrong in German reviews does
not stop a case that reads the English ones.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import RequestError
from tasks.wording import nearest

MOST_VALUES = 10
"""Values that a message lists before it counts the rest."""
NO_VALUE = "(empty)"


def keep_rows(
    table: pa.Table, keep: Mapping[str, tuple[str, ...]], source: str
) -> tuple[pa.Table, str]:
    """The rows whose roles have the values that `keep` names, and a sentence about the others.

    Args:
        table: string columns by role; every role of `keep` is one of them.
        keep: role -> values, compared without the white space around a cell; a role with no
            values keeps every row.
        source: what the rows are from, for messages.

    Returns:
        The table, and what was left out, by value ("" where nothing was).

    Raises:
        RequestError: no row has one of the values; lists those that there are.
    """
    notes = []
    for role, values in keep.items():
        if not values:
            continue
        cells = pc.utf8_trim_whitespace(table.column(role).cast(pa.string()))
        counts = Counter(NO_VALUE if cell is None else cell for cell in cells.to_pylist())
        for value in values:
            if value not in counts:
                raise RequestError(
                    f"{source} has no row whose {role} is {value!r}{nearest(value, list(counts))}: "
                    f"there is {_listed(counts)}; name one of these in data.keep.{role}, or none "
                    f"(data.keep.{role}=[]) to keep every row."
                )
        table = table.filter(pc.is_in(cells, pa.array(values, pa.string())))
        left_out = {value: count for value, count in counts.items() if value not in values}
        if left_out:
            notes.append(f"left out by {role}: {_listed(left_out)}")
    return table, "; ".join(notes)


def sort_rows(table: pa.Table, role: str) -> pa.Table:
    """`table` sorted by a role, equal rows in the order that they had; empty cells come last.

    As numbers where all cells are numbers (9 before 10), else as text.
    """
    cells = pd.Series(table.column(role).to_pylist(), dtype="str")
    numbers = pd.to_numeric(cells, errors="coerce")
    keys = numbers if (numbers.notna() | cells.isna()).all() else cells
    order = keys.reset_index(drop=True).sort_values(kind="stable", na_position="last").index
    return table.take(pa.array(np.asarray(order, dtype=np.int64)))


def _listed(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = [
        f"{value} ({count:,} {'row' if count == 1 else 'rows'})"
        for value, count in most[:MOST_VALUES]
    ]
    more = [f"{len(most) - MOST_VALUES} other values"] if len(most) > MOST_VALUES else []
    return ", ".join([*named, *more])
