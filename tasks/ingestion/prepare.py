"""From roles to examples: a cleaned text by template, and a list of labels."""

import string
from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.cleaning import clean
from tasks.ingestion.labels import label_parser, labels_of
from tasks.storage import TableRef, put_table
from tasks.texts import PAIR
from tasks.wording import nearest

__all__ = ["clean", "label_parser", "parse_template", "prepare", "render", "render_bare"]

Line = list[tuple[str, str | None]]
"""A template line: literal texts, each followed by the role whose value comes next (or None)."""


def prepare(raw: TableRef, config: DataConfig, labels_are_texts: bool = False) -> TableRef:
    """Add `text` and `labels` to what `ingest` stored; no row and no other column is lost.

    `text` is null where a required role that the template names is empty after cleaning, unless
    `may_be_empty` lists the role: such a row is not an example, whatever its optional roles say.
    It is also null where no line of the template is left. `labels` is empty where there is none.
    A role that is itself called `text` or `labels` gives way to the column made from it. What is
    odd about the labels is said in `origin`.

    Args:
        raw: from `ingest`.
        config: its roles, templates and what is said of labels.
        labels_are_texts: the label of a row is a text to write, taken as it is.

    Raises:
        RequestError: the template is malformed or names something that is no role, or the labels
            cannot be read (see `labels_of`).
    """
    lines = parse_template(config)
    rows = raw.read()
    named = {role: _strings(rows, role).to_pylist() for line in lines for _, role in line if role}
    needed = [role for role in config.required if role in named and role not in config.may_be_empty]
    texts = []
    for cells in zip(*named.values(), strict=True):
        values = {role: clean(cell, config) for role, cell in zip(named, cells, strict=True)}
        whole = all(values[role] for role in needed)
        texts.append(render(lines, values, config.pair) if whole else None)
    labels: list[list[str]] = [[]] * len(rows)
    notes: list[str] = []
    if role := config.label_role:
        cells = _strings(rows, role).to_pylist()
        if labels_are_texts:
            labels = [[cell.strip()] if cell and cell.strip() else [] for cell in cells]
        else:
            labels, notes = labels_of(cells, rows["row"].tolist(), config, raw.origin)
    kept = [name for name in raw.columns if name not in {"row", "text", "labels"}]
    table = pa.table(
        {
            "row": pa.array(rows["row"], pa.int64()),
            **{name: _strings(rows, name) for name in kept},
            "text": pa.array(texts, pa.string()),
            "labels": pa.array(labels, pa.list_(pa.string())),
        }
    )
    return put_table(table, "; ".join([raw.origin, *notes]))


def parse_template(config: DataConfig) -> list[Line]:
    """The lines of `config.text`, cut at their fields.

    Raises:
        RequestError: unbalanced braces, a format or conversion, a field that is no role, or none.
    """
    lines = []
    for number, template in enumerate(config.text, 1):
        where = f"data.text, line {number} ({template!r})"
        try:
            parts = list(string.Formatter().parse(template))
        except ValueError as error:
            raise RequestError(f"{where} is no template: {error}; write {{role}}.") from error
        for _, role, form, conversion in parts:
            if form or conversion:
                raise RequestError(f"{where}: a field is just {{role}}, without ! or :.")
            if role is not None and role not in config.roles:
                raise RequestError(
                    f"{where} names {role!r}{nearest(role, config.roles)}; "
                    f"the roles are {', '.join(config.roles)}."
                )
        lines.append([(literal, role) for literal, role, _, _ in parts])
    if not any(role for line in lines for _, role in line):
        raise RequestError("data.text names no role, so every text would be the same.")
    return lines


def render(lines: Sequence[Line], values: Mapping[str, str], pair: bool = False) -> str | None:
    """The template's text for one row of cleaned values, or None if no line is left.

    A line stands only if each of its fields has a value; `values` may lack roles. Line breaks that
    a template line brings to an end of the text, because its neighbour is left out, go.

    Of a `pair` no line may be left out, and `texts.PAIR` stands between the two.
    """
    kept = []
    for line in lines:
        if all(role is None or values.get(role) for _, role in line):
            kept.append("".join(literal + (values[role] if role else "") for literal, role in line))
    if pair:
        return PAIR.join(kept) if len(kept) == len(lines) else None
    return "\n".join(kept).strip("\n") or None


def render_bare(text: str, data: DataConfig) -> str:
    """A bare text as the model saw texts in training: cleaned, in the template's line for it.

    Raises:
        RequestError: the case reads pairs, and this is one text.
    """
    if data.pair:
        first, mark, second = text.partition(PAIR)
        if not mark:
            raise RequestError(
                "This case reads pairs of texts: give both (`thaw predict CASE FIRST SECOND`, or "
                "records with both columns)."
            )
        return PAIR.join(clean(each, data) for each in (first, second))
    cleaned = clean(text, data)
    return render(parse_template(data), {data.text_role: cleaned}) or cleaned


def _strings(rows: pd.DataFrame, role: str) -> pa.Array | pa.ChunkedArray:
    """A column as nullable strings; all null for a role that the source lacks."""
    if role not in rows:
        return pa.nulls(len(rows), pa.string())
    return pa.array(rows[role], pa.string())
