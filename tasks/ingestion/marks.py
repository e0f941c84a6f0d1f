"""Labels that have a column each, of 1 and 0: read as one column of objects."""

import json
from collections.abc import Sequence

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.delimited import shown_columns
from tasks.wording import nearest


def named_marks(names: Sequence[str], config: DataConfig, source: str) -> tuple[str, ...]:
    """`data.label_columns`, all of which are among a source's columns `names`.

    Raises:
        RequestError: one is not.
    """
    for column in config.label_columns:
        if column not in names:
            raise RequestError(
                f"data.label_columns: {source} has no column {column}"
                f"{nearest(column, list(names))}; its columns are {shown_columns(names)}."
            )
    return config.label_columns


def marked_labels(table: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    """One object a row that gives each label what its column says, as `labels_of` reads it."""
    cells = zip(*(table.column(column).to_pylist() for column in columns), strict=True)
    rows = [
        json.dumps(
            {
                column: None if cell is None else cell.strip().lower()
                for column, cell in zip(columns, row, strict=True)
            },
            ensure_ascii=False,
        )
        for row in cells
    ]
    return pa.chunked_array([pa.array(rows, pa.string())])
