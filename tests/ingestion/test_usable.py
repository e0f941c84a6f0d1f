"""Which rows and labels are left to train on, and what is said of the others."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import DataConfig
from tasks.config.loading import load_case
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import Usable, usable_examples
from tasks.storage import put_table

Row = tuple[str | None, list[str]]


def usable(rows: list[Row], **config: Any) -> tuple[list[tuple[int, list[str]]], Usable]:
    """(record number and labels of each kept row, the report)."""
    table = pa.table(
        {
            "row": pa.array(range(1, len(rows) + 1), pa.int64()),
            "text": pa.array([text for text, _ in rows], pa.string()),
            "labels": pa.array([labels for _, labels in rows], pa.list_(pa.string())),
        }
    )
    ref, report = usable_examples(put_table(table, "test"), DataConfig(**config))
    kept = ref.read()
    return [
        (row, list(labels)) for row, labels in zip(kept["row"], kept["labels"], strict=True)
    ], report


def test_rare_labels_go_and_take_only_their_own_rows_with_them() -> None:
    rows: list[Row] = [("a", ["x", "rare"]), ("b", ["x"]), ("c", ["rarer"]), ("d", [])]
    rows += [(None, ["rare"]), (None, [])]
    kept, report = usable(rows, min_label_count=2)
    assert kept == [(1, ["x"]), (2, ["x"])]
    assert report == Usable(
        rows=6,
        kept=2,
        dropped={"only labels that are left out": 1, "no label": 1, "no text": 2},
        labels={"x": 2},
        rare={"rare": 1, "rarer": 1},  # the second "rare" is on a row without a text
        outside={},
    )


def test_a_closed_set_of_labels_leaves_the_others_out() -> None:
    rows: list[Row] = [("a", ["ham"]), ("b", ["ham", "maybe"]), ("c", ["maybe"])]
    kept, report = usable(rows, labels=("spam", "ham"))
    assert kept == [(1, ["ham"]), (2, ["ham"])]
    assert report.labels == {"ham": 2}
    assert report.outside == {"maybe": 2}
    assert report.rare == {"spam": 0}


def test_nothing_usable_is_a_report_and_no_error() -> None:
    kept, report = usable([(None, ["x"]), ("b", [])])
    assert kept == []
    assert (report.kept, report.labels) == (0, {})


def test_the_real_file_keeps_forty_genres(real_data: Path) -> None:
    overrides = [f"data.path={real_data / 'anime_synopses.csv'}", "data.min_label_count=50"]
    config = load_case("genre", "sample", overrides).data
    ref, report = usable_examples(prepare(ingest(config), config), config)
    assert (ref.rows, report.rows) == (8559, 8582)
    assert len(report.labels) == 40
    assert report.labels["Comedy"] == 3359
    assert report.rare == {"Work Life": 1}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.just("text"), st.lists(st.sampled_from("abcd"), unique=True).map(sorted)
        ),
        max_size=15,
    ),
    least=st.integers(1, 4),
    closed=st.none() | st.lists(st.sampled_from("abcz"), min_size=1, unique=True),
)
def test_every_row_and_label_is_accounted_for(
    rows: list[Row], least: int, closed: list[str] | None
) -> None:
    labels = None if closed is None else tuple(closed)
    kept, report = usable(rows, min_label_count=least, labels=labels)
    assert len(kept) == report.kept == report.rows - sum(report.dropped.values())
    assert dict(sorted(Counter(name for _, row in kept for name in row).items())) == report.labels
    assert all(row for _, row in kept)
    assert all(count >= least for count in report.labels.values())
    assert all(count < least for count in report.rare.values())
    everything = {name for text, row in rows if text for name in row} | set(closed or [])
    parts = [set(report.labels), set(report.rare), set(report.outside)]
    assert set.union(*parts) == everything
    assert sum(map(len, parts)) == len(everything)
