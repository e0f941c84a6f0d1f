"""Parts that the data gives its rows itself: by a column of parts, or by time."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from splitting.assigned import assign_parts, check_leakage

from tasks.config import DataConfig, SplitConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.splitting.assignment import assign
from tasks.splitting.moments import moments_of
from tasks.splitting.recorded import LATER, lineage_of
from tasks.splitting.units import text_units

Make = Callable[..., pd.DataFrame]


def parted(examples: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Rows that are given parts in turn."""
    return examples.assign(given_part=[names[row % len(names)] for row in range(len(examples))])


@pytest.mark.parametrize("labelled", [True, False])
def test_three_named_parts_are_the_parts(make_examples: Make, labelled: bool) -> None:
    rows = parted(make_examples(120, labels=3, single=True), "Train", "dev", "TEST")
    found = assign(text_units(rows, SplitConfig(), labelled), SplitConfig())
    wanted = rows["given_part"].map({"Train": "train", "dev": "validation", "TEST": "test"})
    assert (found.folds[0] == wanted).all()
    assert found.report.requested == pytest.approx(
        {"train": 1 / 3, "validation": 1 / 3, "test": 1 / 3}
    )


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("other", "cut"), [("test", "validation"), ("validation", "test")])
def test_a_part_without_a_name_is_cut_from_train(
    make_examples: Make, other: str, cut: str, labelled: bool
) -> None:
    rows = parted(make_examples(200, labels=3, single=True), "train", "train", "train", other)
    config = SplitConfig(validation=0.2, test=0.2)
    found = assign(text_units(rows, config, labelled), config)
    part = found.folds[0]
    assert ((part == other) == (rows["given_part"] == other)).all()
    assert found.report.parts[0][cut] == pytest.approx(30, abs=8)


