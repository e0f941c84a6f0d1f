"""Files of other programs that hold the rows in a form that is no table: what to save instead."""

import re
from pathlib import Path

from tasks.errors import RequestError

HEAD = 1 << 16
"""Bytes that are looked at: each of these forms shows in its first lines."""
MOST = 0.9
"""Share of the lines that have the form."""
_FORMS = (
    (
        re.compile(r"(?:__label__\S+[ ,]*)+\S", re.IGNORECASE),
        "is in the form of fastText ({line}): write each line as two columns, its labels and its "
        "text, as with `sed -E 's/^__label__([^ ]+) /\\1\\t/' {name} > {stem}.tsv` where a row has "
        "one label",
    ),
    (
        re.compile(r"\S+(?: [\w.^-]+:-?[\d.]+){2,}(?: #.*)?"),
        "is in the form of SVMlight ({line}): its features are numbers, and Thaw reads texts",
    ),
)
_SQL_BEGINS = re.compile(
    r"--|/\*|PRAGMA \w|BEGIN( TRANSACTION)?;|SET [@\w. ]+=|(DROP|CREATE) |INSERT INTO ",
    re.IGNORECASE,
)
_SQL_ROWS = re.compile(r"(CREATE (\w+ )?TABLE|INSERT INTO|COPY) \S", re.IGNORECASE)
_LABEL_STUDIO = re.compile(r'"annotations":\s*\[\s*\{.{0,4000}?"result":\s*\[', re.DOTALL)


def refuse_foreign(path: Path) -> None:
    """Refuse a file that another program wrote in a form of its own, and say what to do.

    Args:
        path: UTF-8 text, or anything.

    Raises:
        RequestError: it is such a file.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD).decode("utf-8", errors="replace").removeprefix("\ufeff")
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    if lines and _SQL_BEGINS.match(lines[0]) and any(map(_SQL_ROWS.match, lines)):
        raise RequestError(
            f"{path} holds commands of SQL: export the table, or the answer of a query, as CSV "
            "with a header, and give that."
        )
    if head.lstrip().startswith("[") and _LABEL_STUDIO.search(head):
        raise RequestError(
            f"{path} is Label Studio's whole export, in which labels lie in `annotations`: export "
            "it as JSON-MIN or CSV, and give that."
        )
    for form, said in _FORMS:
        if lines and sum(bool(form.match(line)) for line in lines) >= MOST * len(lines):
            told = said.format(line=lines[0][:40], name=path.name, stem=path.stem)
            raise RequestError(f"{path} {told}.")
