"""Records of a file one by one, each with its line, so that a bad one can be named or left out."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.columnar import parquet_records
from tasks.ingestion.delimited import Choose
from tasks.ingestion.encoding import UTF8, not_utf8, refuse_wide_encodings
from tasks.ingestion.readers import FORMAT_OF_SUFFIX, read_file
from tasks.ingestion.records import json_list
from tasks.ingestion.written import BROKEN_TEXT, DECODER, as_json, is_broken

Record = dict[str, Any]
OnBadLine = Literal["raise", "skip"]
T = TypeVar("T")
MOST_UNREAD = 10
"""Fields that a note names before it counts the rest."""


class BadRecordError(Exception):
    """Why one record cannot be used, as the end of a sentence."""


def text_of(record: Record, name: str) -> str:
    """A field that must be there and hold text or a number, without white space around it."""
    value = record.get(name)
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        raise BadRecordError(f"{name} is empty")
    if isinstance(value, int | float):  # as Parquet has it; in JSON it is text already
        return as_json(value)
    if not isinstance(value, str):
        raise BadRecordError(f"{name} is not a text")
    return value.strip()


def with_input(record: Record) -> str:
    """An instruction, with what it is about where it has such a thing.

    A list or object is written as JSON writes it.
    """
    asked, about = text_of(record, "instruction"), record.get("input")
    if about is None or about != about or about == [] or about == {}:
        return asked
    written = about.strip() if isinstance(about, str) else as_json(about)
    return f"{asked}\n\n{written}" if written else asked


class Unread:
    """Counts the fields with something in them that a layout does not read."""

    def __init__(self) -> None:
        self.records = 0
        self.counts: Counter[str] = Counter()

    def see(self, record: Record, read: Collection[str]) -> None:
        """Take note of a record of which only the fields `read` are read."""
        self.records += 1
        held = (name for name, value in record.items() if value not in (None, "", [], {}))
        self.counts.update(name for name in held if name not in read)

    @property
    def note(self) -> str:
        """The fields by name, each with its share of the records (empty: all are read)."""
        return unread_note({name: n / self.records for name, n in self.counts.items()})


def unread_note(shares: Mapping[str, float]) -> str:
    """Names of fields or columns that are not read, with their shares of rows, 0 to 1."""
    named = [
        f"{name} ({max(share, 0.01):.0%} of rows)"
        for name, share in list(shares.items())[:MOST_UNREAD]
    ]
    more = [f"{len(shares) - MOST_UNREAD} more"] if len(shares) > MOST_UNREAD else []
    return f"not read: {', '.join([*named, *more])}" if named else ""


@dataclass(frozen=True)
class Numbered(Generic[T]):
    """What was made of a file's records.

    Attributes:
        found: the line (of JSON lines) or number of each usable record, with what it came to.
        skipped: line -> why it was left out.
    """

    found: list[tuple[int, T]]
    skipped: dict[int, str]

    @property
    def note(self) -> str:
        """What was left out, in words (empty: nothing)."""
        if not self.skipped:
            return ""
        line, why = next(iter(self.skipped.items()))
        return f"{len(self.skipped)} bad records left out, the first {line}: {why}"


def usable_records(
    source: Path | pa.Table,
    read: Callable[[Record], T],
    on_bad_line: OnBadLine,
    form: DataConfig | None = None,
    name: str = "",
) -> Numbered[T]:
    """Make something of each record of a file or table.

    Args:
        source: a CSV, TSV, JSON, JSONL or Parquet file, or its rows.
        read: makes it, of texts in tuples or lists; raises `BadRecordError` where it cannot.
        on_bad_line: `raise` at the first record that cannot be used, or `skip` and count them.
        form: its `format` (by default told from the extension), and how a CSV file is read.
        name: what messages call a table.

    Raises:
        RequestError: unreadable, a bad record (with its line), no good one.
    """
    kind = form.format if form and form.format else _told_format(source)
    path = source if isinstance(source, Path) else name
    unit = "line" if kind == "jsonl" else "record"
    found: list[tuple[int, T]] = []
    skipped: dict[int, str] = {}
    for number, record in records_of(source, kind, form):
        try:
            if isinstance(record, BadRecordError):
                raise record
            found.append((number, _read(read, record)))
        except BadRecordError as fault:
            if on_bad_line == "raise":
                raise RequestError(
                    f"{path}, {unit} {number}: {fault}; correct it, or leave such records "
                    "out with data.on_bad_line=skip."
                ) from fault
            skipped[number] = str(fault)
    if not found:
        reasons = "; ".join(f"{why} ({n})" for why, n in Counter(skipped.values()).most_common(3))
        raise RequestError(f"{path} holds no usable record{f': {reasons}' if reasons else ''}.")
    return Numbered(found, skipped)


def _read(read: Callable[[Record], T], record: Record) -> T:
    try:
        made = read(record)
    except RecursionError as error:
        raise BadRecordError("nested too deeply") from error
    if is_broken(made):
        raise BadRecordError(BROKEN_TEXT)
    return made


def _told_format(source: Path | pa.Table) -> str | None:
    return FORMAT_OF_SUFFIX.get(source.suffix.lower()) if isinstance(source, Path) else None


def named(names: Sequence[str]) -> list[str]:
    """All columns; those without a name only where there is one, since no one could say which."""
    return [name for name in names if name or names.count("") == 1]


def records_of(
    source: Path | pa.Table,
    kind: str | None,
    form: DataConfig | None,
    choose: Choose = named,
) -> Iterator[tuple[int, Record | BadRecordError]]:
    """Each record with its line (JSON lines) or number, counted from 1.

    `choose` says which columns of a delimited file are read.
    """
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
            yield from enumerate(parquet_records(path), 1)
        case _:  # CSV, and the sentences for a file that is not there or of no known format
            form = form or DataConfig(path=path)
            yield from enumerate(read_file(path, form, choose).to_pylist(), 1)


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
    if isinstance(record, list):
        return BadRecordError("a list and not a JSON object (set data.format=json?)")
    return record if isinstance(record, dict) else BadRecordError("not a JSON object")


def _list(path: Path) -> list[Record | BadRecordError]:
    found = json_list(path)
    return [x if isinstance(x, dict) else BadRecordError("not a JSON object") for x in found]
