"""Every book profile finds its data: by true addresses and commits, in true formats.

The rows are invented and few; what reads them is what reads the chapters' own.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from book_rows import book_web, checksum_of
from book_web import Web, on_loopback

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.sources import fetch
from tasks.ingestion.usable import usable_examples
from tasks.kinds.pictures.data.ingest import ingest_pictures
from tasks.splitting.assignment import assign
from tasks.splitting.units import text_units


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    with pytest.MonkeyPatch.context() as patch, on_loopback(book_web(), folder) as found:
        for name in ("THAW_OFFLINE", "HF_HUB_OFFLINE"):
            patch.delenv(name, raising=False)
        yield found


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_CACHE", str(tmp_path_factory.getbasetemp() / "book-cache"))


def prepared(case: str, web: Web) -> tuple[CaseConfig, pd.DataFrame]:
    config = load_case(case, "book", checksum_of(web, case))
    texts = config.task == "completion"
    return config, prepare(ingest(config.data), config.data, texts).read()


def parts_of(config: CaseConfig, rows: pd.DataFrame, labelled: bool = True) -> dict[str, int]:
    if labelled:
        rows = rows[rows["labels"].map(len) > 0]
    found = assign(text_units(rows, config.split, labelled), config.split).report.parts
    return dict(found[0])


def test_genre_reads_the_chapters_sentences_and_all_labels(web: Web) -> None:
    config, rows = prepared("genre", web)
    first = rows["text"][0].splitlines()
    assert first[0].endswith("is a TV Show.")
    assert first[2:] == [
        "It was produced by House A, House B and it is from North Studio.",
        "Its source is Manga.",
        "It premiered in Spring 1998.",
    ]
    assert "“" not in rows["text"][0]
    assert rows["text"][1].splitlines()[0].endswith("is a Movie.")
    raw = ingest(config.data)
    _, usable = usable_examples(prepare(raw, config.data), config.data)
    assert "Unknown" in usable.labels
    assert len(usable.labels) == 6


def test_a_file_that_is_not_the_chapters_is_refused_by_its_checksum(web: Web) -> None:
    wanted = load_case("genre", "book").data.sha256
    with pytest.raises(RequestError, match=f"where {wanted} was expected"):
        fetch(load_case("genre", "book").data)


def test_an_address_that_gives_an_lfs_pointer_is_refused(web: Web) -> None:
    url = str(load_case("latex", "book").data.url)
    bare = url.replace("media.githubusercontent.com/media", "raw.githubusercontent.com")
    with pytest.raises(RequestError, match="gave a Git LFS pointer"):
        fetch(load_case("latex", "book", [f"data.url={bare}"]).data)


def test_spam_comes_out_of_its_archive_with_its_quotes(web: Web) -> None:
    _, rows = prepared("spam", web)
    assert len(rows) == 120
    assert rows["text"][1].startswith('"see you')


def test_reviews_keep_the_hubs_own_parts_and_have_stars(web: Web) -> None:
    config, rows = prepared("reviews", web)
    assert rows["text"][3].startswith("It is pleasant\n\nThe ")
    assert rows["labels"][3] == ["4"]
    assert set(rows["labels"].str[0]) == set("12345")
    parts = parts_of(config, rows)
    assert parts["test"] == 40
    assert 25 < parts["validation"] <= 30  # near duplicates of test rows are left out
    assert 100 < parts["train"] <= 150


def test_imdb_has_names_for_classes_and_the_hubs_test_part(web: Web) -> None:
    config, rows = prepared("imdb", web)
    assert "<br" not in rows["text"][0]
    assert rows["labels"][:2].tolist() == [["negative"], ["positive"]]
    assert parts_of(config, rows)["test"] == 40


def test_acceptability_reads_glue(web: Web) -> None:
    _, rows = prepared("acceptability", web)
    assert rows["labels"][:2].tolist() == [["unacceptable"], ["acceptable"]]


def test_latex_and_instructions_come_from_behind_a_redirect(web: Web) -> None:
    _, rows = prepared("latex", web)
    assert rows["text"][3].endswith(" squared")
    assert rows["labels"][3] == ["a_{3}^{2}"]
    _, rows = prepared("sft", web)
    assert len(rows) == 120  # an empty turn is left out, and ends nothing
    assert rows["text"][0].startswith("What of The")


def test_comparisons_are_pairs_of_scored_answers(web: Web) -> None:
    _, rows = prepared("sawyer_reward", web)
    assert len(rows) == 240
    assert rows["text"][0].startswith("Say The")
    assert (rows["chosen_source"][0], rows["rejected_source"][0]) == ("gpt4", "davinci")


def test_prompts_of_the_policy_have_their_context(web: Web) -> None:
    _, rows = prepared("sawyer_rl", web)
    assert len(rows) == 80
    assert rows["text"][0].count("\n\n") == 1
    assert "\n" not in rows["text"][1]


def test_summaries_train_on_every_article_of_train(web: Web) -> None:
    config, rows = prepared("summaries", web)
    assert rows["text"][0].startswith("summarize: The ")
    parts = parts_of(config, rows, labelled=False)
    assert parts["train"] <= 60
    assert parts == {"train": parts["train"], "validation": 6, "test": 114}
    assert parts["train"] >= 55


@pytest.mark.parametrize("profile", ["book", "second_edition"])
def test_pictures_come_out_of_six_archives_whose_sizes_are_said_first(
    web: Web,
    profile: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("THAW_CACHE", str(tmp_path))
    config = load_case("vqa", profile)
    found = ingest_pictures(config)
    told = capfd.readouterr().err
    assert "in 6 archives" in told
    assert "train2014.zip: " in told
    assert found.parts == ("train2014", "val2014")
    assert found.questions.rows == 84
    assert not found.left_out.count
    before = len(web.asked)
    ingest_pictures(config)
    assert len(web.asked) == before  # nothing is fetched again
    assert not list(tmp_path.rglob("*.zip"))  # nor kept twice


def test_every_source_is_pinned_where_a_pin_is_known() -> None:
    unpinned = set()
    for case in ("acceptability", "genre", "imdb", "latex", "reviews", "sft", "spam", "summaries"):
        data = load_case(case, "book").data
        if not (data.sha256 or data.hub_revision):
            unpinned.add(case)
    assert unpinned == {"summaries"}
