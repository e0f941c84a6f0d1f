"""Texts by template, cleaning, and labels from cells."""

import string
import unicodedata
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.prepare import clean, label_parser, parse_template, prepare, render
from tasks.storage import put_table

GENRE = DataConfig(
    required=("title", "synopsis", "genres"),
    optional=("type", "studio"),
    label_role="genres",
    text=("{title} is a {type}.", "Synopsis: {synopsis}", "It is from {studio} Studio."),
)


def prepared(config: DataConfig = GENRE, **columns: list[str | None]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    rows = pd.DataFrame({"row": range(1, count + 1), **columns})
    return prepare(put_table(rows, "test"), config).read()


def test_the_template_makes_one_line_for_each_of_its_entries() -> None:
    got = prepared(
        title=["Harbour"],
        synopsis=["A quiet\n\n town."],
        genres=["Drama"],
        type=["TV"],
        studio=["Nine Bridges"],
    )
    assert got["text"].tolist() == [
        "Harbour is a TV.\nSynopsis: A quiet town.\nIt is from Nine Bridges Studio."
    ]


def test_a_line_is_left_out_where_a_field_is_missing_or_empty() -> None:
    got = prepared(
        title=["A", "B", "C"], synopsis=["x", "y", "z"], genres=["g"] * 3, type=[None, "TV", " \n"]
    )
    assert got["text"].tolist() == ["Synopsis: x", "B is a TV.\nSynopsis: y", "Synopsis: z"]


def test_a_row_whose_required_text_is_empty_has_no_text_and_stays() -> None:
    got = prepared(
        title=["A", None, "C"],
        synopsis=[None, "y", "z"],
        genres=["g", "g", None],
        type=["TV"] * 3,
        extra=["kept"] * 3,
    )
    assert got["text"].isna().tolist() == [True, True, False]
    assert got["row"].tolist() == [1, 2, 3]
    assert got["extra"].tolist() == ["kept"] * 3
    assert [list(labels) for labels in got["labels"]] == [["g"], ["g"], []]


def test_a_text_of_nothing_printable_is_no_text() -> None:
    config = GENRE.model_copy(update={"printable_only": True})
    got = prepared(config, title=["A", "B"], synopsis=["日本語", "Café · ok"], genres=["g", "g"])
    assert got["text"].isna().tolist() == [True, False]
    assert got["text"].iloc[1] == "Synopsis: Caf ok"


def test_braces_in_the_data_are_only_text() -> None:
    got = prepared(title=["{synopsis}"], synopsis=["{0} {x!r}"], genres=["g"], type=["TV"])
    assert got["text"].tolist() == ["{synopsis} is a TV.\nSynopsis: {0} {x!r}"]


def test_a_role_called_text_gives_way_to_the_cleaned_text() -> None:
    config = DataConfig(required=("text", "labels"))
    got = prepared(config, text=["  so \t it  goes "], labels=["ham"])
    assert list(got.columns) == ["row", "text", "labels"]
    assert got["text"].tolist() == ["so it goes"]
    assert list(got["labels"].iloc[0]) == ["ham"]


def test_columns_that_are_empty_throughout_keep_their_types() -> None:
    got = prepare(
        put_table(pd.DataFrame({"row": [1], "title": ["A"], "synopsis": [None]}), "test"), GENRE
    )
    types = {field.name: str(field.type) for field in _schema(got)}
    assert types == {
        "row": "int64",
        "title": "string",
        "synopsis": "string",
        "text": "string",
        "labels": "list<element: string>",
    }


def _schema(ref: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.read_schema(ref.path)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (
            "{titel}",
            r"line 1 \('\{titel\}'\) names 'titel' \(did you mean title\?\); the",
        ),
        ("{title", "is no template"),
        ("title}", "is no template"),
        ("{title!r}", r"without ! or :"),
        ("{title:>9}", r"without ! or :"),
        ("{title.upper}", "names 'title.upper'"),
        ("{}", "names ''"),
        ("always the same", "names no role"),
    ],
)
def test_a_broken_template_names_its_line(template: str, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        parse_template(GENRE.model_copy(update={"text": (template,)}))


def test_doubled_braces_are_braces() -> None:
    lines = parse_template(GENRE.model_copy(update={"text": ("{{x}} {title}",)}))
    assert render(lines, {"title": "A"}) == "{x} A"


@pytest.mark.parametrize(
    ("cell", "changes", "labels"),
    [
        ("Drama, Action,Drama ,, ", {}, ["Action", "Drama"]),
        (None, {}, []),
        ("Sci-Fi|Slice of Life", {"label_separator": "|"}, ["Sci-Fi", "Slice of Life"]),
        ("News, World", {"label_separator": ""}, ["News, World"]),
        ("Unknown", {"rename_labels": {"Unknown": ""}}, []),
        ("SF, Sci-Fi", {"rename_labels": {"SF": "Sci-Fi"}}, ["Sci-Fi"]),
    ],
)
def test_labels_are_cut_stripped_renamed_and_sorted(
    cell: str | None, changes: dict[str, Any], labels: list[str]
) -> None:
    assert label_parser(GENRE.model_copy(update=changes))(cell) == labels


@given(st.text(), st.booleans())
def test_cleaning_leaves_single_spaces_and_changes_nothing_twice(
    cell: str, printable_only: bool
) -> None:
    config = GENRE.model_copy(update={"printable_only": printable_only})
    cleaned = clean(cell, config)
    assert clean(cleaned, config) == cleaned
    assert cleaned == cleaned.strip()
    assert not any(each.isspace() and each != " " for each in cleaned)
    assert "  " not in cleaned
    if printable_only:
        assert set(cleaned) <= set(string.printable)
        kept = (each for each in cell if each in string.printable and not each.isspace())
    else:
        kept = (each for each in cell if not each.isspace())
    assert cleaned.replace(" ", "") == "".join(kept)


@given(
    st.dictionaries(
        st.sampled_from(["title", "type", "synopsis", "studio"]), st.text("ab{}", max_size=3)
    )
)
def test_each_line_stands_whole_or_not_at_all(values: dict[str, str]) -> None:
    text = render(parse_template(GENRE), values)
    expected = [
        line.format(**{name: values[name] for name in names})
        for line, names in zip(
            GENRE.text, (["title", "type"], ["synopsis"], ["studio"]), strict=True
        )
        if all(values.get(name) for name in names)
    ]
    assert text == ("\n".join(expected) or None)


label_texts = st.text(st.characters(codec="utf-8", exclude_characters=","), min_size=1, max_size=6)


@given(st.lists(label_texts.map(str.strip).filter(bool), max_size=5), st.sampled_from([",", " , "]))
def test_labels_that_were_joined_come_back(labels: list[str], joiner: str) -> None:
    assert label_parser(GENRE)(joiner.join(labels)) == sorted(
        {unicodedata.normalize("NFC", label) for label in labels}
    )


REVIEW = DataConfig(
    required=("title", "body", "stars"),
    may_be_empty=("title", "body"),
    label_role="stars",
    label_separator="",
    numeric_labels=True,
    text=("{title}", "{body}"),
)


def test_a_review_with_only_a_title_or_only_a_body_is_an_example() -> None:
    got = prepared(
        REVIEW, title=["Good", None, " ", "A"], body=[None, "Fine.", "", "B"], stars=["5"] * 4
    )
    assert got["text"].tolist()[:2] == ["Good", "Fine."]
    assert got["text"].isna().tolist() == [False, False, True, False]
    assert got["text"].tolist()[3] == "A\nB"


def test_a_blank_line_between_two_lines_goes_with_either_of_them() -> None:
    spaced = REVIEW.model_copy(update={"text": ("{title}\n", "{body}")})
    got = prepared(spaced, title=["A", "A", None], body=["B", None, "B"], stars=["5"] * 3)
    assert got["text"].tolist() == ["A\n\nB", "A", "B"]


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("5", ["5"]),
        ("5.0", ["5"]),
        (" 4 ", ["4"]),
        ("03", ["3"]),
        ("5.", ["5"]),
        ("-1", ["-1"]),
        ("2.5", ["2.5"]),
        ("five", ["five"]),
        ("5 stars", ["5 stars"]),
        ("1e0", ["1e0"]),
    ],
)
def test_a_whole_number_is_one_label_however_it_is_written(cell: str, labels: list[str]) -> None:
    assert label_parser(REVIEW)(cell) == labels
    plain = REVIEW.model_copy(update={"numeric_labels": False})
    assert label_parser(plain)(cell) == [cell.strip()]


def test_numbers_are_renamed_as_the_labels_that_they_are() -> None:
    renamed = REVIEW.model_copy(update={"rename_labels": {"0": "1", "1": "2"}})
    assert label_parser(renamed)("0.0") == ["1"]
