"""Rows that a column says belong together."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from splitting.assigned import assign_parts, check_leakage

from tasks.config import SplitConfig
from tasks.errors import RequestError, ThawError
from tasks.splitting.ties import find_groups

BY_AUTHOR = SplitConfig(group_by="column", group_role="author")


@given(st.lists(st.one_of(st.none(), st.sampled_from(["ann", "bo", "çi"])), max_size=30))
def test_equal_values_are_one_group_and_rows_without_one_stand_alone(
    names: list[str | None],
) -> None:
    groups = find_groups("column", names, [""] * len(names))
    for one, first in enumerate(names):
        for other, second in enumerate(names):
            same = one == other or (first is not None and first == second)
            assert (groups[one] == groups[other]) == same


def test_rows_of_one_value_stay_in_one_part(make_examples: Callable[..., pd.DataFrame]) -> None:
    rows = make_examples(400)
    rng = np.random.default_rng(3)
    rows["author"] = pd.array(
        [None if n % 3 == 0 else f"author {rng.integers(0, 60)}" for n in range(400)], dtype="str"
    )
    frames = assign_parts(rows, BY_AUTHOR).frames(rows)
    check_leakage(frames, BY_AUTHOR)
    authors = [set(frame["author"].dropna()) for frame in frames.values()]
    assert not (authors[0] & authors[1] | authors[0] & authors[2] | authors[1] & authors[2])
    assert sum(map(len, frames.values())) == 400


def test_a_value_on_both_sides_is_a_leak(make_examples: Callable[..., pd.DataFrame]) -> None:
    rows = make_examples(30).assign(author=["ann"] * 30)
    frames = {"train": rows[:10], "validation": rows[10:20], "test": rows[20:]}
    with pytest.raises(ThawError, match="belong to one author"):
        check_leakage(frames, BY_AUTHOR)


def test_a_column_that_is_not_there_is_named(make_examples: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(RequestError, match=r"reads the role 'author'.*split\.group_by=none"):
        assign_parts(make_examples(40), BY_AUTHOR)
