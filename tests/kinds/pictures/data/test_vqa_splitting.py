"""Parts without a picture in common, fewer questions, and the answers there are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinds.pictures.data.vqa_files import simple_part

from tasks.config import PARTS
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.kinds.pictures.data.audit import audit_pictures, with_image_ids
from tasks.kinds.pictures.data.reading import SCHEMA, LeftOut, read_part
from tasks.kinds.pictures.data.selecting import agreement, keep_agreed, limit_rows, vocabulary
from tasks.kinds.pictures.layout import find_parts
from tasks.kinds.pictures.splitting import given_test, question_units
from tasks.splitting.parts import cut


def table_of(images: list[int], part: str = "train2014", **columns: list) -> pa.Table:
    rows = {
        "question_id": list(range(len(images))),
        "image_id": images,
        "part": [part] * len(images),
        "question": ["what?"] * len(images),
        "question_type": ["what"] * len(images),
        "answer_type": [("other", "yes/no", "number")[n % 3] for n in range(len(images))],
        "answer": ["cat"] * len(images),
        "answers": [["cat"]] * len(images),
    }
    return with_image_ids(pa.table(rows | columns, schema=SCHEMA))


@dataclass(frozen=True)
class Split:
    """One split or fold."""

    tables: dict[str, pa.Table]
    images: dict[str, int]
    shared: int
    notes: tuple[str, ...]


def splits(table: pa.Table, *overrides: str) -> list[Split]:
    config = load_case("vqa", "sample", list(overrides))
    table = table.append_column("row", pa.array(range(len(table))))
    rows = table.to_pandas()
    in_test, shared, notes = given_test(rows, config)
    rows = rows if in_test is None else rows.assign(**{"in test": in_test})
    made = cut(rows, question_units, config.split)
    return [
        Split(
            {name: table.take(pa.array(at)) for name, at in parts.items()},
            made.report.units[fold],
            shared,
            notes,
        )
        for fold, parts in enumerate(made.folds)
    ]


def split_by_image(
    table: pa.Table,
    validation: float,
    test: float,
    seed: int,
    shared: str = "resplit",
    test_part: str = "null",
) -> Split:
    shares = (f"split.validation={validation}", f"split.test={test}", f"split.seed={seed}")
    (found,) = splits(table, *shares, f"vqa.shared_images={shared}", f"vqa.test_part={test_part}")
    return found


def fold_by_image(table: pa.Table, folds: int, validation: float, seed: int) -> list[Split]:
    shares = (f"split.validation={validation}", f"split.folds={folds}", f"split.seed={seed}")
    return splits(table, *shares)


@given(st.lists(st.integers(1, 40), min_size=60, max_size=200), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_no_picture_is_in_two_parts(images: list[int], seed: int) -> None:
    images = [*images, *range(100, 130)]
    table = table_of(images)
    split = split_by_image(table, 0.2, 0.2, seed)
    parts = [set(split.tables[name]["image_id"].to_pylist()) for name in PARTS]
    assert sum(map(len, parts)) == len(set(images)) == sum(split.images.values())
    ids = [n for name in PARTS for n in split.tables[name]["question_id"].to_pylist()]
    assert sorted(ids) == list(range(len(images)))
    assert split.tables["test"].equals(split_by_image(table, 0.2, 0.2, seed).tables["test"])


def test_parts_have_their_shares_of_questions_and_types() -> None:
    random = np.random.default_rng(0)
    table = table_of(random.integers(0, 300, 3000).tolist())
    split = split_by_image(table, 0.1, 0.2, 1)
    for name, share in zip(PARTS, (0.7, 0.1, 0.2), strict=True):
        kinds = split.tables[name]["answer_type"].to_pylist()
        assert len(kinds) / 3000 == pytest.approx(share, abs=0.02)
        assert kinds.count("number") / len(kinds) == pytest.approx(1 / 3, abs=0.05)


def test_a_given_test_part_without_shared_pictures_is_kept() -> None:
    train, test = table_of([*range(20)] * 2), table_of([*range(50, 60)], "val2014")
    split = split_by_image(pa.concat_tables([train, test]), 0.2, 0.5, 0, test_part="val2014")
    assert set(split.tables["test"]["image_id"].to_pylist()) == set(range(50, 60))
    assert split.images == {"train": 16, "validation": 4, "test": 10}
    assert (split.shared, split.notes) == (0, ())


def test_parts_that_share_pictures_are_divided_anew_or_refused(tmp_path: Path) -> None:
    simple_part(tmp_path, dict.fromkeys(range(1, 31), 2))
    simple_part(tmp_path, dict.fromkeys(range(21, 41), 2), "val2014")
    parts = find_parts(tmp_path)
    table, left_out = pa.concat_tables([read_part(part)[0] for part in parts]), LeftOut()
    table = audit_pictures(table, parts).usable(table, left_out)
    with pytest.raises(RequestError, match=r"10 pictures are in val2014 .*21, 22, 23, 24, 25, …"):
        split_by_image(table, 0.2, 0.2, 0, "refuse", "val2014")
    split = split_by_image(table, 0.2, 0.2, 0, "resplit", "val2014")
    assert split.shared == 10
    assert "divided anew by picture" in split.notes[0]
    keys = [set(split.tables[name]["image"].to_pylist()) for name in PARTS]
    assert sum(map(len, keys)) == 40
    assert set(split.tables["train"]["part"].to_pylist()) == {"train2014", "val2014"}


def test_the_same_file_under_two_numbers_is_one_picture(tmp_path: Path) -> None:
    simple_part(tmp_path, dict.fromkeys(range(1, 11), 1))
    other = simple_part(tmp_path, dict.fromkeys(range(51, 61), 1), "val2014")
    first = find_parts(tmp_path)[0]
    other.image_path(51).write_bytes(first.image_path(1).read_bytes())
    parts = find_parts(tmp_path)
    table = pa.concat_tables([read_part(part)[0] for part in parts])
    table = audit_pictures(table, parts).usable(table, LeftOut())
    with pytest.raises(RequestError, match=r"^1 pictures are in val2014"):
        split_by_image(table, 0.2, 0.2, 0, "refuse", "val2014")


@given(st.lists(st.integers(1, 6), min_size=30, max_size=60), st.integers(2, 6), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_with_folds_every_question_is_tested_once(asked: list[int], folds: int, seed: int) -> None:
    images = [image for image, questions in enumerate(asked) for _ in range(questions)]
    splits = fold_by_image(table_of(images), folds, 0.2, seed)
    assert len(splits) == folds
    tested = [n for split in splits for n in split.tables["test"]["question_id"].to_pylist()]
    assert sorted(tested) == list(range(len(images)))
    for split in splits:
        parts = [set(split.tables[name]["image_id"].to_pylist()) for name in PARTS]
        assert sum(map(len, parts)) == len(set(images)) == sum(split.images.values())
        assert sum(len(split.tables[name]) for name in PARTS) == len(images)


def test_folds_have_equal_shares_and_too_many_are_a_sentence() -> None:
    random = np.random.default_rng(0)
    for split in fold_by_image(table_of(random.integers(0, 300, 3000).tolist()), 5, 0.1, 1):
        sizes = [len(split.tables[name]) for name in PARTS]
        assert sizes == pytest.approx([2160, 240, 600], abs=30)
    with pytest.raises(
        RequestError, match=r"3 folds need as many different pictures, and the data has 2"
    ):
        fold_by_image(table_of([1, 2, 2]), 3, 0.2, 0)


def test_too_few_pictures_are_a_sentence() -> None:
    with pytest.raises(RequestError, match="2 pictures are too few for 3 parts"):
        split_by_image(table_of([1, 2, 2]), 0.2, 0.2, 0)
    with pytest.raises(RequestError, match=r"'val' cannot be the test part .* of train2014"):
        split_by_image(table_of([1, 2, 3]), 0.2, 0.2, 0, test_part="val")


def test_real_parts_share_1124_pictures(real_data: Path) -> None:
    parts = find_parts(real_data / "vqa")
    table = with_image_ids(pa.concat_tables([read_part(part)[0] for part in parts]))
    split = split_by_image(table, 0.15, 0.2, 0, test_part="val2014")
    assert split.shared == 1124
    assert sum(split.images.values()) == 1447


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(1, 4), st.integers(1, 9))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_limits_hold_and_rows_stay_in_order(images: list[int], each: int, pictures: int) -> None:
    table, left_out = table_of(images), LeftOut()
    limited = limit_rows(table, pictures, each, 3, left_out)
    ids, kept = limited["question_id"].to_pylist(), limited["image_id"].to_pylist()
    assert ids == sorted(ids)
    assert len(set(kept)) == min(pictures, len(set(images)))
    for image in set(kept):
        assert kept.count(image) == min(each, images.count(image))
    assert sum(left_out.count.values()) == len(images) - len(kept)
    assert limit_rows(table, None, None, 3, left_out).equals(table)


def test_the_threshold_is_the_share_of_annotators_who_agree() -> None:
    answers = [["cat"] * 9 + ["dog"], ["cat"] * 5 + ["dog"] * 5, ["cat"], ["dog", "cow"]]
    table, left_out = table_of([1, 2, 3, 4], answers=answers), LeftOut()
    assert agreement(table).tolist() == [0.9, 0.5, 1.0, 0.0]
    assert keep_agreed(table, 0.9, left_out)["question_id"].to_pylist() == [0, 2]
    assert left_out.sentences() == ["2 training questions on which fewer than 90% agree: 1, 3"]
    assert keep_agreed(table, None, left_out) is table
    with pytest.raises(RequestError, match="On no training question 50%"):
        keep_agreed(table.slice(3), 0.5, left_out)


def test_the_vocabulary_says_what_there_is_to_answer() -> None:
    train = table_of([1, 2, 3, 4], answer=["cat", "dog", "cat", "cow"])
    found = vocabulary(train, table_of([5, 6], answer=["cat", "emu"]), top=1)
    assert (found.answers, found.once, found.top) == (3, 2, (("cat", 2),))
    assert (found.covered_by_top, found.unseen) == (0.5, 0.5)
    assert found.types == {"other": 2, "yes/no": 1, "number": 1}
    assert vocabulary(train).unseen is None
