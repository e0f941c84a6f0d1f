"""Rows chosen by value and put in an order, before anything is learned about them."""

import json
from pathlib import Path

import pytest

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest

LANGUAGES = ("en", "de", "en", " en ", None, "fr")


@pytest.fixture
def reviews(tmp_path: Path) -> DataConfig:
    """Six reviews in three languages."""
    file = tmp_path / "reviews.jsonl"
    rows = [
        {"body": f"text {number}", "stars": stars, "language": language}
        for number, (stars, language) in enumerate(zip((5, 1, 10, 2, 9, 3), LANGUAGES, strict=True))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DataConfig(path=file, required=("body", "stars"), optional=("language",))


def changed(config: DataConfig, **fields: object) -> DataConfig:
    return DataConfig.model_validate(config.model_dump() | fields)


def test_rows_of_other_values_are_left_out_and_counted(reviews: DataConfig) -> None:
    kept = ingest(changed(reviews, keep={"language": ["en"]}))
    assert kept.read()["body"].tolist() == ["text 0", "text 2", "text 3"]
    assert kept.read()["row"].tolist() == [1, 3, 4]  # numbers of the records in the file
    assert "left out by language: (empty) (1 row), de (1 row), fr (1 row)" in kept.origin
    both = ingest(changed(reviews, keep={"language": ["de", "fr"]}))
    assert both.read()["body"].tolist() == ["text 1", "text 5"]


def test_an_empty_list_keeps_every_row_and_needs_no_column(reviews: DataConfig) -> None:
    every = ingest(changed(reviews, keep={"language": []}, columns={"language": "absent"}))
    assert every.rows == 6
    assert every.origin == reviews.source


def test_an_unknown_value_says_which_there_are(reviews: DataConfig) -> None:
    with pytest.raises(RequestError) as caught:
        ingest(changed(reviews, keep={"language": ["en", "eng"]}))
    sentence = str(caught.value)
    assert "no row whose language is 'eng' (did you mean en?)" in sentence
    assert "en (3 rows), (empty) (1 row), de (1 row), fr (1 row)" in sentence
    assert "data.keep.language=[]" in sentence


def test_a_missing_column_is_named_with_both_ways_out(reviews: DataConfig) -> None:
    with pytest.raises(RequestError) as caught:
        ingest(changed(reviews, keep={"language": ["en"]}, columns={"language": "lang"}))
    sentence = str(caught.value)
    assert "no column lang" in sentence
    assert "data.columns.language=language" in sentence
    assert "data.keep.language=[]" in sentence


@pytest.mark.parametrize(
    "fields",
    [{"keep": {"langauge": ["en"]}}, {"sort_by": "langauge"}, {"may_be_empty": ["langauge"]}],
)
def test_a_role_that_the_case_does_not_have_is_refused(
    reviews: DataConfig, fields: dict[str, object]
) -> None:
    with pytest.raises(RequestError, match=r"no role langauge \(did you mean language\?\)"):
        ingest(changed(reviews, **fields))


def test_the_limit_counts_the_rows_that_are_kept(reviews: DataConfig) -> None:
    limited = ingest(changed(reviews, keep={"language": ["en"]}, limit=2))
    assert limited.rows == 2
    assert set(limited.read()["language"].str.strip()) == {"en"}


def test_numbers_are_sorted_as_numbers(reviews: DataConfig) -> None:
    rows = ingest(changed(reviews, sort_by="stars")).read()
    assert rows["stars"].tolist() == ["1", "2", "3", "5", "9", "10"]
    assert rows["row"].tolist() == [2, 4, 6, 1, 5, 3]


def test_texts_are_sorted_as_texts_equal_ones_in_their_order_empty_ones_last(
    reviews: DataConfig,
) -> None:
    rows = ingest(changed(reviews, sort_by="language")).read()
    assert rows["row"].tolist() == [4, 2, 1, 3, 6, 5]  # " en " stands before "de"


def test_sorting_by_a_column_that_is_absent_is_refused(reviews: DataConfig) -> None:
    with pytest.raises(RequestError, match=r"data\.sort_by=null"):
        ingest(changed(reviews, sort_by="language", columns={"language": "lang"}))
