"""Prediction with the champion, from the command line or from Python."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.address import Address
from tasks.config import DataConfig
from tasks.config.case_files import case_names, proper_name
from tasks.errors import RequestError
from tasks.ingestion.ingest import columns_of_roles
from tasks.ingestion.prepare import clean, parse_template, render
from tasks.ingestion.readers import FORMAT_OF_SUFFIX, read_file
from tasks.ingestion.written import BROKEN_TEXT, is_broken
from tasks.registry.fresh import FreshModel, load_fresh
from tasks.tracking import Tracker

UNANSWERED = "unanswered"
"""What is shown of a row that cannot be asked: why."""
PLAIN = ("", ".txt", ".text", ".md", ".log", ".lst")
"""Suffixes of files with a text a line."""


def load_champion(case: str, tracking: Address | str | None = None, alias: str = "champion") -> Any:
    """The model that the alias names: loaded here, or asked in a process of its own.

    The latter where it was packaged with other code than this: only its own knows what it means.

    Raises:
        RequestError: there is none yet; says which flow makes it.
    """
    found = registered(case, tracking, alias)
    if not found.is_of_today:
        return found
    return Tracker(tracking).load_pyfunc(f"models:/{proper_name(case)}@{alias}")


def registered(
    case: str, tracking: Address | str | None = None, alias: str = "champion"
) -> FreshModel:
    """The files of the registered version that the alias names.

    Raises:
        RequestError: there is none yet; says which flow makes it.
    """
    tracker, case = Tracker(tracking), proper_name(case)
    if tracker.alias(case, alias) is None:
        given = case if case in case_names() else f"{case}.yaml"  # a file of the user's own
        waiting = tracker.alias(case, "challenger") if alias == "champion" else None
        if waiting is not None:
            why = waiting.tags.get("thaw.verdict", "its reason was not kept")
            raise RequestError(
                f"There is no champion of {case} yet: version {waiting.version} did not become it "
                f"({why}). `thaw predict {given} --alias challenger` asks it all the same."
            )
        raise RequestError(
            f"There is no {alias} of {case} yet: `thaw run {given}` trains and registers one."
        )
    return load_fresh(tracker, f"models:/{case}@{alias}")


def predict(
    model: Any, rows: Sequence[str | dict[str, str]], params: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Labels by falling probability for each text, or what a model that writes answers.

    Args:
        model: from `load_champion` or `load_arm`.
        rows: what is asked: texts, or records where a case takes more than a text.
        params: of a model that writes, see `Writer.predict`.

    Raises:
        RequestError: there is no text, or one is empty.
    """
    if not rows:
        raise RequestError("There is nothing to predict: give a text or --file FILE.")
    empty = [n for n, row in enumerate(rows, 1) if isinstance(row, str) and not row.strip()]
    if empty:
        raise RequestError(f"Text {empty[0]} is empty: give at least one word.")
    answers: list[dict[str, Any]] = (
        model.predict(rows, params=params) if params else model.predict(rows)
    )
    return answers


def read_texts(path: Path) -> dict[int, str]:
    """Texts from a file, one a line, by the numbers of their lines; empty lines are none.

    Raises:
        RequestError: the file is missing, not UTF-8, empty, or of a format that is not read.
    """
    if path.suffix.lower() not in PLAIN:
        raise RequestError(
            f"{path} is neither a text file ({', '.join(filter(None, PLAIN))}: a text a line) "
            f"nor a table ({', '.join(FORMAT_OF_SUFFIX)})."
        )
    return _lines(path)


