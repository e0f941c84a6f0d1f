"""Parquet files and Arrow tables, every column as text."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.cells import text_column
from tasks.ingestion.delimited import Choose, shown_columns


def read_parquet(path: Path, config: DataConfig, choose: Choose) -> pa.Table:
    """The chosen columns of a Parquet file, as text; others are never read.

    Raises:
        RequestError: not Parquet or damaged, no rows, a column with no text.
    """
    with _damage_explained(path), pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if not file.metadata.num_rows:
            raise RequestError(f"{path} has columns ({shown_columns(names)}) but no rows.")
        chosen = _once(list(choose(names)), names, path)
        table = file.read(columns=chosen)
    return _as_text(table, chosen, config, path)


def parquet_records(path: Path) -> list[dict[str, Any]]:
    """Every row of a Parquet file as Python has it.

    Raises:
        RequestError: not Parquet or damaged.
    """
    with _damage_explained(path):
        records: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return records


@contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    """What pyarrow and the decoding of texts raise of bytes that no writer wrote."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        raise RequestError(f"{path} is not a Parquet file or is damaged ({error}).") from error


def text_of_table(table: pa.Table, config: DataConfig, choose: Choose, origin: str) -> pa.Table:
    """The chosen columns of `table` as text; `origin` stands for a path in messages.

    Raises:
        RequestError: no rows, or a column with no text.
    """
    names = table.column_names
    if not table.num_rows:
        raise RequestError(f"{origin} has no rows.")
    return _as_text(table, _once(list(choose(names)), names, origin), config, origin)


def _once(chosen: list[str], names: list[str], origin: Path | str) -> list[str]:
    twice = sorted({name for name in chosen if names.count(name) > 1})
    if twice:
        raise RequestError(f"{origin} has several columns named {', '.join(twice)}: rename one.")
    return chosen


def _as_text(
    table: pa.Table, chosen: list[str], config: DataConfig, origin: Path | str
) -> pa.Table:
    columns = {}
    for name in chosen:
        column = table.column(name)
        if pa.types.is_map(column.type):
            maps = [None if each is None else dict(each) for each in column.to_pylist()]
            columns[name] = text_column(maps, name, config, origin)
        elif pa.types.is_nested(column.type):
            columns[name] = text_column(column.to_pylist(), name, config, origin)
        else:
            columns[name] = _text(column, name, origin)
    return pa.table(columns)


def _text(column: pa.ChunkedArray, name: str, origin: Path | str) -> pa.ChunkedArray:
    """A flat column as text: numbers as Arrow writes them (4.0 is 4), NaN and "" are null."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    try:
        text = pc.cast(column, pa.string())
        text.validate(full=True)  # Parquet readers take the writer's word for UTF-8
    except pa.ArrowNotImplementedError as error:
        raise RequestError(
            f"{origin}: column {name} holds {column.type}, which is no text."
        ) from error
    except pa.ArrowInvalid as error:
        raise RequestError(f"{origin}: column {name} holds bytes that are not UTF-8.") from error
    return pc.if_else(pc.equal(text, ""), None, text)
