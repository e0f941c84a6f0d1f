"""The genre suite on small tables that are wrong in one place each."""

from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.validation.findings import Finding, ValidationReport
from tasks.validation.validate import validate


def failures(report: ValidationReport) -> set[tuple[str, str, str | None]]:
    """(severity, expectation without `expect_`, column) of everything that is not fulfilled."""
    return {
        (found.severity, found.expectation.removeprefix("expect_"), found.column)
        for found in report.findings
        if not found.passed
    }


def the(report: ValidationReport, expectation: str, column: str | None) -> Finding:
    (found,) = (
        found
        for found in report.findings
        if found.expectation == f"expect_{expectation}" and found.column == column
    )
    return found


def relabelled(table: pd.DataFrame, labels: list[list[str]]) -> pd.DataFrame:
    return table.assign(labels=pd.Series(labels, dtype=object))


def test_flawless_data_pass_every_expectation(table: pd.DataFrame, genre: CaseConfig) -> None:
    report = validate(table, genre)
    assert failures(report) == set()
    assert report.passed
    assert (report.rows, report.usable_rows) == (60, 60)
    assert [(label.label, label.count, label.usable) for label in report.labels] == [
        ("Comedy", 20, True),
        ("Drama", 20, True),
        ("Sci-Fi", 20, True),
    ]
    report.raise_if_blocked()


@pytest.mark.parametrize("column", ["title", "synopsis", "genres"])
def test_a_missing_column_blocks_and_says_which_columns_there_are(
    table: pd.DataFrame, genre: CaseConfig, column: str
) -> None:
    report = validate(table.rename(columns={column: f"{column}s "}), genre)
    assert ("block", "column_to_exist", column) in failures(report)
    sentence = the(report, "column_to_exist", column).sentence
    assert f"there is no column {column} (did you mean {column}s ?)" in sentence
    assert "the columns are row, id," in sentence


def test_no_rows_block_and_nothing_crashes(table: pd.DataFrame, genre: CaseConfig) -> None:
    report = validate(table.head(0), genre)
    assert failures(report) == {
        ("block", "table_row_count_to_be_between", None),
        ("block", "column_sum_to_be_between", "usable"),
    }
    assert "found 0, wanted at least 10" in report.findings[0].sentence


def test_three_rows_in_all_block(rows: Callable[[int], pd.DataFrame], genre: CaseConfig) -> None:
    report = validate(rows(3), genre)
    assert ("block", "table_row_count_to_be_between", None) in failures(report)


def test_every_text_empty_blocks(table: pd.DataFrame, genre: CaseConfig) -> None:
    report = validate(table.assign(text=None), genre)
    assert {
        ("block", "column_values_to_not_be_null", "text"),
        ("block", "column_sum_to_be_between", "usable"),
    } <= failures(report)
    assert report.usable_rows == 0


@pytest.mark.parametrize(("empty", "passes"), [(3, True), (4, False)])
def test_texts_may_be_empty_up_to_a_share(
    table: pd.DataFrame, genre: CaseConfig, empty: int, passes: bool
) -> None:
    table.loc[: empty - 1, "text"] = [None, "", " \n\t", None][:empty]
    report = validate(table, genre)
    found = the(report, "column_values_to_not_be_null", "text")
    assert found.passed is report.passed is passes
    assert (found.unexpected, found.checked) == (empty, 60)
    assert found.share == empty / 60
    assert report.usable_rows == 60 - empty


@pytest.mark.parametrize(("bare", "passes"), [(12, True), (13, False)])
def test_rows_may_be_without_label_up_to_a_share(
    table: pd.DataFrame, genre: CaseConfig, bare: int, passes: bool
) -> None:
    labels = [[] if number < bare else row for number, row in enumerate(table["labels"])]
    report = validate(relabelled(table, labels), genre)
    found = the(report, "column_values_to_not_be_null", "labels")
    assert found.passed is report.passed is passes
    assert (found.unexpected, found.checked) == (bare, 60)


def test_a_label_outside_the_closed_set_blocks_and_is_shown(table: pd.DataFrame) -> None:
    closed = load_case(
        "genre", overrides={"data": {"labels": ["Comedy", "Sci-Fi"], "min_label_count": 3}}
    )
    report = validate(table, closed)
    assert ("block", "column_values_to_be_null", "unknown_labels") in failures(report)
    found = the(report, "column_values_to_be_null", "unknown_labels")
    assert found.unexpected == 20
    assert found.offenders[0].values == {"unknown_labels": "Drama"}
    assert [label.label for label in report.labels if not label.usable] == ["Drama"]


