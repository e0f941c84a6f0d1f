"""The tables that expectations are checked on."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.validation.tables import example_table, label_table, usable_rows


def config(least: int = 1, closed: tuple[str, ...] | None = None) -> CaseConfig:
    labels = None if closed is None else list(closed)
    return load_case("genre", overrides={"data": {"min_label_count": least, "labels": labels}})


def labelled(labels: list[list[str]], texts: list[str | None] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": range(1, len(labels) + 1),
            "id": pd.Series([str(number) for number in range(len(labels))], dtype="str"),
            "text": pd.Series(["a text"] * len(labels) if texts is None else texts, dtype="str"),
            "labels": pd.Series(labels, dtype=object),
        }
    )


def test_blank_text_is_missing_text() -> None:
    table = example_table(labelled([["A"]] * 4, ["one two  three", " \n", "", None]), config())
    assert table["text"].isna().tolist() == [False, True, True, True]
    np.testing.assert_array_equal(table["words"], [3.0, np.nan, np.nan, np.nan])


def test_labels_become_one_text_and_those_outside_the_set_stand_apart() -> None:
    table = example_table(labelled([["A", "X"], [], ["B"], ["X", "Y"]]), config(1, ("A", "B")))
    assert table["label_count"].tolist() == [2, 0, 1, 2]
    assert table["labels"].fillna("-").tolist() == ["A, X", "-", "B", "X, Y"]
    assert table["unknown_labels"].fillna("-").tolist() == ["X", "-", "-", "X, Y"]


def test_without_a_closed_set_no_label_is_unknown() -> None:
    assert example_table(labelled([["A"], ["B"]]), config())["unknown_labels"].isna().all()


def test_label_frequencies_count_rows_with_a_text() -> None:
    examples = labelled(
        [["A", "A", "B"], ["A"], ["A", "B"], ["A"], [], ["C"]], ["t", "t", "t", None, "t", "t"]
    )
    table = label_table(examples, config(least=2))
    assert table.drop(columns="times_rarer").to_dict("records") == [
        {"label": "A", "count": 3, "share": 0.75, "usable": True},
        {"label": "B", "count": 2, "share": 0.5, "usable": True},
        {"label": "C", "count": 1, "share": 0.25, "usable": False},
    ]
    np.testing.assert_array_equal(table["times_rarer"], [1.0, 1.5, np.nan])
    assert usable_rows(examples, table) == 3


def test_a_label_of_the_closed_set_that_never_occurs_is_listed() -> None:
    table = label_table(labelled([["A"], ["X"]]), config(1, ("A", "B")))
    assert table[["label", "count", "usable"]].values.tolist() == [
        ["A", 1, True],
        ["X", 1, False],
        ["B", 0, False],
    ]


@pytest.mark.parametrize("columns", [["labels"], ["text"], ["text", "labels"]])
def test_a_case_without_labels_or_texts_has_an_empty_label_table(columns: list[str]) -> None:
    examples = labelled([["A"], ["B"]]).drop(columns=columns)
    table = label_table(examples, config())
    assert len(table) == 0
    assert usable_rows(examples, table) == (2 if columns == ["labels"] else 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("ABCDE"), max_size=4), max_size=30))
def test_label_counts_are_those_of_a_plain_count(labels: list[list[str]]) -> None:
    table = label_table(labelled(labels), config())
    expected = Counter(label for row in labels for label in set(row))
    assert dict(zip(table["label"], table["count"], strict=True)) == expected
    assert table["count"].is_monotonic_decreasing
    assert ((table["share"] > 0) & (table["share"] <= 1)).all()


def test_where_a_model_writes_each_completion_is_looked_at_as_tex() -> None:
    examples = labelled([["x^2"], [r"\frac{1}{2"], []])
    table = example_table(examples, load_case("latex"), labels_are_texts=True)
    assert table["tex_fault"].isna().tolist() == [True, False, True]
    assert "tex_fault" not in example_table(examples, config())
