"""How a file is written: its format, and of a delimited one separator, quotes and header.

Everything is told from what stands in the file, never from its name alone.
"""

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from tasks.config import DataConfig
from tasks.drafting.columns import is_number
from tasks.drafting.encodings import encoding_of
from tasks.drafting.foreign import refuse_foreign
from tasks.errors import RequestError
from tasks.ingestion.delimited import SEPARATOR_NAMES, delimited_records, shown_columns
from tasks.ingestion.encoding import refuse_wide_encodings
from tasks.ingestion.numbered import BadRecordError, Record, named, records_of
from tasks.ingestion.plain import named_as_given, plain_file
from tasks.ingestion.readers import FORMAT_OF_SUFFIX
from tasks.ingestion.sources import require_file
from tasks.ingestion.turns import is_chat

LOOKED_AT = 2000
"""Records of a delimited file by which its separator is told."""
MOST_ABOVE = 5
"""Lines above a header that are looked at."""
_RULE = re.compile(":?-{2,}:?")
LONGEST_NAME = 60
"""Characters of a column's name: a first cell of more is a value, or the question of a form."""


@dataclass(frozen=True)
class Form:
    """A file as it is read.

    Attributes:
        path: the file.
        fields: what the case has to say about it, as `data` has it; empty where nothing.
        said: the same in words.
        records: every record that can be read, as the file has it.
    """

    path: Path
    fields: Mapping[str, Any]
    said: str
    records: Sequence[Record]
    alike: tuple[str, ...] = ()
    """Columns that are not there because several have the name."""

    @property
    def names(self) -> list[str]:
        """The columns, in the order of the file."""
        return list(dict.fromkeys(name for record in self.records for name in record))


def form_of(path: Path, member: str | None = None, encoding: str | None = None) -> Form:
    """Read a file, telling how it is written.

    Args:
        path: the file.
        member: the one that is meant in an archive.
        encoding: of its text; None tells it from the letters.

    Raises:
        RequestError: not there, empty, no records, or nothing that Thaw reads.
    """
    plain = plain_file(require_file(path), member)
    told = encoding is None
    encoding = encoding or encoding_of(plain)
    if encoding is not None:
        plain = plain_file(plain, encoding=encoding)
    with named_as_given(plain, path):
        refuse_foreign(plain)
        return _form_of(path, plain, member, encoding, told)


def _form_of(
    given: Path, path: Path, member: str | None, encoding: str | None, encoding_told: bool
) -> Form:
    told = _format_of(path)
    fields: dict[str, Any] = {} if _suffix_says(path, told) else {"format": told}
    fields |= {} if encoding is None else {"encoding": encoding}
    fields |= {} if member is None else {"member": member}
    if told in ("csv", "tsv"):
        fields |= _delimited(path)
    config = DataConfig.model_validate({"path": path, "format": told, **fields})
    alike: list[str] = []

    def choose(names: Sequence[str]) -> list[str]:
        alike[:] = sorted({name for name in names if name and names.count(name) > 1})
        others = [name for name in named(names) if name not in alike]
        return others if len(others) > 1 else named(names)  # too few: refused by their name

    read = [record for _, record in records_of(path, told, config, choose)]
    records = [record for record in read if not isinstance(record, BadRecordError)]
    if not records:
        why = f": {read[0]}" if read else ""
        raise RequestError(f"{path} holds no record that can be read{why}.")
    fields_of_one = list(records[0].values())
    if len(read) == 1 and all(map(_is_nested, fields_of_one)):
        raise RequestError(
            f"{path} holds one object, whose fields are lists or objects of their own: save it as "
            'a list of records, [{"text": ..., "label": ...}, ...] (pandas: orient="records").'
        )
    bad = f", {len(read) - len(records):,} of them unreadable" if len(read) > len(records) else ""
    words = {"csv": "delimited text", "tsv": "tab-separated text", "jsonl": "JSON lines"}
    said = f"{words.get(told, told.upper() if told == 'json' else told.capitalize())}, "
    said += f"{len(read):,} records{bad}"
    if "separator" in fields:
        said += f", separated by {SEPARATOR_NAMES[fields['separator']]}"
    said += ", without a header" if "header" in fields else ""
    said += ", with quote characters that are text" if fields.get("quotes_are_text") else ""
    if alike:
        said += f", without the columns of one name: {shown_columns(alike)}"
    if encoding and encoding_told:
        said += f", read as {encoding}, by its letters (--encoding says another)"
    elif encoding:
        said += f", read as {encoding}"
    return Form(given, fields, said, records, tuple(alike))


def _is_nested(value: Any) -> bool:
    """Whether it holds values of several rows, or one of its own; a chat is one value."""
    chat = isinstance(value, list) and is_chat(value)
    turns = chat and any(name in turn for turn in value for name in ("role", "from"))
    return isinstance(value, list | dict) and not turns


def _suffix_says(path: Path, told: str) -> bool:
    return FORMAT_OF_SUFFIX.get(path.suffix.lower()) == told