def test_all_rows_with_one_label_block_and_the_label_is_named(
    table: pd.DataFrame, genre: CaseConfig
) -> None:
    report = validate(relabelled(table, [["Drama"]] * 60), genre)
    assert failures(report) == {
        ("block", "column_sum_to_be_between", "usable"),
        ("warn", "column_values_to_be_between", "share"),
    }
    with pytest.raises(RequestError, match="Most frequent: Drama: count = 60"):
        report.raise_if_blocked()


def test_two_labels_of_which_one_is_too_rare_block(table: pd.DataFrame, genre: CaseConfig) -> None:
    report = validate(relabelled(table, [["Drama"]] * 58 + [["Comedy"]] * 2), genre)
    found = the(report, "column_sum_to_be_between", "usable")
    assert not found.passed
    assert "found 1, wanted at least 2" in found.sentence


def test_a_rare_label_warns_and_says_how_rare(table: pd.DataFrame, genre: CaseConfig) -> None:
    report = validate(relabelled(table, [["Mecha"], *table["labels"][1:]]), genre)
    assert failures(report) == {("warn", "column_values_to_be_in_set", "usable")}
    assert report.passed
    (mecha,) = the(report, "column_values_to_be_in_set", "usable").offenders
    assert (mecha.row, mecha.id, mecha.values) == (None, "Mecha", {"count": "1"})


def test_a_label_on_nearly_every_row_warns(table: pd.DataFrame, genre: CaseConfig) -> None:
    everywhere = [["Kids", *row] for row in table["labels"]]
    report = validate(relabelled(table, everywhere), genre)
    assert failures(report) == {("warn", "column_values_to_be_between", "share")}


def test_labels_of_very_different_frequency_warn(
    rows: Callable[[int], pd.DataFrame], genre: CaseConfig
) -> None:
    labels = [["Drama"]] * 78 + [["Comedy"]] * 30 + [["Mecha"]] * 3
    report = validate(relabelled(rows(111), labels), genre)
    assert failures(report) == {("warn", "column_values_to_be_between", "times_rarer")}


def test_repeated_ids_warn_and_missing_ids_do_not(table: pd.DataFrame, genre: CaseConfig) -> None:
    assert failures(validate(table.assign(id=None), genre)) == set()
    table.loc[7:9, "id"] = ["a1", None, ""]
    report = validate(table, genre)
    assert failures(report) == {("warn", "column_values_to_be_unique", "id")}
    found = the(report, "column_values_to_be_unique", "id")
    assert (found.unexpected, found.checked, found.share) == (2, 58, 2 / 58)
    assert [(row.row, row.id) for row in found.offenders] == [(1, "a1"), (8, "a1")]


def test_repeated_texts_warn(table: pd.DataFrame, genre: CaseConfig) -> None:
    table.loc[7, ["synopsis", "text"]] = table.loc[0, ["synopsis", "text"]]
    assert failures(validate(table, genre)) == {
        ("warn", "column_values_to_be_unique", "text"),
        ("warn", "column_values_to_be_unique", "synopsis"),
    }


def test_one_synopsis_under_two_titles_warns(table: pd.DataFrame, genre: CaseConfig) -> None:
    table.loc[7, "synopsis"] = table.loc[0, "synopsis"]
    report = validate(table, genre)
    assert failures(report) == {("warn", "column_values_to_be_unique", "synopsis")}
    assert [
        row.values["title"]
        for row in the(report, "column_values_to_be_unique", "synopsis").offenders
    ] == ["Series 1", "Series 8"]


def test_empty_optional_columns_are_no_duplicates(table: pd.DataFrame, genre: CaseConfig) -> None:
    table.loc[:2, ["synopsis", "text"]] = ["", None]
    assert failures(validate(table, genre)) == set()


def test_very_short_texts_warn(table: pd.DataFrame, genre: CaseConfig) -> None:
    table["text"] = table["title"] + " is short."
    assert failures(validate(table, genre)) == {("warn", "column_values_to_be_between", "words")}


def test_texts_of_another_length_than_the_rest_warn(table: pd.DataFrame, genre: CaseConfig) -> None:
    table.loc[5, "text"] = "word " * 4000
    report = validate(table, genre)
    assert failures(report) == {("warn", "column_values_to_not_be_outliers", "words")}
    (giant,) = the(report, "column_values_to_not_be_outliers", "words").offenders
    assert giant.row == 6
    assert giant.values["words"] == "4,000"


