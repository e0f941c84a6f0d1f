"""How one value of JSON or Parquet becomes the text of a cell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.labels import chosen_of
from tasks.ingestion.written import BROKEN_TEXT, is_broken, unwrapped

WITHIN_TEXT = ", "
"""What joins the items of a list that is not the label (several studios in a sentence)."""


def text_column(
    values: Sequence[Any], name: str, config: DataConfig, path: Path | str
) -> pa.StringArray:
    """One column of decoded values as nullable text; an empty text is null.

    Numbers and booleans are written as JSON writes them; the items of a list are joined, those of
    the label column by `config.label_separator`. An object is no text; that of a label column
    gives each label 1 or 0.

    Raises:
        RequestError: a value with no Unicode text, or a label that contains the separator.
    """
    role = config.label_role
    is_label = role is not None and name == config.columns.get(role, role)
    separator = config.label_separator if is_label else None
    cells: list[str | None] = []
    for record, value in enumerate(values, 1):
        if isinstance(value, str):
            cells.append(value or None)
            continue
        try:
            cells.append(_cell(value, separator))
        except ValueError as error:
            raise RequestError(f"{path}, record {record}, column {name}: {error}.") from error
        except RecursionError as error:
            raise RequestError(
                f"{path}, record {record}, column {name}: lists or objects nested too deeply "
                "to be the text of a cell."
            ) from error
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError as error:
        record = next(n for n, cell in enumerate(cells, 1) if is_broken(cell))
        raise RequestError(f"{path}, record {record}, column {name}: {BROKEN_TEXT}.") from error


def _cell(value: Any, separator: str | None) -> str | None:
    if separator is not None:
        value = unwrapped(value)
    if isinstance(value, dict) and separator is not None:
        value = chosen_of(value)
    if isinstance(value, list):
        nested = next((item for item in value if isinstance(item, list | dict)), None)
        if nested is not None and separator is not None:
            raise ValueError(f"the list holds {str(nested)[:60]}, which is no label")
        items = [text for item in value if (text := _cell(item, None))]
        if separator is None:
            return WITHIN_TEXT.join(items) or None
        holding = next((item for item in items if separator and separator in item), None)
        if holding is not None:
            raise ValueError(
                f"the label {holding!r} contains data.label_separator {separator!r}, "
                "which has to be something that no label contains"
            )
        if not separator and len(items) > 1:
            raise ValueError("several labels need a data.label_separator to be kept apart")
        return separator.join(items) or None
    if isinstance(value, dict):
        raise ValueError("an object is no text")
    if value is None or value != value:  # NaN is how data frames write a missing value
        return None
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
