"""What the page says of a sweep's data, against counts by hand."""

from typing import Any

import pandas as pd

from tasks.evaluation.tables import Cell
from tasks.ingestion.usable import Usable
from tasks.kinds.data_sheet import MOST_LABELS, data_sheet
from tasks.kinds.values import Compared, Division, Rows
from tasks.splitting.report import LabelSpread, SplitReport
from tasks.storage import put_table


def compared(texts: dict[str, list[str]], report: Any, usable: Usable | None) -> Compared[Any, Any]:
    parts = {
        name: put_table(pd.DataFrame({"id": each, "text": each}), name)
        for name, each in texts.items()
    }
    rows: Any = Rows(parts["train"], usable=usable)
    none: Any = None
    return Compared(none, rows, Division((parts,), report, ()), none, (), none, "run")


def test_rows_words_and_labels_by_part_and_what_was_left_out(isolated_store: object) -> None:
    texts = {
        "train": ["one", "two words", "three words here"],
        "validation": ["a b c d"],
        "test": ["e", "f g h"],
    }
    counts = {"spam": {"train": 1, "validation": 0, "test": 1}, "ham": {"train": 2, "test": 1}}
    labels = {name: LabelSpread(rows=rows, share={}) for name, rows in counts.items()}
    told = {"repeated": 2, "noun": "text", "near_clusters": 1, "near_texts": 3, "conflicting": 0}
    report = SplitReport.model_construct(labels=labels, **told)
    usable = Usable(
        rows=9,
        kept=6,
        dropped={"no text": 2, "no label": 1},
        labels={},
        rare={f"rare{number}": 1 for number in range(9)},
        outside={},
    )
    sheet = data_sheet(compared(texts, report, usable), None)
    assert sheet.columns == ("", "train", "validation", "test")
    rows = {row[0].main: row[1:] for row in sheet.rows}
    assert [cell.main for cell in rows["rows"]] == ["3", "1", "2"]
    assert [cell.main for cell in rows["words a text"]] == ["2", "4", "2"]
    assert rows["spam"] == (Cell("1", "33%"), Cell("0", "0%"), Cell("1", "50%"))
    assert [*rows] == ["rows", "words a text", "ham", "spam"]  # the most frequent first
    for said in (
        "Left out of 9 rows: no text 2, no label 1.",
        "9 labels are too rare: rare0 (1), ",
        "rare7 (1)….",
        "2 rows repeat the text of another.",
        "3 texts are nearly another's",
    ):
        assert said in sheet.note
    assert "different answers" not in sheet.note


def test_of_many_labels_the_most_frequent(isolated_store: object) -> None:
    parts = {name: ["x"] for name in ("train", "validation", "test")}
    labels = {
        f"label {number}": LabelSpread(rows={"train": number}, share={}) for number in range(60)
    }
    told = {"repeated": 0, "noun": "text", "near_clusters": 0, "conflicting": 0}
    report = SplitReport.model_construct(labels=labels, **told)
    sheet = data_sheet(compared(parts, report, None), None)
    assert len(sheet.rows) == 2 + MOST_LABELS
    assert sheet.rows[2][0].main == "label 59"
    assert sheet.note == "Shown are the 40 most frequent of 60 labels."
