"""What a case may say of data whose layout is told from its fields."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.delimited import shown_columns
from tasks.ingestion.numbered import Record
from tasks.ingestion.written import as_json
from tasks.wording import nearest


def check_layout_roles(
    config: DataConfig,
    kind: str,
    columns: Sequence[str],
    roles: Sequence[str],
    optional: Sequence[str],
) -> None:
    """Refuse columns that no layout of that kind has, and roles other than those it comes to.

    Args:
        config: `columns`, `required` and `optional`.
        kind: what the layouts hold (`dialogues`).
        columns: every field that one of them reads.
        roles, optional: the roles that they come to, always and where the data has them.

    Raises:
        RequestError: the first of them, with the nearest name.
    """
    for name in config.columns:
        if name not in columns:
            raise RequestError(
                f"data.columns.{name}: no layout of {kind} has {name}{nearest(name, columns)}; "
                f"they have {', '.join(columns)}."
            )
    given = ("id", *roles, *optional, *config.carried)
    for role in config.roles:
        if role not in given:
            raise RequestError(
                f"data.required or data.optional names {role!r}{nearest(role, given)}: {kind} "
                f"come to {', '.join(roles)} and, where the data has it, {', '.join(optional)}."
            )


class Carried:
    """Fields that no layout reads and the split does: their cells, a record after the other."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        """Args: columns: role -> field."""
        self.columns = columns
        self.seen: dict[str, None] = {}

    def cells(self, record: Record) -> tuple[str | None, ...]:
        """The record's, as text, in the order of the roles."""
        self.seen |= dict.fromkeys(record)
        return tuple(_text(record.get(field)) for field in self.columns.values())

    def arrays(self, rows: Sequence[tuple[str | None, ...]], origin: Any) -> dict[str, pa.Array]:
        """Role -> column, of the records that are used.

        Raises:
            RequestError: a field that no record has.
        """
        for field in self.columns.values():
            if field not in self.seen:
                raise RequestError(
                    f"{origin} has no field {field}{nearest(field, list(self.seen))}; its fields "
                    f"are {shown_columns(list(self.seen))}: data.split_column, "
                    "data.time_column and data.group_column name fields of the file, or are null."
                )
        return {
            role: pa.array([cells[place] for cells in rows], pa.string())
            for place, role in enumerate(self.columns)
        }


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    return value if isinstance(value, str) else as_json(value)
