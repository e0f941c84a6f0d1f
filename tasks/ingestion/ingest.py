"""From a source to a stored table whose columns are the case's roles."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.columnar import text_of_table
from tasks.ingestion.readers import read_file
from tasks.ingestion.sources import fetch
from tasks.loading import nearest
from tasks.storage import TableRef, put_table

MOST_NAMED = 30
"""Column names that a message lists."""


def ingest(config: DataConfig, seed: int = 42) -> TableRef:
    """Fetch, read, name by role, sample if asked, and store.

    Args:
        config: the source, its format and `columns`.
        seed: of the sample that `config.limit` asks for.

    Returns:
        A table with `row` (int64: 1-based number of the record in the source), `id` (`row-17`
        where the source gives none) and each role that the source has, all strings, null where
        a cell is empty.

    Raises:
        RequestError: the source or its content is not what the configuration says.
        ThawError: the outside world cannot be reached, or the store cannot be written.
    """
    check_roles(config)
    source = fetch(config)
    name = str(source) if isinstance(source, Path) else config.source

    def choose(names: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(columns_of_roles(names, config, name).values()))

    if isinstance(source, Path):
        table = read_file(source, config, choose)
    else:
        table = text_of_table(source, config, choose, name)
    mapping = columns_of_roles(table.column_names, config, name)
    roles = {role: table.column(column) for role, column in mapping.items()}
    numbers = pa.array(np.arange(1, table.num_rows + 1), pa.int64())
    ids = pc.binary_join_element_wise("row", pc.cast(numbers, pa.string()), "-")
    given = roles.pop("id", None)
    ids = ids if given is None else pc.coalesce(given, ids)
    result = pa.table({"row": numbers, "id": ids, **roles})
    if config.limit and config.limit < result.num_rows:
        picked = np.random.default_rng(seed).choice(result.num_rows, config.limit, replace=False)
        result = result.take(pa.array(np.sort(picked)))
    return put_table(result, config.source)


def check_roles(config: DataConfig) -> None:
    """Refuse a mapping of a role that the case does not have.

    Raises:
        RequestError: with the nearest role.
    """
    for role in config.columns:
        if role not in config.roles:
            raise RequestError(
                f"data.columns.{role}: the case has no role {role}{nearest(role, config.roles)}; "
                f"its roles are {', '.join(config.roles)}."
            )


def columns_of_roles(names: Sequence[str], config: DataConfig, source: str) -> dict[str, str]:
    """Which of the columns `names` plays each role, required roles first.

    An optional role whose column is absent is left out.

    Raises:
        RequestError: a required one is absent (says which columns there are and how to map one),
            or all are.
    """
    wanted = {role: config.columns.get(role, role) for role in config.roles}
    missing = {role: wanted[role] for role in config.required if wanted[role] not in names}
    if missing:
        taken = {wanted[role] for role in wanted if role not in missing}
        free = [name for name in names if name not in taken]
        overrides = [
            f"data.columns.{role}={_closest((name, role), free)}" for role, name in missing.items()
        ]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        raise RequestError(
            f"{source} has no column {' and no column '.join(missing.values())}; its columns are "
            f"{', '.join(_shown(name) for name in names[:MOST_NAMED])}{more}: "
            f"map with {' '.join(overrides)}."
        )
    present = {role: column for role, column in wanted.items() if column in names}
    if not present:
        raise RequestError(f"{source} has none of the columns {', '.join(wanted.values())}.")
    return present


def _closest(wanted: Sequence[str], names: Sequence[str]) -> str:
    """The column that looks most like the first of `wanted` that resembles any, or COLUMN."""
    lower = {name.strip().lower(): name for name in names}
    for word in wanted:
        if close := difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.5):
            name = lower[close[0]]
            return repr(name) if " " in name else name  # a shell needs the quotes
    return "COLUMN"


def _shown(name: str) -> str:
    return name if name and name == name.strip() else repr(name)
