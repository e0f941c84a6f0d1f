"""The report as a page: whole in itself, and data stay data."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import CaseConfig
from tasks.validation.report import render_html
from tasks.validation.sentences import percent, shorten
from tasks.validation.validate import validate


class Page(HTMLParser):
    """Elements in order, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_shows_status_origin_counts_rows_and_labels(
    table: pd.DataFrame, genre: CaseConfig
) -> None:
    table.loc[:9, "text"] = None
    page = Page(render_html(validate(table, genre), "genre: data", "file mine.csv, 3f9a"))
    assert "Blocked. 1 blocking expectation is not fulfilled" in page.text
    assert "Data file mine.csv, 3f9a Rows 60 Rows with a text and a usable label 50" in page.text
    assert "✗ blocks A row has a text: untrue of 10 of 60 rows (16.67%)" in page.text
    assert "expect_column_values_to_not_be_null(text)" in page.text
    assert "row 5 (id a5): title = Series 5" in page.text
    assert "and 5 more" in page.text
    assert "row 6 (id" not in page.text
    assert page.text.endswith("Sci-Fi 17 34.0% Comedy 16 32.0%")
    assert page.tags.count("tr") == 1 + 16 + 3


@pytest.mark.parametrize(
    ("column", "status"), [(None, "✓ Passed. All 16"), ("id", "⚠ Passed with warnings. 1 exp")]
)
def test_data_that_pass_look_it(
    table: pd.DataFrame, genre: CaseConfig, column: str | None, status: str
) -> None:
    if column:
        table[column] = "same"
    assert status in Page(render_html(validate(table, genre), "genre", "file")).text


def test_the_page_reaches_for_nothing(table: pd.DataFrame, genre: CaseConfig) -> None:
    html = render_html(validate(table, genre), "genre", "file mine.csv")
    assert not re.search(r"https?:|//|@import|url\(|<(script|link|img|iframe)|\ssrc=|\shref=", html)
    assert "prefers-color-scheme: dark" in html


def test_markup_in_the_data_stays_text(table: pd.DataFrame, genre: CaseConfig) -> None:
    plain = Page(render_html(validate(table.assign(id="same"), genre), "genre", "file"))
    hostile = "<script>alert(1)</script><b title='\"x'>&amp;"
    table["labels"] = pd.Series([[f"{row[0]}{hostile}"] for row in table["labels"]], dtype=object)
    report = validate(table.assign(id=hostile), genre)
    html = render_html(report, "genre", "file")
    assert "<script" not in html
    page = Page(html)
    assert page.tags == plain.tags
    assert f"Drama{hostile}" in page.text
    assert hostile in Page(render_html(report, hostile, hostile)).text


@given(st.text() | st.integers() | st.floats() | st.none() | st.just(pd.NA))
def test_a_shown_value_is_one_short_printable_line(value: object) -> None:
    shown = shorten(value)
    assert shown is None or (len(shown) <= 60 and (shown.isprintable()))


def test_a_long_value_is_cut_and_a_control_character_does_not_reach_the_terminal() -> None:
    assert shorten("word " * 10_000) == "word " * 11 + "word…"
    assert shorten("\x1b[31mred\n\nand  wide") == r"\x1b[31mred and wide"
    assert shorten("spam\u200b") == r"spam\u200b"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (1, "100%"),
        (1 - 0.95, "5%"),
        (1 / 3, "33.33%"),
        (1e-6, "<0.01%"),
        (1 - 1e-6, ">99.99%"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_all(share: float, text: str) -> None:
    assert percent(share) == text
