"""What a registered model is asked: texts, records, or a table with the case's columns.

MLflow hands over what it was given: a list of texts or records from Python, an array or a data
frame from `mlflow models serve` (`inputs`, `instances`, `dataframe_split`, `dataframe_records`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.prepare import clean, parse_template, render, render_bare


def model_inputs(given: Any, data: DataConfig, rendered: bool = False) -> list[str]:
    """The text that the model reads for each thing asked.

    Args:
        given: texts, records or a data frame; a frame of one column holds texts.
        data: the case's, as its package has it.
        rendered: texts went through the template already.

    Raises:
        RequestError: a record lacks a column that the case reads, or has no text.
    """
    rows = _rows(given, data)
    records = [row for row in rows if isinstance(row, Mapping)]
    if not records:
        return [str(row) if rendered else render_bare(str(row), data) for row in rows]
    if len(records) < len(rows):
        raise RequestError("The request mixes texts and records: ask either.")
    return _of_records(records, data)


def _rows(given: Any, data: DataConfig) -> list[Any]:
    if isinstance(given, pd.DataFrame):
        if len(given.columns) == 1 and str(given.columns[0]) not in _names(data):
            return list(given.iloc[:, 0])
        return list(given.to_dict("records"))
    if isinstance(given, Mapping):  # columns, as MLflow has them of records without a schema
        return list(
            pd.DataFrame({name: list(cells) for name, cells in given.items()}).to_dict("records")
        )
    return list(given.ravel()) if isinstance(given, np.ndarray) else list(given)


def _names(data: DataConfig) -> set[str]:
    return {*data.roles, *data.columns.values(), "text"}


def _of_records(records: Sequence[Mapping[str, Any]], data: DataConfig) -> list[str]:
    from tasks.registry.prediction import columns_asked

    lines = parse_template(data)
    wanted = {role for line in lines for _, role in line if role}
    names = list(dict.fromkeys(str(name) for record in records for name in record))
    columns = columns_asked(names, data, "The request")
    texts = []
    for number, record in enumerate(records, 1):
        cells = {role: _cell(record.get(columns[role])) for role in wanted & columns.keys()}
        values = {role: clean(cell, data) for role, cell in cells.items()}
        text = render(lines, values, data.pair)
        if text is None or not (values[data.text_role] or data.text_role in data.may_be_empty):
            raise RequestError(f"Record {number} of the request has no {columns[data.text_role]}.")
        texts.append(text)
    return texts


def _cell(value: Any) -> str:
    empty = value is None or (isinstance(value, float) and np.isnan(value))
    if isinstance(value, float) and not empty and value.is_integer():
        return str(int(value))  # a frame makes fractions of a column of numbers with a gap
    return "" if empty else str(value)
