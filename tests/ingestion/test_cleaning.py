"""HTML in texts: what is markup goes, what only looks like it stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import DataConfig
from tasks.ingestion.cleaning import clean, plain_text

HTML = DataConfig(html=True)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("One.<br /><br />Two.", "One. Two."),
        ("One.<br>Two.<BR/>Three", "One. Two. Three"),
        ("<p class='x'>One</p><p>Two</p>", "One Two"),
        ("a <b>bold</b>, <i>slan</i>ted word", "a bold, slanted word"),
        ('see <a href="http://a.b/c?d=e&f=g" target=_blank>here</a>.', "see here."),
        ("before<!-- a note -->after", "before after"),
        ("Tom &amp; Jerry &#39;40 &eacute;t&eacute;&nbsp;fin", "Tom & Jerry '40 été fin"),
        ("how to write &lt;b&gt;", "how to write <b>"),
    ],
)
def test_markup_goes_and_entities_become_characters(cell: str, text: str) -> None:
    assert clean(cell, HTML) == text
    assert clean(cell, DataConfig()) == " ".join(cell.split())


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "I <3 this",
        "if x<y and y>z",
        "5 <b and c> 2",
        "he <sigh> left, <spoiler> and all",
        "AT&T, R&B; this &that",
        "2<4>3",
        "a <= b => c",
        "<>",
        "a<b",
        "<br",
        "&nosuchentity; &copy2",
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert clean(text, HTML) == text


@given(st.text(alphabet="ab <>/br&;amp!-='\"#3", max_size=60))
def test_nothing_is_added(text: str) -> None:
    assert len(plain_text(text)) <= len(text)
    if not {"<", "&"} & set(text):
        assert plain_text(text) == text


@pytest.mark.parametrize(
    "piece", ["<", "<br ", "<!--", '<a href="', "<b" + " " * 50, "&#", "<p a="]
)
def test_hostile_markup_takes_no_longer_than_it_is_long(piece: str) -> None:
    started = time.process_time()
    plain_text(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 2
