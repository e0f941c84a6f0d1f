"""What a case may say of data whose layout is told from its fields."""

from collections.abc import Sequence

from tasks.config import DataConfig
from tasks.errors import RequestError
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
    given = ("id", *roles, *optional)
    for role in config.roles:
        if role not in given:
            raise RequestError(
                f"data.required or data.optional names {role!r}{nearest(role, given)}: {kind} "
                f"come to {', '.join(roles)} and, where the data has it, {', '.join(optional)}."
            )
