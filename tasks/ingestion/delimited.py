"""CSV and TSV, by the standard library's parser: fast enough, and it knows the line it is on.

(pyarrow's parser is faster still, but reads a quote that is never closed as a cell that holds the
rest of the file, and says of a ragged row only that there is one.)
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.encoding import UTF8, not_utf8, refuse_wide_encodings

Choose = Callable[[Sequence[str]], Sequence[str]]
"""Given the names of a file's columns, those to read; raises where one that is needed lacks."""

SEPARATOR_NAMES = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar"}
BLOCK = 8192
"""Rows that are Python objects at one time."""
NOTHING = ("", "\\N")
"""Cells without a value: empty ones, and what databases write for NULL, which no text is."""
LONGEST_CELL = 2**31 - 1
MOST_NAMED = 30
"""Column names that a message lists."""


def read_delimited(path: Path, config: DataConfig, separator: str, choose: Choose) -> pa.Table:
    """The chosen columns as text, exactly as in the file; an empty cell is null.

    Blank lines are no records. `config.header` names the columns of a file without a header row.

    Raises:
        RequestError: not UTF-8, no rows, another separator, ragged rows or broken quotes.
    """
    refuse_wide_encodings(path)
    separator = _checked(config.separator or separator)
    try:
        return _read(path, config, separator, choose)
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error


def _read(path: Path, config: DataConfig, separator: str, choose: Choose) -> pa.Table:
    rows = delimited_records(path, separator, config.quotes_are_text)
    first = next(rows, None)
    if first is None:
        raise RequestError(f"{path} holds nothing but blank lines.")
    names = list(config.header or first[1])
    columns = _columns(path, first[1], names, separator, config, choose)
    places = [names.index(name) for name in columns]
    blocks: list[list[pa.Array]] = []
    block: list[list[str]] = []
    if config.header:
        block.append([first[1][place] for place in places])
    for line, cells in rows:
        if len(cells) != len(names):
            raise RequestError(
                f"{path}, line {line}: {len(cells)} cells where the "
                f"{'configured' if config.header else 'file'}'s header has {len(names)}; "
                f"a cell that contains {SEPARATOR_NAMES.get(separator, repr(separator))} "
                "or a line break has to be quoted."
            )
        block.append([cells[place] for place in places])  # of thousands, perhaps, a few
        if len(block) == BLOCK:
            blocks.append(_arrays(block))
            block = []
    if block:
        blocks.append(_arrays(block))
    if not blocks:
        raise RequestError(f"{path} has a header ({shown_columns(names)}) but no rows.")
    chunks = [pa.chunked_array(arrays) for arrays in zip(*blocks, strict=True)]
    return pa.table(chunks, names=columns)


def delimited_records(
    path: Path, separator: str, quotes_are_text: bool
) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it starts on.

    Raises:
        RequestError: broken quotes.
        UnicodeDecodeError: not UTF-8.
    """
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding=UTF8, newline="") as stream:
        reader = csv.reader(
            stream,
            delimiter=separator,
            quoting=csv.QUOTE_NONE if quotes_are_text else csv.QUOTE_MINIMAL,
            strict=True,  # or a quote that is never closed swallows the rest of the file
        )
        start = 1
        try:
            for cells in reader:
                if cells:
                    yield start, cells
                start = reader.line_num + 1
        except csv.Error as error:
            raise RequestError(
                f"{path}, line {start}: broken quotes ({error}); double a quote inside a quoted "
                "cell, or set data.quotes_are_text=true if the file does not quote cells."
            ) from error


def _arrays(block: list[list[str]]) -> list[pa.Array]:
    columns = zip(*block, strict=True)
    return [
        pa.array([None if cell in NOTHING else cell for cell in column], pa.string())
        for column in columns
    ]


def shown_columns(names: Iterable[str]) -> str:
    """The names of columns as a message lists them."""
    shown = [name if name and name == name.strip() else repr(name) for name in names]
    more = len(shown) - MOST_NAMED
    return ", ".join(shown[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _columns(
    path: Path,
    first: list[str],
    names: list[str],
    separator: str,
    config: DataConfig,
    choose: Choose,
) -> list[str]:
    """The columns to read, or the reason why they cannot be: mostly the wrong separator."""
    if config.header and len(first) != len(names):
        better = [
            sep for sep, cells in _otherwise(path, separator, config) if len(cells) == len(names)
        ]
        hint = f"; with data.separator={better[0]!r} it would fit" if better else ""
        raise RequestError(
            f"{path}, line 1: {len(first)} cells where data.header names {len(names)}{hint}."
        )
    if config.header and first == names:
        raise RequestError(
            f"{path} has a header row of its own, so data.header has to go (data.header=null)."
        )
    try:
        chosen = list(choose(names))
    except RequestError:
        if better_separator := _better_separator(path, names, separator, config, choose):
            name = SEPARATOR_NAMES[better_separator]
            raise RequestError(
                f"{path} has {len(names)} column{'s' * (len(names) > 1)} when read with the "
                f"separator {separator!r}, and is separated by {name}: set "
                f"data.separator={better_separator!r}."
            ) from None
        raise
    twice = sorted({name for name in chosen if names.count(name) > 1})
    if twice:
        raise RequestError(f"{path} has several columns named {', '.join(twice)}: rename one.")
    return chosen


def _better_separator(
    path: Path, names: list[str], separator: str, config: DataConfig, choose: Choose
) -> str | None:
    """Another separator under which the needed columns exist, or one where this finds no second."""
    others = _otherwise(path, separator, config)
    for other, cells in others:
        try:
            choose(cells)
        except RequestError:
            continue
        return other
    widest = max(others, key=lambda each: len(each[1]), default=None)
    return widest[0] if widest and len(names) == 1 < len(widest[1]) else None


def _otherwise(path: Path, separator: str, config: DataConfig) -> list[tuple[str, list[str]]]:
    """The first record as each other separator would cut it."""
    cut = []
    for other in SEPARATOR_NAMES:
        if other != separator:
            try:
                record = next(delimited_records(path, other, config.quotes_are_text), None)
            except RequestError:
                continue
            if record:
                cut.append((other, record[1]))
    return cut


def _checked(separator: str) -> str:
    separator = "\t" if separator == "\\t" else separator
    if len(separator) != 1 or separator in '"\r\n':
        raise RequestError(
            f"data.separator={separator!r} is not a separator: give one character (',' or '\\t')."
        )
    return separator
