"""From a source to a stored table whose columns are the case's roles.

fetch -> read -> name by role -> filter (`data.keep`) -> sample -> sort -> store
"""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.config import DataConfig
from tasks.config.data import GIVEN_GROUP, GIVEN_PART, GIVEN_TIME
from tasks.errors import RequestError
from tasks.ingestion.columnar import text_of_table
from tasks.ingestion.comparisons import check_comparison_roles, read_comparisons
from tasks.ingestion.delimited import shown_columns
from tasks.ingestion.instructions import check_dialogue_roles, read_instructions
from tasks.ingestion.marks import marked_labels, named_marks
from tasks.ingestion.plain import named_as_given
from tasks.ingestion.readers import read_file
from tasks.ingestion.selection import keep_rows, sort_rows
from tasks.ingestion.sources import fetch
from tasks.storage import TableRef, put_table
from tasks.wording import nearest

LONGEST_NAME = 100
"""Characters of a column's name: what is longer is no name, and slow to compare."""


def ingest(
    config: DataConfig, seed: int = 42, turn_names: tuple[str, str] = ("Question", "Response")
) -> TableRef:
    """Fetch, read, name by role, filter, sample and sort if asked, and store.

    Args:
        config: the source, its format and `columns`; `keep`, `limit` and `sort_by`.
        seed: of the sample that `config.limit` asks for.
        turn_names: what stands before earlier turns, see `instructions.read_instructions`.

    Returns:
        A table with `row` (int64: 1-based number of the record in the source), `id` (`row-17`
        where the source gives none) and each role that the source has, all strings, null where
        a cell is empty. Its `origin` says which rows `keep` left out.

    Raises:
        RequestError: the source or its content is not what the configuration says.
        ThawError: the outside world cannot be reached, or the store cannot be written.
    """
    check_roles(config)
    source = fetch(config)
    if not isinstance(source, Path):
        return _ingested(source, config, seed, turn_names)
    given = config.path if config.path is not None else config.source
    with named_as_given(source, given):  # it may be a copy in the cache
        return _ingested(source, config, seed, turn_names)


def _ingested(
    source: Path | pa.Table, config: DataConfig, seed: int, turn_names: tuple[str, str]
) -> TableRef:
    name = str(source) if isinstance(source, Path) else config.source
    notes = []
    if config.layout != "table":
        if config.layout == "dialogues":
            table, note = read_instructions(source, config, turn_names)
        else:
            table, note = read_comparisons(source, config, turn_names)
        notes.append(note)
        roles = {role: table.column(role) for role in table.column_names}
        numbers = roles.pop("row")
    else:
        roles, taken = _roles_of(source, config, name)
        notes += [f"column {column!r} read as {role}" for role, column in taken.items()]
        numbers = pa.array(np.arange(1, len(next(iter(roles.values()))) + 1), pa.int64())
    ids = pc.binary_join_element_wise("row", pc.cast(numbers, pa.string()), "-")
    given = roles.pop("id", None)
    ids = ids if given is None else pc.coalesce(given, ids)
    roles = {role: _renamed(cells, config, role) for role, cells in roles.items()}
    result = pa.table({"row": numbers, "id": ids, **roles})
    result, left_out = keep_rows(result, config.keep, name)
    notes += [left_out] if left_out else []
    if config.limit and config.limit < result.num_rows:
        picked = np.random.default_rng(seed).choice(result.num_rows, config.limit, replace=False)
        result = result.take(pa.array(np.sort(picked)))
    if config.sort_by:
        result = sort_rows(result, config.sort_by)
    return put_table(result, f"{config.source} ({'; '.join(notes)})" if notes else config.source)


def _renamed(cells: pa.ChunkedArray, config: DataConfig, role: str) -> pa.ChunkedArray:
    """A role's cells with those in place of others that `config.rename_values` gives."""
    for found, used in config.rename_values.get(role, {}).items():
        cells = pc.if_else(pc.fill_null(pc.equal(cells, found), False), used, cells)
    return cells


def _roles_of(
    source: Path | pa.Table, config: DataConfig, name: str
) -> tuple[dict[str, pa.ChunkedArray], dict[str, str]]:
    """The columns of a table by role, and those that were taken for one by likeness."""

    def choose(names: Sequence[str]) -> list[str]:
        found = columns_of_roles(names, config, name).values()
        return list(dict.fromkeys([*found, *named_marks(names, config, name)]))

    if isinstance(source, Path):
        table = read_file(source, config, choose)
    else:
        table = text_of_table(source, config, choose, name)
    mapping = columns_of_roles(table.column_names, config, name)
    taken = alike(table.column_names, config)
    roles = {role: table.column(column) for role, column in mapping.items()}
    if config.label_columns and config.label_role:
        roles[config.label_role] = marked_labels(table, config.label_columns)
    return roles, {role: column for role, column in taken.items() if mapping.get(role) == column}


