"""A test part that the data names, limits on the parts' rows, and the rows' order in them."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from splitting.assigned import assign_parts, check_leakage

from tasks.config import SplitConfig
from tasks.errors import RequestError
from tasks.splitting.dealing import rows_over_limit

GIVEN = SplitConfig(test_role="split", validation=0.2)


@pytest.fixture
def published(make_examples: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Two hundred rows of one label each, every fourth of them for the test."""
    examples = make_examples(200, labels=3, single=True)
    return examples.assign(split=np.where(np.arange(200) % 4 == 0, "test", "train"))


def test_the_named_rows_are_the_test_part_and_validation_is_cut_from_the_rest(
    published: pd.DataFrame,
) -> None:
    assignment = assign_parts(published, GIVEN)
    assert ((assignment.part == "test") == (published["split"] == "test")).all()
    assert assignment.report.parts[0] == {"train": 120, "validation": 30, "test": 50}
    assert assignment.report.requested == pytest.approx(
        {"train": 0.6, "validation": 0.15, "test": 0.25}
    )
    assert not [note for note in assignment.report.notes if "Groups" in note]


def test_what_repeats_a_test_text_is_removed_from_train(published: pd.DataFrame) -> None:
    text = published.at[8, "text"]
    published.at[1, "text"] = text  # earlier in the source
    published.at[2, "text"] = f"{text} again"  # nearly the same
    assignment = assign_parts(published, GIVEN)
    assert assignment.part[8] == "test"
    assert (assignment.part[[1, 2]] == "dropped").all()
    left = assignment.report.left_out
    assert (left.of_test, left.near_test, left.repeated) == (1, 1, 0)
    notes = " ".join(assignment.report.notes)
    assert "a test row has the same text: 1 row." in notes
    assert "nearly the same text or is of the same group: 1 row." in notes
    check_leakage(assignment.frames(published), GIVEN)


@settings(deadline=None, max_examples=30)
@given(data=st.data(), seed=st.integers(0, 100), drop=st.booleans())
def test_the_test_part_keeps_its_texts_and_nothing_leaks(
    make_examples: Callable[..., pd.DataFrame], data: st.DataObject, seed: int, drop: bool
) -> None:
    examples = make_examples(80, labels=3, seed=seed, single=True)
    chosen = data.draw(st.lists(st.integers(0, 79), min_size=1, max_size=30, unique=True))
    for row in data.draw(st.lists(st.integers(0, 79), max_size=20)):
        examples.at[row, "text"] = examples.at[row % 5, "text"]
    examples = examples.assign(split=["test" if row in chosen else "train" for row in range(80)])
    config = SplitConfig(
        test_role="split", seed=seed, drop_duplicates=drop, conflicts="first", validation=0.3
    )
    assignment = assign_parts(examples, config)
    frames = assignment.frames(examples)
    check_leakage(frames, config)
    tested = examples["split"] == "test"
    assert set(frames["test"]["text"]) == set(examples["text"][tested])
    assert not (assignment.part[~tested] == "test").any()


def test_a_missing_column_and_unknown_values_are_refused(published: pd.DataFrame) -> None:
    with pytest.raises(RequestError, match=r"data\.columns\.split.*split\.test_role=null"):
        assign_parts(published.drop(columns="split"), GIVEN)
    other = GIVEN.model_copy(update={"test_values": ("dev",)})
    with pytest.raises(RequestError, match=r"No row .*train \(150 rows\), test \(50 rows\)"):
        assign_parts(published, other)
    every = GIVEN.model_copy(update={"test_values": ("train", "test")})
    with pytest.raises(RequestError, match="Every row"):
        assign_parts(published, every)


def test_too_few_rows_beside_the_test_part_are_refused(published: pd.DataFrame) -> None:
    few = published.assign(split=["train"] * 4 + ["test"] * 196)
    with pytest.raises(RequestError, match=r"4 usable rows.* outside the test part are too few"):
        assign_parts(few, GIVEN)


def test_parts_are_cut_to_their_limits_with_their_labels_in_proportion(
    make_examples: Callable[..., pd.DataFrame],
) -> None:
    examples = make_examples(2000, labels=3, single=True)
    config = SplitConfig(rows={"train": 301, "test": 100})
    whole, limited = assign_parts(examples, SplitConfig()), assign_parts(examples, config)
    assert limited.report.parts[0] == {"train": 301, "validation": 300, "test": 100}
    assert limited.report.left_out.over_limit == 2000 - 701
    stays = limited.part != "dropped"
    assert (limited.part[stays] == whole.part[stays]).all()  # no row changes its part
    for label, spread in limited.report.labels.items():
        share = whole.report.labels[label].rows["train"] / whole.report.parts[0]["train"]
        assert spread.rows["train"] / 301 == pytest.approx(share, abs=0.01)
    assert "Of 1,400 rows in train, split.rows keeps 301." in limited.report.notes
    assert (assign_parts(examples, config).part == limited.part).all()
    assert (
        assign_parts(examples, config.model_copy(update={"seed": 1})).part != limited.part
    ).any()


def test_a_limit_that_is_not_reached_changes_nothing(published: pd.DataFrame) -> None:
    config = GIVEN.model_copy(update={"rows": {"train": 120, "test": 999}})
    assert (assign_parts(published, config).part == assign_parts(published, GIVEN).part).all()


@given(
    labels=st.lists(st.sets(st.sampled_from("abc"), min_size=1), min_size=1, max_size=40),
    limit=st.integers(1, 45),
    seed=st.integers(0, 9),
)
def test_a_limit_is_met_exactly(labels: list[set[str]], limit: int, seed: int) -> None:
    part = np.full(len(labels), "train", dtype=object)
    over = rows_over_limit(part, [sorted(each) for each in labels], {"train": limit}, seed)
    assert (~over).sum() == min(limit, len(labels))


def test_the_parts_keep_the_order_in_which_the_rows_came(published: pd.DataFrame) -> None:
    ordered = published.sort_values("labels", key=lambda column: column.str[0], kind="stable")
    frames = assign_parts(ordered, SplitConfig()).frames(ordered)
    for frame in frames.values():
        assert frame["labels"].str[0].is_monotonic_increasing
        assert not frame["row"].is_monotonic_increasing
