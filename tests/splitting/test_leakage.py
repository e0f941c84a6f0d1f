"""The check finds what a faulty split would let through."""

from collections.abc import Callable

import pandas as pd
import pytest
from splitting.assigned import check_leakage

from tasks.config import SplitConfig
from tasks.errors import RequestError, ThawError

Parts = dict[str, pd.DataFrame]


@pytest.fixture
def parts(make_examples: Callable[..., pd.DataFrame]) -> Parts:
    """Three clean parts, cut by hand."""
    rows = make_examples(60)
    return {"train": rows[:40], "validation": rows[40:50], "test": rows[50:]}


def with_first(frame: pd.DataFrame, **values: str) -> pd.DataFrame:
    """The frame with other values in its first row."""
    changed = frame.reset_index(drop=True).astype({"text": object, "title": object})
    for column, value in values.items():
        changed.loc[0, column] = value
    return changed


def test_clean_parts_pass(parts: Parts):
    check_leakage(parts, SplitConfig(group_by="franchise"))


def test_a_row_in_two_parts_fails(parts: Parts):
    parts["test"] = pd.concat([parts["test"], parts["train"][:1]])
    with pytest.raises(ThawError, match=r"train \(row 1\) and test \(row 1\) are the same row"):
        check_leakage(parts, SplitConfig())


def test_an_equal_text_in_two_parts_fails_and_names_the_rows(parts: Parts):
    parts["test"] = with_first(parts["test"], text=parts["train"]["text"].iloc[2])
    config = SplitConfig(near_duplicates=None)
    with pytest.raises(ThawError, match=r"train \(row 3\) and test \(row 51\) have the same text"):
        check_leakage(parts, config)


def test_a_near_duplicate_in_two_parts_fails(parts: Parts):
    near = parts["validation"]["text"].iloc[4] + " indeed"
    parts["test"] = with_first(parts["test"], text=near)
    with pytest.raises(ThawError, match=r"validation \(row 45\) and test \(row 51\) have nearly"):
        check_leakage(parts, SplitConfig())
    check_leakage(parts, SplitConfig(near_duplicates=None))


def test_a_series_in_two_parts_fails(parts: Parts):
    parts["train"] = with_first(parts["train"], title="Brass Heron")
    parts["test"] = with_first(parts["test"], title="Brass Heron 2nd Season")
    with pytest.raises(ThawError, match=r"train \(row 1\) and test \(row 51\) belong to one"):
        check_leakage(parts, SplitConfig(group_by="franchise"))
    check_leakage(parts, SplitConfig())


def test_a_repeated_text_within_one_part_is_no_leak(parts: Parts):
    parts["train"] = with_first(parts["train"], text=parts["train"]["text"].iloc[1])
    check_leakage(parts, SplitConfig(drop_duplicates=False))


def test_a_leak_is_a_failed_run_not_a_wrong_request(parts: Parts):
    parts["test"] = pd.concat([parts["test"], parts["train"][:1]])
    with pytest.raises(ThawError) as caught:
        check_leakage(parts, SplitConfig())
    assert not isinstance(caught.value, RequestError)
    assert caught.value.exit_code == 1