def check_roles(config: DataConfig) -> None:
    """Refuse what is said of a role that the case does not have.

    Raises:
        RequestError: with the nearest role.
    """
    if config.layout == "dialogues":
        check_dialogue_roles(config)
    elif config.layout == "comparisons":
        check_comparison_roles(config)
    columns = config.columns if config.layout == "table" else ()
    named = [(f"data.columns.{role}", role) for role in columns]
    named += [(f"data.keep.{role}", role) for role in config.keep]
    named += [(f"data.rename_values.{role}", role) for role in config.rename_values]
    named += [("data.may_be_empty", role) for role in config.may_be_empty]
    named += [("data.sort_by", config.sort_by)] if config.sort_by else []
    for field, role in named:
        if role not in config.roles:
            raise RequestError(
                f"{field}: the case has no role {role}{nearest(role, config.roles)}; "
                f"its roles are {', '.join(config.roles)}."
            )


def needed_roles(config: DataConfig) -> dict[str, str]:
    """The roles whose columns must exist -> how to do without them (empty: there is no way)."""
    needed = dict.fromkeys((role for role in config.required if role in config.read_roles), "")
    for role in config.carried:
        needed[role] = f"set {_field_of(role)}=null to do without it"
    if config.sort_by:
        needed.setdefault(config.sort_by, "set data.sort_by=null to leave the rows in their order")
    for role, values in config.keep.items():
        if values:
            needed.setdefault(role, f"set data.keep.{role}=[] to keep every row")
    return needed


def _field_of(role: str) -> str:
    """The field that says which column plays a role."""
    own = {
        GIVEN_PART: "data.split_column",
        GIVEN_TIME: "data.time_column",
        GIVEN_GROUP: "data.group_column",
    }
    return own.get(role, f"data.columns.{role}")


def columns_of_roles(names: Sequence[str], config: DataConfig, source: str) -> dict[str, str]:
    """Which of the columns `names` plays each role, required roles first.

    An optional role whose column is absent is left out, unless rows are chosen or sorted by it.

    Raises:
        RequestError: a required one is absent (says which columns there are and how to map one),
            or all are.
    """
    wanted = {role: config.columns.get(role, role) for role in config.read_roles}
    wanted |= alike(names, config) | config.carried
    needed = needed_roles(config)
    missing = {role: wanted[role] for role in needed if wanted[role] not in names}
    if missing:
        taken = {wanted[role] for role in wanted if role not in missing}
        free = [name for name in names if name not in taken]
        overrides = [
            f"{_field_of(role)}={_closest((name, role), free)}" for role, name in missing.items()
        ]
        mapped = " ".join(overrides)
        ways_out = [needed[role] for role in missing if needed[role]]
        raise RequestError(
            f"{source} has no column {' and no column '.join(missing.values())}; its columns are "
            f"{shown_columns(names)}: "
            f"{'; or '.join([f'map with {mapped}', *ways_out])}."
        )
    present = {role: column for role, column in wanted.items() if column in names}
    if not present:
        raise RequestError(f"{source} has none of the columns {', '.join(wanted.values())}.")
    return present


def alike(names: Sequence[str], config: DataConfig) -> dict[str, str]:
    """Role -> the one column that is written like it but for case, spaces and signs.

    Only of roles for which `data.columns` says nothing and that no column is called by itself.
    """
    free: dict[str, list[str]] = {}
    for name in names:
        if name not in config.roles and name not in config.columns.values():
            free.setdefault(_bare(name), []).append(name)
    found = {
        role: free.get(_bare(role), [])
        for role in config.read_roles
        if role not in config.columns and role not in names
    }
    return {role: columns[0] for role, columns in found.items() if len(columns) == 1}


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name[:LONGEST_NAME])).casefold()


def _closest(wanted: Sequence[str], names: Sequence[str]) -> str:
    """The column that looks most like the first of `wanted` that resembles any, or COLUMN."""
    lower = {name.strip().lower(): name for name in names if len(name) <= LONGEST_NAME}
    for word in wanted:
        if close := difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.5):
            name = lower[close[0]]
            return repr(name) if " " in name else name  # a shell needs the quotes
    return "COLUMN"