def _format_of(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    refuse_wide_encodings(path)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"[":
        return "json"
    if start[:1] == b"{":
        return "jsonl"
    return "tsv" if path.suffix.lower() in (".tsv", ".tab") else "csv"


def _delimited(path: Path) -> dict[str, Any]:
    """`separator`, `quotes_are_text` and `header`, as far as they are not the format's own.

    Of separators that all fit, a tab, which no sentence has; then the one that makes most columns.
    """
    with path.open("rb") as stream:
        first = stream.readline(100).removeprefix(codecs.BOM_UTF8).strip()
    if first.lower().startswith(b"sep="):
        raise RequestError(
            f"{path} begins with the line {first.decode('utf-8', 'replace')!r}, which is for Excel "
            "alone: remove that line."
        )
    fitting = {}
    for quotes_are_text, separator in product((False, True), SEPARATOR_NAMES):
        rows = _rows(path, separator, quotes_are_text)
        if rows and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows):
            rank = (separator == "\t", not quotes_are_text, len(rows[0]), separator != ",")
            fitting[rank] = separator, quotes_are_text, rows
    if not fitting:
        for separator in SEPARATOR_NAMES:
            _refuse_title(path, separator)
        with path.open("rb") as stream:
            if b'\\"' in stream.read(2**20):
                raise RequestError(
                    f'{path} writes a quote inside a cell as \\", and CSV doubles it (""): save it '
                    "so (pandas: without escapechar)."
                )
        raise RequestError(
            f"{path} has no two columns that a comma, tab, semicolon or bar keeps apart in every "
            "row: a case needs what is read and what is to be learned. Save it as CSV with quotes "
            "around cells that contain the separator."
        )
    separator, quotes_are_text, rows = fitting[max(fitting)]
    if rows[0][0].strip() and not any(map(str.strip, rows[0][1:])):
        _refuse_title(path, separator)
    _refuse_stacked(path, rows)
    rule = [cell.strip() for cell in rows[1] if cell.strip()] if len(rows) > 1 else []
    if rule and all(map(_RULE.fullmatch, rule)):
        raise RequestError(
            f"{path} is a table of Markdown, whose second line is a rule and no row: remove it."
        )
    own = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
    fields: dict[str, Any] = {} if separator == own else {"separator": separator}
    if quotes_are_text:
        fields["quotes_are_text"] = True
    if not _is_header(rows):
        fields["header"] = [f"column_{number}" for number in range(1, len(rows[0]) + 1)]
    return fields


def _refuse_title(path: Path, separator: str) -> None:
    """Refuse lines above the header: one filled cell each, and rows of several cells below."""
    rows = []
    try:
        for line, cells in delimited_records(path, separator, False):
            rows.append((line, cells))
            if len(rows) == MOST_ABOVE + 3:
                break
    except (RequestError, UnicodeDecodeError):
        return
    widths = [sum(bool(cell.strip()) for cell in cells) for _, cells in rows]
    above = next((at for at, width in enumerate(widths) if width > 1), 0)
    below = rows[above:]
    whole = len(below) > 2 and len({len(cells) for _, cells in below}) == 1
    if 0 < above <= MOST_ABOVE and whole and widths[above] == len(below[0][1]):
        told = " ".join(rows[0][1]).strip()[:40]
        raise RequestError(
            f"{path} begins with {'a line' if above == 1 else f'{above} lines'} above its header "
            f"({told!r}); its columns are named in line {below[0][0]} "
            f"({', '.join(below[0][1])}): remove what stands above."
        )


def _refuse_stacked(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Refuse names of several levels: rows without a number, above rows that are counted."""
    first = [row[0].strip() for row in rows]
    levels = next((at for at, cell in enumerate(first) if cell and at), 0)
    if 1 < levels <= MOST_ABOVE and not any(first[:levels]) and all(map(is_number, first[levels:])):
        raise RequestError(
            f"{path} names its columns in {levels} lines, one above the other: give each column "
            "one name (pandas: join the levels before to_csv)."
        )


def _rows(path: Path, separator: str, quotes_are_text: bool) -> list[list[str]]:
    """The first records, or none where the file does not come apart that way."""
    rows: list[list[str]] = []
    try:
        for _, cells in delimited_records(path, separator, quotes_are_text):
            rows.append(cells)
            if len(rows) == LOOKED_AT or len(cells) != len(rows[0]):
                break
    except (RequestError, UnicodeDecodeError):
        return []
    return rows


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: short, and in no cell below.

    A column without a name is one that programs add: empty, or the first, which counts the rows.
    """
    names = [name.strip() for name in rows[0]]
    if any(map(is_number, names)):
        return False
    below = list(zip(*rows[1:], strict=True)) if len(rows) > 1 else [()] * len(names)
    if any(len(name) > LONGEST_NAME for name in names) and not any(
        name and name not in cells and 2 * len(set(cells)) <= len(cells)
        for name, cells in zip(names, below, strict=True)
    ):  # no column whose values recur, so that its name would be known by standing apart
        return False
    for place, (name, cells) in enumerate(zip(names, below, strict=True)):
        found = {cell.strip() for cell in cells}
        counts = place == 0 and len(found) == len(cells) and all(map(is_number, found))
        if name in found if name else not (counts or found <= {""}):
            return False
    return any(names)
