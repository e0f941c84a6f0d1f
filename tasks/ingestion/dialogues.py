"""Instruction data in the layouts it comes in, read as prompts with completions.

| layout | a record |
|---|---|
| instruction | `instruction`, `output`, and `input` where there is one |
| prompt | `prompt`, `completion` (or `response`) |
| messages | `messages`: a list of `{"role": ..., "content": ...}` |
| oig | `text`: lines `<human>: ...` and `<bot>: ...` (OIG's unified files) |

The layout is told from the columns. The completion is the last thing the assistant says; what
was said before it is the prompt.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.encoding import UTF8, not_utf8, refuse_wide_encodings
from tasks.ingestion.layouts import READERS, BadRecordError, Record, layout_of, source_of
from tasks.ingestion.readers import FORMAT_OF_SUFFIX, read_file
from tasks.ingestion.records import DECODER, json_list
from tasks.splitting.shingles import normalise

OnBadLine = Literal["raise", "skip"]

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
    """

    table: pa.Table
    layout: str
    skipped: dict[int, str]

    def without_repeats(self) -> tuple[pa.Table, int]:
        """The first row of each prompt (case and spacing aside), and how many rows went."""
        first: dict[str, int] = {}
        for row, prompt in enumerate(self.table["prompt"].to_pylist()):
            first.setdefault(normalise(prompt), row)
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
    kind = form.format if form and form.format else _told_format(source)
    path = source if isinstance(source, Path) else name
    unit = "line" if kind == "jsonl" else "record"
    layout = ""
    rows: list[tuple[int, str, str, str | None]] = []
    skipped: dict[int, str] = {}
    for number, record in _records(source, kind, form):
        try:
            if isinstance(record, BadRecordError):
                raise record
            record = {renamed.get(name, name): value for name, value in record.items()}
            layout = layout or layout_of(path, record)
            *before, prompt, completion = READERS[layout](record)
            prompt = _with_history(before, prompt, turn_names)
            rows.append((number, prompt, completion, source_of(record)))
        except BadRecordError as fault:
            if on_bad_line == "raise":
                raise RequestError(
                    f"{path}, {unit} {number}: {fault}; correct it, or leave such records "
                    "out with data.on_bad_line=skip."
                ) from fault
            skipped[number] = str(fault)
    if not rows:
        reasons = "; ".join(f"{why} ({n})" for why, n in Counter(skipped.values()).most_common(3))
        raise RequestError(f"{path} holds no usable record{f': {reasons}' if reasons else ''}.")
    fields = zip(*rows, strict=True)
    arrays = [pa.array(values, kind) for values, kind in zip(fields, _SCHEMA.types, strict=True)]
    return Dialogues(pa.table(arrays, schema=_SCHEMA), layout, skipped)


def _told_format(source: Path | pa.Table) -> str | None:
    return FORMAT_OF_SUFFIX.get(source.suffix.lower()) if isinstance(source, Path) else None


def _records(
    source: Path | pa.Table, kind: str | None, form: DataConfig | None
) -> Iterator[tuple[int, Record | BadRecordError]]:
    """Each record with its line (JSON lines) or number, counted from 1."""
    if isinstance(source, pa.Table):
        yield from enumerate(source.to_pylist(), 1)
        return
    path = source
    match kind:
        case "jsonl" if path.is_file():
            yield from _lines(path)
        case "json" if path.is_file():
            yield from enumerate(_list(path), 1)
        case "parquet" if path.is_file():
            try:
                yield from enumerate(pq.read_table(path).to_pylist(), 1)
            except pa.ArrowException as error:
                raise RequestError(f"{path} is not a readable Parquet file: {error}.") from error
        case _:  # CSV, and the sentences for a file that is not there or of no known format
            form = form or DataConfig(path=path)
            yield from enumerate(read_file(path, form, list).to_pylist(), 1)


def _lines(path: Path) -> Iterator[tuple[int, Record | BadRecordError]]:
    refuse_wide_encodings(path)
    with path.open(encoding=UTF8) as stream:
        try:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, _decoded(line)
        except UnicodeDecodeError as error:
            raise not_utf8(path) from error


def _decoded(line: str) -> Record | BadRecordError:
    try:
        record = DECODER.decode(line.strip())
    except json.JSONDecodeError as error:
        return BadRecordError(f"not JSON ({error.msg}, column {error.colno})")
    except RecursionError:
        return BadRecordError("nested too deeply")
    return record if isinstance(record, dict) else BadRecordError("not a JSON object")


def _list(path: Path) -> list[Record | BadRecordError]:
    found = json_list(path)
    return [x if isinstance(x, dict) else BadRecordError("not a JSON object") for x in found]


def _with_history(before: list[str], question: str, names: tuple[str, str]) -> str:
    """A question behind what was said before it (question, answer, ...).

    The prompt format writes `Question: ` before and `Response:` behind the whole, so that only
    what stands between the turns is added here, and the dialogue reads on.
    """
    prompt = ""
    for earlier, answer in zip(before[::2], before[1::2], strict=True):
        prompt += f"{earlier}\n{names[1]}: {answer}\n{names[0]}: "
    return prompt + question
