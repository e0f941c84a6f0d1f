"""The two tables that expectations are checked on, derived from a case's prepared rows.

`examples`: one line a row of the data, good or bad: `row`, `id`, each role's column and `text`
(blank is null), `labels` joined to one string, and

    words            number of words of `text`; null where there is none
    label_count      number of labels
    unknown_labels   the labels outside `data.labels`, joined; null where there are none
    tex_fault        in cases that write: what keeps TeX from setting the completion; null where
                     nothing does, or it is empty

`labels`: one line a label that occurs, and one for each of `data.labels` that does not:

    label, count     rows that have a text and the label
    share            count / rows that have a text and any label
    usable           count reaches `data.min_label_count`, and the set (if closed) has the label
    times_rarer      count of the most frequent usable label / count; null where not usable
"""

from collections.abc import Sequence

import pandas as pd

from tasks.config import CaseConfig

JOINT = ", "


def example_table(
    examples: pd.DataFrame, config: CaseConfig, labels_are_texts: bool = False
) -> pd.DataFrame:
    """`examples` in the form that expectations are checked on (see the module's docstring).

    Args:
        examples: all prepared rows: `row` (int), `id` (str), a string column for each role,
            `text` (str), and `labels` (list of str) where the case has labels.
        config: the case; its `data.labels` closes the set of labels.
        labels_are_texts: each is looked at as TeX.

    Returns:
        A new table with a fresh index and the rows in the same order.
    """
    columns = {
        str(name): _blank_is_null(column) if _holds_text(column) else column
        for name, column in examples.drop(columns="labels", errors="ignore").items()
    }
    table = pd.DataFrame(columns).reset_index(drop=True)
    if "text" in table:
        table["words"] = table["text"].str.count(r"\S+").astype("float64")
    if "labels" in examples:
        labels = _label_lists(examples)
        closed = None if config.data.labels is None else frozenset(config.data.labels)
        unknown = [() if closed is None else [x for x in row if x not in closed] for row in labels]
        table["labels"] = pd.Series([JOINT.join(row) or None for row in labels], dtype="str")
        table["unknown_labels"] = pd.Series([JOINT.join(x) or None for x in unknown], dtype="str")
        table["label_count"] = pd.Series([len(row) for row in labels], dtype="int64")
        if labels_are_texts:
            table["tex_fault"] = pd.Series([_tex_fault(row) for row in labels], dtype="str")
    return table


def label_table(examples: pd.DataFrame, config: CaseConfig) -> pd.DataFrame:
    """Every label with its frequency, most frequent first (see the module's docstring).

    A label that a row repeats counts once. Without labels the table is empty.
    """
    counts = pd.Series(0, index=pd.Index(config.data.labels or (), dtype="str"))
    labelled = 0
    if {"text", "labels"} <= set(examples.columns):
        texts = _blank_is_null(examples["text"])
        lists = examples["labels"][texts.notna()].reset_index(drop=True)
        pairs = lists.explode().dropna().rename("label").reset_index().drop_duplicates()
        labelled = pairs["index"].nunique()
        counts = pairs["label"].value_counts().add(counts, fill_value=0)
    table = pd.DataFrame({"label": counts.index.astype("str"), "count": counts.to_numpy("int64")})
    table = table.sort_values(["count", "label"], ascending=[False, True], ignore_index=True)
    table["share"] = table["count"] / max(labelled, 1)
    table["usable"] = table["count"] >= config.data.min_label_count
    if config.data.labels is not None:
        table["usable"] &= table["label"].isin(config.data.labels)
    usable = table["count"].where(table["usable"])
    table["times_rarer"] = usable.max() / usable
    return table


def usable_rows(examples: pd.DataFrame, labels: pd.DataFrame) -> int:
    """How many rows can be learned from: those with a text and, if any has labels, a usable one.

    Args:
        examples: all prepared rows.
        labels: `label_table` of them.
    """
    if "text" not in examples:
        return 0
    has_text = _blank_is_null(examples["text"]).notna().to_numpy()
    if "labels" not in examples:
        return int(has_text.sum())
    usable = frozenset(labels["label"][labels["usable"]])
    rows = zip(has_text, _label_lists(examples), strict=True)
    return sum(bool(text) and not usable.isdisjoint(row) for text, row in rows)


def _tex_fault(labels: Sequence[str]) -> str | None:
    from tasks.latex.faults import fault  # a parser that no other case needs

    return fault(labels[0]) if labels else None


def _label_lists(examples: pd.DataFrame) -> list[tuple[str, ...]]:
    """Each row's labels: lists in memory, arrays where they were read from Parquet, or null."""
    return [() if row is None else tuple(row) for row in examples["labels"]]


def _holds_text(column: pd.Series) -> bool:
    return column.dtype == object or isinstance(column.dtype, pd.StringDtype)


def _blank_is_null(column: pd.Series) -> pd.Series:
    """`column` as text, in which nothing but whitespace is missing."""
    text = column.astype("str")
    return text.where(text.str.strip() != "")
