"""Dialogues in any of their layouts as the two roles of a case that answers: prompt, completion."""

from pathlib import Path

import pyarrow as pa

from tasks.config import DataConfig
from tasks.ingestion.dialogues import read_dialogues
from tasks.ingestion.layout_roles import check_layout_roles
from tasks.ingestion.layouts import COLUMNS

ROLES = ("prompt", "completion")
OPTIONAL = ("source",)


def read_instructions(
    source: Path | pa.Table, config: DataConfig, turn_names: tuple[str, str]
) -> tuple[pa.Table, str]:
    """Read dialogues and leave out every row that asks what an earlier one asked.

    Args:
        source: from `sources.fetch`.
        config: `columns`, `on_bad_line`, and how a file is read.
        turn_names: what stands before earlier questions and answers of a longer dialogue.

    Returns:
        `row` (int64, the line or record), `prompt`, `completion` and (where the data has it)
        `source`; and what was left out, in words (empty: nothing).

    Raises:
        RequestError: see `read_dialogues`.
    """
    found = read_dialogues(
        source, config.columns, config.on_bad_line, turn_names, config, config.source
    )
    table, repeated = found.without_repeats()
    notes = [f"{found.layout} layout"]
    notes += [found.note] if found.note else []
    if repeated:
        notes.append(f"{repeated} rows left out whose prompt an earlier row has")
    names = ["row", *ROLES, *OPTIONAL, *config.carried]
    table = table.rename_columns(names)
    if table["source"].null_count == len(table):
        table = table.drop_columns("source")
    return table, "; ".join(notes)


def check_dialogue_roles(config: DataConfig) -> None:
    """Refuse columns that no layout has, and roles other than those that dialogues come to."""
    check_layout_roles(config, "dialogues", COLUMNS, ROLES, OPTIONAL)
