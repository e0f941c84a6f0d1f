"""Which prepared rows can be trained on, and which labels are left to learn."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tasks.config import DataConfig
from tasks.storage import TableRef, put_table

NO_TEXT = "no text"
NO_LABEL = "no label"
ONLY_RARE = "only labels that are left out"


class Usable(BaseModel):
    """What `usable_examples` kept and what it left out, for the validation report.

    Counts of labels are numbers of rows that have a text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    """Rows before."""
    kept: int
    """Rows after."""
    dropped: dict[str, int]
    """Reason -> rows; each row counts under the first reason that holds."""
    labels: dict[str, int]
    """Label -> rows that carry it, by name: the order of the model's outputs."""
    rare: dict[str, int]
    """Labels left out because fewer than `min_label_count` rows carry them, most frequent first."""
    outside: dict[str, int]
    """Labels left out because they are not in the closed set, most frequent first."""


def usable_examples(prepared: TableRef, config: DataConfig) -> tuple[TableRef, Usable]:
    """Leave out rare labels, then rows without a text or without any label that is left.

    The rule for rare labels: count once over all rows that have a text; a label below
    `config.min_label_count` is left out. That is final, because a row goes only when no label is
    left on it, so no remaining label loses a row. With `config.labels` only these labels
    are used; one that occurs nowhere counts as rare. Where no role holds labels, none is needed.

    Returns:
        The kept rows, their `labels` reduced to those that are left, and the report.
    """
    rows = prepared.read()
    texts = [isinstance(text, str) for text in rows["text"]]
    found = [list(labels) for labels in rows["labels"]]
    counts = Counter(
        label for labels, has_text in zip(found, texts, strict=True) if has_text for label in labels
    )
    closed = counts.keys() if config.labels is None else set(config.labels)
    chosen = {label for label in closed if counts[label] >= config.min_label_count}
    left = [[label for label in labels if label in chosen] for labels in found]
    fates = [
        _fate(has_text, labels, rest or config.label_role is None)
        for has_text, labels, rest in zip(texts, found, left, strict=True)
    ]
    kept = pa.array([i for i, fate in enumerate(fates) if fate is None], pa.int64())
    report = Usable(
        rows=len(rows),
        kept=len(kept),
        dropped=dict(Counter(fate for fate in fates if fate is not None)),
        labels={label: counts[label] for label in sorted(chosen)},
        rare=_by_count({label: counts[label] for label in closed if label not in chosen}),
        outside=_by_count({label: n for label, n in counts.items() if label not in closed}),
    )
    table = pa.table(
        {
            "row": pa.array(rows["row"], pa.int64()).take(kept),
            **{
                name: pa.array(rows[name], pa.string()).take(kept)
                for name in prepared.columns
                if name not in {"row", "labels"}
            },
            "labels": pa.array([left[i] for i in kept.to_pylist()], pa.list_(pa.string())),
        }
    )
    return put_table(table, prepared.origin), report


def _fate(has_text: bool, labels: Sequence[str], has_what_it_needs: object) -> str | None:
    """Why a row is left out; None for one that is kept."""
    if not has_text:
        return NO_TEXT
    if has_what_it_needs:
        return None
    return ONLY_RARE if labels else NO_LABEL


def _by_count(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
