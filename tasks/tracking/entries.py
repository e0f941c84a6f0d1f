"""What MLflow keeps, in the form and length that it takes."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.entities import (
    Metric,
    Param,
    RunTag,
)

from tasks import limits
from tasks.secrets import without_secrets
from tasks.storage import TableRef

_COLUMN_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "long"),
    (pa.types.is_floating, "double"),
    (pa.types.is_string, "string"),
    (pa.types.is_large_string, "string"),
    (pa.types.is_binary, "binary"),
)


def columns_of(table: TableRef) -> list[dict[str, Any]]:
    """A table's columns in the form that MLflow's page of a data set reads."""
    try:
        fields = {field.name: field.type for field in pq.read_schema(table.path)}
    except (OSError, pa.ArrowInvalid):
        fields = {}
    return [
        {"name": name, "required": True, **_column_type(fields.get(name, pa.null()))}
        for name in table.columns
    ]


def _column_type(type_: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return {"type": "array", "items": _column_type(type_.value_type)}
    return {"type": next((name for is_it, name in _COLUMN_TYPES if is_it(type_)), "object")}


def kept(value: object, limit: int) -> str:
    """A value as MLflow may keep it: without secrets, and no longer than it takes."""
    return limits.cut(without_secrets(str(value)), limit)


def points_of(metrics: Mapping[str, float], step: int) -> list[Metric]:
    """Figures of one step as MLflow takes them, less those that are not finite."""
    now = int(time.time() * 1000)
    return [
        Metric(limits.key(name), float(value), now, step)
        for name, value in metrics.items()
        if math.isfinite(value)
    ]


def characters(entry: Param | RunTag) -> int:
    """How much of a request it takes."""
    return len(entry.key) + len(entry.value)