def read_rows(
    path: Path, data: DataConfig, told: Mapping[str, Any] | None = None
) -> tuple[list[dict[str, str]], list[str | None]]:
    """The rows of a table as they are shown, and the whole text of each as the case reads it.

    A row is shown by its `id`, where it has one, and its `text`: that of the text role where there
    is no other column of the template, else the whole. One whose text is empty has none to be
    read, and is shown as `UNANSWERED`.

    Args:
        path: a CSV, TSV, JSON, JSONL or Parquet file with the case's columns.
        data: the case's; a column called `text` stands for its text role, and other columns of its
            template may be absent.
        told: how this file is written, where it is not as the case's own (`separator` …).

    Raises:
        RequestError: the file cannot be read, lacks a column, or no row has a text.
    """
    lines = parse_template(data)
    wanted = {role for line in lines for _, role in line if role}
    form = FORMAT_OF_SUFFIX[path.suffix.lower()]
    written = {
        "separator": data.separator if form == "csv" else None,
        "quotes_are_text": data.quotes_are_text,
    }
    reading = DataConfig(path=path, format=form, label_role=None, **(written | dict(told or {})))

    def chosen(names: Sequence[str]) -> dict[str, str]:
        return columns_asked(names, data, str(path))

    table = read_file(path, reading, lambda names: list(dict.fromkeys(chosen(names).values())))
    columns = chosen(table.column_names)
    cells = {role: table.column(column).to_pylist() for role, column in columns.items()}
    alone = wanted & cells.keys() == {data.text_role}
    shown: list[dict[str, str]] = []
    rendered: list[str | None] = []
    for number in range(table.num_rows):
        values = {role: clean(cells[role][number], data) for role in wanted & cells.keys()}
        text = render(lines, values, data.pair)
        named = {"id": cells["id"][number] or f"row-{number + 1}"} if "id" in cells else {}
        if text is None or not (values[data.text_role] or data.text_role in data.may_be_empty):
            why = f"record {number + 1}: the text is empty"
            shown.append({**named, "text": "", UNANSWERED: why})
            rendered.append(None)
        else:
            shown.append({**named, "text": values[data.text_role] if alone else text})
            rendered.append(text)
    if shown and not any(rendered):
        raise RequestError(f"{path}, {shown[0][UNANSWERED]} (so is every other).")
    return shown, rendered


def columns_asked(names: Sequence[str], data: DataConfig, source: str) -> dict[str, str]:
    """Which columns play the roles of the template, and the id, in what a model is asked.

    Args:
        names: of the columns.
        data: the case's; a column called `text` stands for its text role, and other columns of its
            template may be absent.
        source: what messages call it.

    Raises:
        RequestError: the text is not there.
    """
    own = data.columns.get(data.text_role, data.text_role)
    renamed = {} if own in names or "text" not in names else {data.text_role: "text"}
    wanted = {role for line in parse_template(data) for _, role in line if role}
    asking = {
        "required": (data.text_role,),
        "optional": ("id", *sorted(wanted)),
        "columns": data.columns | renamed,
        **{"label_columns": (), "keep": {}, "sort_by": None},
        **{"split_column": None, "time_column": None},
    }
    return columns_of_roles(names, data.model_copy(update=asking), source)


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table."""
    return path.suffix.lower() in FORMAT_OF_SUFFIX


def read_fields(path: Path, names: tuple[str, ...]) -> list[dict[str, str]]:
    """The fields of these names, all of them texts, of each JSONL record.

    Raises:
        RequestError: the file is missing, not UTF-8 or empty, or a record lacks a field.
    """
    found = []
    for number, line in _lines(path).items():
        try:
            record = json.loads(line)
            fields = {name: record[name] for name in names}
        except (ValueError, KeyError, TypeError, RecursionError):
            fields = {}
        if not fields or not all(isinstance(value, str) for value in fields.values()):
            quoted = " and ".join(f"`{name}`" for name in names)
            wanted = f"a {quoted} field" if len(names) == 1 else f"the text fields {quoted}"
            raise RequestError(f"{path} line {number} is no JSON record with {wanted}.")
        if any(map(is_broken, fields.values())):
            raise RequestError(f"{path} line {number}: {BROKEN_TEXT}.")
        found.append(fields)
    return found


def _lines(path: Path) -> dict[int, str]:
    """The lines that hold something, by their numbers from 1."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    # Not splitlines(): a JSON string may hold U+2028 and its like, which are no line ends here.
    lines = {n: line for n, line in enumerate(content.split("\n"), 1) if line.strip()}
    if not lines:
        raise RequestError(f"{path} holds no text.")
    return lines