@settings(deadline=None, max_examples=25)
@given(data=st.data(), seed=st.integers(0, 100), labelled=st.booleans())
def test_no_row_leaves_its_part_and_nothing_leaks(
    make_examples: Make, data: st.DataObject, seed: int, labelled: bool
) -> None:
    rows = parted(
        make_examples(60, labels=2, seed=seed, single=True), "train", "validation", "test"
    )
    for row in data.draw(st.lists(st.integers(12, 59), max_size=20)):
        source = rows.at[row % 12, "text"]
        rows.at[row, "text"] = source if row % 2 else f"{source} again"
    config = SplitConfig(seed=seed)
    found = assign(text_units(rows, config, labelled), config)
    part = found.folds[0]
    used = part != "dropped"
    assert (part[used] == rows["given_part"][used]).all()
    assert (part[(rows["given_part"] == "test") & ~rows["text"].duplicated()] == "test").all()
    frames = {name: rows[part == name] for name in ("train", "validation", "test")}
    check_leakage(frames, config)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("train", "test", "holdout"), r"40 usable rows .* first in row 3: holdout \(40 rows\)"),
        (("train", "test", ""), r"first in row 3: \(empty\) \(40 rows\)"),
        (("train",), "rows for training and for at least one of"),
        (("test", "dev"), "rows for training and for at least one of"),
    ],
)
def test_values_that_name_no_part_are_refused(
    make_examples: Make, names: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(RequestError, match=sentence):
        assign_parts(parted(make_examples(120, single=True), *names), SplitConfig())


def dated(examples: pd.DataFrame, split: int = 150) -> pd.DataFrame:
    """Rows of two years, the later ones behind."""
    days = pd.date_range("2025-03-01", periods=split).append(
        pd.date_range("2026-01-01", periods=len(examples) - split)
    )
    return examples.assign(given_time=days.strftime("%Y-%m-%d"))


AFTER = SplitConfig.model_validate({"after": date(2026, 1, 1), "validation": 0.2})


def test_what_happened_later_is_the_test_part(make_examples: Make) -> None:
    rows = dated(make_examples(200, labels=3, single=True))
    found = assign_parts(rows, AFTER)
    assert ((found.part == "test") == (rows["given_time"] >= "2026-01-01")).all()
    assert found.parts == {"train": 120, "validation": 30, "test": 50}


def test_a_group_or_a_text_across_the_line_leaves_train(make_examples: Make) -> None:
    rows = dated(make_examples(200, labels=3, single=True))
    rows.loc[[3, 199], "title"] = "one customer"
    rows.at[5, "text"] = rows.at[190, "text"] + " once more"
    config = AFTER.model_copy(update={"group_by": "column", "group_role": "title"})
    found = assign_parts(rows, config)
    assert found.part[[3, 5]].tolist() == ["dropped", "dropped"]
    assert found.part[[199, 190]].tolist() == ["test", "test"]
    assert found.report.left_out.near_test == 2
    check_leakage(found.frames(rows), config)


def test_a_line_that_parts_nothing_is_refused(make_examples: Make) -> None:
    rows = dated(make_examples(200, single=True))
    for moment, sentence in [("2020-01-01", "Every .* train would"), ("2030-01-01", "No .* test")]:
        config = SplitConfig.model_validate({"after": moment})
        with pytest.raises(RequestError, match=sentence):
            assign_parts(rows, config)


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["2026-01-31", "2026-01-31T08:30:00+01:00"], ["2026-01-31", "2026-01-31T07:30"]),
        (["31.01.2026", "1.2.2026 08:30"], ["2026-01-31", "2026-02-01T08:30"]),
        (["01/31/2026 8:30 PM", "02/01/2026"], ["2026-01-31T20:30", "2026-02-01"]),
        (["31/01/2026", "01/02/2026"], ["2026-01-31", "2026-02-01"]),
        (["1769817600", "1769817600000"], ["2026-01-31", "2026-01-31"]),
    ],
)
def test_times_are_read_as_people_write_them(cells: list[str], wanted: list[str]) -> None:
    expected = [datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp() for each in wanted]
    assert moments_of(cells, [1, 2]).tolist() == expected


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (["2026-01-31", "soon"], "1 usable rows .* in row 2: 'soon'"),
        (["2026-01-31", ""], r"in row 2: \(empty\)"),
        (["2026-02-30", "2026-01-31"], "in row 1: '2026-02-30'"),
        (["03/04/2026", "05/06/2026"], "03 could be the day or the month"),
    ],
)
def test_times_that_cannot_be_read_are_refused(cells: list[str], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        moments_of(cells, [1, 2])


FORMS = {
    "table": {"text": "It works.", "label": "good"},
    "dialogues": {"prompt": "Why?", "completion": "Because."},
    "comparisons": {"prompt": "Why?", "chosen": "Because.", "rejected": "No."},
}


@pytest.mark.parametrize("layout", FORMS)
def test_every_layout_carries_the_columns(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_STORE", str(tmp_path / "store"))
    path = tmp_path / "rows.jsonl"
    filled = ({k: f"{v} {n}" for k, v in FORMS[layout].items()} for n in range(4))
    marked = [
        {**row, "fold": "test" if n else "train", "day": 20260101 + n}
        for n, row in enumerate(filled)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in marked))
    roles = {"required": ("text",)} if layout == "table" else {}
    config = DataConfig(path=path, layout=layout, split_column="fold", time_column="day", **roles)
    table = ingest(config)
    assert "not read: fold" not in table.origin
    frame = table.read()
    assert frame["given_part"].tolist() == ["train", "test", "test", "test"]
    assert frame["given_time"].iloc[-1] == "20260104"
    with pytest.raises(RequestError, match=r"no (field|column) folt.*data\.split_column"):
        ingest(config.model_copy(update={"split_column": "folt"}))


def test_one_way_of_dividing_is_named(tmp_path: Path) -> None:
    for fields in ("data.split_column=p split.after=2026-01-01", "split.after=2026-01-01"):
        with pytest.raises(RequestError, match=r"split\.after"):
            load_case("spam", overrides=fields.split())
    with pytest.raises(ValidationError, match="write it out"):
        SplitConfig.model_validate({"after": 2026})
    given_time = ["data.time_column=day", "split.after=2026-01-01"]
    assert load_case("spam", overrides=given_time).split.after == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_record_of_before_these_fields_is_the_same_lineage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THAW_STORE", str(tmp_path))
    plain, timed = (
        lineage_of(load_case("spam", overrides=over))
        for over in ([], ["data.time_column=day", "split.after=2026-01-01"])
    )
    assert plain is not None
    assert plain != timed
    config = load_case("spam")
    data = config.data.model_dump(mode="json", exclude={"path", "sha256", "hub_revision"})
    split = config.split.model_dump(mode="json", exclude={"rows", "after"})
    data, split = (
        {name: value for name, value in section.items() if value or name not in LATER}
        for section in (data, split)
    )
    told = json.dumps([data, split, ()], sort_keys=True).encode()
    assert plain.stem == hashlib.sha256(told).hexdigest()[:24]
