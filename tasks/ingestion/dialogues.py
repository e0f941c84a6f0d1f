"""Instruction data in the layouts it comes in, read as prompts with completions.

| layout | a record |
|---|---|
| instruction | `instruction`, `output`, and `input`, `history` where there are such |
| prompt | `prompt`, `completion` (or `response`): texts, or lists of messages |
| messages | `messages` (or `conversations`): what is said in turn, see `turns.py` |
| oig | `text`: lines `<human>: ...` and `<bot>: ...` (OIG's unified files) |

The layout is told from the columns. The completion is the last thing the assistant says that is
to be learned; what was said before it is the prompt, and a field `system` opens it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tasks.config import DataConfig
from tasks.ingestion.layout_roles import Carried
from tasks.ingestion.layouts import fields_of, layout_of, said_in, source_of
from tasks.ingestion.numbered import OnBadLine, Record, Unread, usable_records
from tasks.ingestion.turns import with_history
from tasks.texts import identity

_SCHEMA = pa.schema(
    {"line": pa.int64(), "prompt": pa.string(), "completion": pa.string(), "source": pa.string()}
)


@dataclass(frozen=True)
class Dialogues:
    """What a file holds.

    Attributes:
        table: `line` (of the file, or the record's number), `prompt`, `completion`, and `source`
            (null where the file names none).
        layout: which of the module's layouts it was.
        skipped: line -> why it was left out.
        note: the same in words, with the turns and fields that are not read (empty: nothing was).
    """

    table: pa.Table
    layout: str
    skipped: dict[int, str]
    note: str = ""

    def without_repeats(self) -> tuple[pa.Table, int]:
        """The first row of each prompt (see `texts.identity`), and how many rows went."""
        first: dict[str, int] = {}
        for row, prompt in enumerate(self.table["prompt"].to_pylist()):
            first.setdefault(identity(prompt), row)
        kept = self.table.take(pa.array(list(first.values()), pa.int64()))
        return kept, len(self.table) - len(kept)


def read_dialogues(
    source: Path | pa.Table,
    columns: Mapping[str, str] | None = None,
    on_bad_line: OnBadLine = "raise",
    turn_names: tuple[str, str] = ("Question", "Response"),
    form: DataConfig | None = None,
    name: str = "",
) -> Dialogues:
    """Read a CSV, TSV, JSON, JSONL or Parquet file, or a table, of instructions, prompts or chats.

    Args:
        source: the file, or its rows.
        columns: layout's name -> the file's, where they differ (`{"prompt": "English"}`).
        on_bad_line: `raise` at the first record that cannot be used, or `skip` and count them.
        turn_names: what stands before the earlier questions and answers of a longer dialogue in
            its prompt: the names of the prompt format that will stand around it.
        form: its `format` (by default told from the extension), and how a CSV file is read.
        name: what messages call a table.

    Raises:
        RequestError: unreadable, columns of no layout, a bad record (with its line), no good one.
    """
    renamed = {given: known for known, given in (columns or {}).items()}
    path = source if isinstance(source, Path) else name
    layout = ""
    later = 0
    unread = Unread()
    carried = Carried(form.carried if form else {})

    def read(record: Record) -> tuple[str, str, str | None, tuple[str | None, ...]]:
        nonlocal layout, later
        cells = carried.cells(record)
        record = {renamed.get(name, name): value for name, value in record.items()}
        layout = layout or layout_of(path, record)
        unread.see(record, {*fields_of(layout, record), *carried.columns.values()})
        (*asked, completion), left_out = said_in(record, layout)
        later += left_out
        return with_history(asked, turn_names), completion, source_of(record), cells

    made = usable_records(source, read, on_bad_line, form, name)
    fields = zip(*((number, *row[:3]) for number, row in made.found), strict=True)
    arrays = [pa.array(values, kind) for values, kind in zip(fields, _SCHEMA.types, strict=True)]
    notes = [made.note, unread.note]
    notes += [f"{later} turns left out behind the last answer whose weight is not 0"] * (later > 0)
    note = "; ".join(filter(None, notes))
    table = pa.table(arrays, schema=_SCHEMA)
    for role, cells in carried.arrays([row[3] for _, row in made.found], path).items():
        table = table.append_column(role, cells)
    return Dialogues(table, layout, made.skipped, note)
