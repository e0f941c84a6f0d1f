"""JSON lines, and JSON files that hold one list of records."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.cells import text_column
from tasks.ingestion.delimited import Choose
from tasks.ingestion.encoding import UTF8, not_utf8, refuse_wide_encodings
from tasks.ingestion.written import DECODER


def read_json_lines(path: Path, config: DataConfig, choose: Choose) -> pa.Table:
    """The chosen fields of a file with one JSON object a line, as text; blank lines are skipped.

    Raises:
        RequestError: not UTF-8, a line that is not a JSON object, no rows.
    """
    return _table(path, config, choose, _lines(path))


def read_json(path: Path, config: DataConfig, choose: Choose) -> pa.Table:
    """The chosen fields of a file that is a JSON list of objects, as text.

    Raises:
        RequestError: not UTF-8, not JSON, not a list of objects, no rows.
    """
    return _table(path, config, choose, _checked(path, json_list(path)))


def json_list(path: Path) -> list[Any]:
    """The elements of a file that is one JSON list, whatever they are.

    Raises:
        RequestError: not UTF-8, not JSON, not a list.
    """
    refuse_wide_encodings(path)
    try:
        content = DECODER.decode(path.read_text(encoding=UTF8))
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    except json.JSONDecodeError as error:
        hint = "; for one object a line, set data.format=jsonl" * (error.msg == "Extra data")
        raise RequestError(
            f"{path}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}){hint}."
        ) from error
    except RecursionError as error:
        raise RequestError(f"{path} is nested too deeply to be a list of records.") from error
    if not isinstance(content, list):
        raise RequestError(
            f"{path} holds {_kind(content)}: it should hold a list of records, [{{...}}, ...]."
        )
    return content


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    refuse_wide_encodings(path)
    with path.open(encoding=UTF8) as stream:
        try:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    record = DECODER.decode(line.rstrip("\r\n"))
                except json.JSONDecodeError as error:
                    raise RequestError(
                        f"{path}, line {number}, column {error.colno}: not JSON ({error.msg}); "
                        "JSON lines have one whole object on each line."
                    ) from error
                except RecursionError as error:
                    raise RequestError(f"{path}, line {number}: nested too deeply.") from error
                if not isinstance(record, dict):
                    hint = " (set data.format=json?)" if isinstance(record, list) else ""
                    raise RequestError(
                        f"{path}, line {number}: {_kind(record)} where an object "
                        f'like {{"text": ...}} should be{hint}.'
                    )
                yield record
        except UnicodeDecodeError as error:
            raise not_utf8(path) from error


def _checked(path: Path, content: list[Any]) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(content, 1):
        if not isinstance(record, dict):
            raise RequestError(f"{path}, record {number}: {_kind(record)} instead of an object.")
        yield record


def _table(
    path: Path, config: DataConfig, choose: Choose, records: Iterable[dict[str, Any]]
) -> pa.Table:
    """Columns are the union of all fields, in the order in which they first appear."""
    columns: dict[str, tuple[int, list[Any]]] = {}  # the record that it begins with, and values
    count = 0
    for count, record in enumerate(records, 1):
        for name, value in record.items():
            begin, values = columns.setdefault(name, (count, []))
            values += [None] * (count - begin - len(values))
            values.append(value)
    if not count:
        raise RequestError(f"{path} holds no records.")
    chosen = {}
    for name in choose(list(columns)):
        begin, values = columns[name]
        whole = [None] * (begin - 1) + values + [None] * (count - begin + 1 - len(values))
        chosen[name] = text_column(whole, name, config, path)
    return pa.table(chosen)


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a text or number")