def test_at_most_five_rows_are_named_however_many_are_wrong(
    table: pd.DataFrame, genre: CaseConfig
) -> None:
    table["row"] += 100
    report = validate(table.assign(text=None, id="same"), genre)
    for column in ("text", "id"):
        (found,) = (
            found for found in report.findings if found.column == column and not found.passed
        )
        assert found.unexpected == 60
        assert [row.row for row in found.offenders] == [101, 102, 103, 104, 105]


def test_the_message_names_expectation_column_counts_and_rows(
    table: pd.DataFrame, genre: CaseConfig
) -> None:
    table.loc[:9, ["synopsis", "text"]] = ["", None]
    with pytest.raises(RequestError) as caught:
        validate(relabelled(table, [["Drama"]] * 60), genre).raise_if_blocked()
    first, text, usable = str(caught.value).split("\n")
    assert first == (
        "The data (sample genre.jsonl, 60 rows) do not pass 2 blocking expectations of suite genre:"
    )
    assert text == (
        "- expect_column_values_to_not_be_null on column text: A row has a text: untrue of 10 of "
        "60 rows (16.67%), tolerated: up to 5%. Fill in the title and the synopsis, or remove the "
        "row. First of them: row 1 (id a1): title = Series 1, synopsis = null; row 2 (id a2): "
        "title = Series 2, synopsis = null; row 3 (id a3): title = Series 3, synopsis = null; "
        "row 4 (id a4): title = Series 4, synopsis = null; row 5 (id a5): title = Series 5, "
        "synopsis = null."
    )
    assert usable == (
        "- expect_column_sum_to_be_between on column usable: At least two genres reach "
        "data.min_label_count rows: found 1, wanted at least 2. Give more rows or lower "
        "data.min_label_count. Most frequent: Drama: count = 50."
    )


def test_the_rows_are_left_as_they_were(table: pd.DataFrame, genre: CaseConfig) -> None:
    before = table.copy(deep=True)
    validate(table, genre)
    pd.testing.assert_frame_equal(table, before)


def test_rows_read_back_from_parquet_give_the_same_report(
    table: pd.DataFrame, genre: CaseConfig
) -> None:
    from tasks.storage import put_table  # the labels come back as arrays, not lists

    table.loc[0, "text"] = None
    assert validate(put_table(table, "test").read(), genre) == validate(table, genre)


def test_a_free_text_column_taken_for_labels_makes_no_giant_report(
    rows: Callable[[int], pd.DataFrame], genre: CaseConfig
) -> None:
    table = rows(500)
    report = validate(relabelled(table, [[text] for text in table["text"]]), genre)
    assert report.label_total == 500
    assert len(report.labels) == 200


ANY_ROW = st.tuples(
    st.none() | st.text(max_size=30),
    st.none() | st.sampled_from(["a", "b", ""]),
    st.lists(st.sampled_from(["Drama", "Comedy", "Sci-Fi", "\x1b[31m"]), max_size=3),
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=st.lists(ANY_ROW, max_size=30))
def test_any_rows_at_all_are_counted_right(
    genre: CaseConfig, drawn: list[tuple[str | None, str | None, list[str]]]
) -> None:
    texts, ids, labels = (
        (list(column) for column in zip(*drawn, strict=True)) if drawn else ([],) * 3
    )
    table = pd.DataFrame({"row": range(1, len(drawn) + 1)}).assign(
        **{name: pd.Series(ids, dtype="str") for name in ("id", "title", "synopsis", "genres")},
        text=pd.Series(texts, dtype="str"),
        labels=pd.Series(labels, dtype=object),
    )
    report = validate(table, genre)
    empty = sum(text is None or not text.strip() for text in texts)
    assert the(report, "column_values_to_not_be_null", "text").unexpected == empty
    bare = sum(not row for row in labels)
    assert the(report, "column_values_to_not_be_null", "labels").unexpected == bare
    known = [name for name in ids if name]
    repeated = sum(known.count(name) > 1 for name in known)
    assert the(report, "column_values_to_be_unique", "id").unexpected == repeated
    assert all(len(found.offenders) <= 5 for found in report.findings)
    assert all(str(found).isprintable() for found in report.findings)
    assert ValidationReport.model_validate_json(report.model_dump_json()) == report
