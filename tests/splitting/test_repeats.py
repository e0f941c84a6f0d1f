"""Repeated texts whose labels differ: the three rules, one by one and together with the split."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from splitting.assigned import assign_parts

from tasks.config import SplitConfig
from tasks.splitting.repeats import settle

# Text 0 has a majority, text 1 a tie, text 2 agrees with itself, text 3 stands once.
TEXT = np.array([0, 1, 0, 2, 1, 0, 2, 3])
LABELS = [["5"], ["1"], ["4"], ["3"], ["2"], ["4"], ["3"], ["1"]]


@pytest.mark.parametrize(
    ("rule", "out", "unsettled"),
    [("first", [], 0), ("majority", [0, 1, 4], 1), ("drop", [0, 1, 2, 4, 5], 2)],
)
def test_the_rule_says_which_rows_stand(rule: str, out: list[int], unsettled: int) -> None:
    found = settle(TEXT, LABELS, rule)
    assert np.flatnonzero(~found.stands).tolist() == out
    assert (found.conflicting, found.unsettled, found.of_test) == (2, unsettled, 0)


def test_a_test_row_decides_the_labels_of_its_text() -> None:
    given = np.where(np.isin(np.arange(8), [0, 3]), 2, -1)
    found = settle(TEXT, LABELS, "majority", given)
    # The other rows of texts 0 and 2 are out; text 0 keeps its test row's label, a minority.
    assert np.flatnonzero(~found.stands).tolist() == [1, 2, 4, 5, 6]
    assert (found.conflicting, found.unsettled, found.of_test) == (1, 1, 3)


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.sampled_from("123")), min_size=1, max_size=30),
    rule=st.sampled_from(["first", "majority", "drop"]),
)
def test_what_stands_agrees_with_itself_and_is_most_frequent(
    rows: list[tuple[int, str]], rule: str
) -> None:
    text = np.unique([text for text, _ in rows], return_inverse=True)[1]
    labels = [[label] for _, label in rows]
    stands = settle(text, labels, rule).stands
    for number in set(text.tolist()):
        mine = text == number
        all_counts = Counter(labels[row][0] for row in np.flatnonzero(mine))
        left = {labels[row][0] for row in np.flatnonzero(mine & stands)}
        if rule == "first" or len(all_counts) == 1:
            assert stands[mine].all()
        elif rule == "drop":
            assert not left
        else:
            best = all_counts.most_common()
            assert left == ({best[0][0]} if best[0][1] > best[1][1] else set())


@pytest.fixture
def contradicting(make_examples: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Forty rows; rows 0, 10 and 20 have one text and two labels, rows 5 and 6 another and two."""
    examples = make_examples(40, labels=2, single=True)
    for row in (10, 20):
        examples.at[row, "text"] = examples.at[0, "text"]
    examples.at[6, "text"] = examples.at[5, "text"]
    for row, label in ((0, "label00"), (10, "label01"), (20, "label01"), (5, "label00")):
        examples.at[row, "labels"] = [label]
    examples.at[6, "labels"] = ["label01"]
    return examples


@pytest.mark.parametrize(
    ("rule", "dropped", "words"),
    [
        ("first", [6, 10, 20], "the first row's stand"),
        ("majority", [0, 5, 6, 20], "for 1 the labels of most rows stand, and 1, whose"),
        ("drop", [0, 5, 6, 10, 20], "left out (5 rows)"),
    ],
)
def test_the_split_follows_the_rule_and_says_so(
    contradicting: pd.DataFrame, rule: str, dropped: list[int], words: str
) -> None:
    assignment = assign_parts(contradicting, SplitConfig(conflicts=rule))  # type: ignore[arg-type]
    assert np.flatnonzero(assignment.part == "dropped").tolist() == dropped
    report = assignment.report
    assert (report.conflicting, report.conflicts, report.dropped) == (2, rule, len(dropped))
    left = report.left_out
    assert left.repeated + left.conflicting == len(dropped)
    assert any("rows differ in labels: 2" in note and words in note for note in report.notes), (
        report.notes
    )


def test_the_majority_stands_in_every_row_where_repeats_are_kept(
    contradicting: pd.DataFrame,
) -> None:
    config = SplitConfig(conflicts="majority", drop_duplicates=False)
    part = assign_parts(contradicting, config).part
    assert (part[[0, 5, 6]] == "dropped").all()
    assert part[10] == part[20] != "dropped"
