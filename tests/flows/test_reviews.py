"""The star-rating case through the command line: ordered labels, languages, and bad stars."""

import json
from pathlib import Path
from typing import Any

import pytest
from genre_runs import Answer, Store, options, thaw

WORDS = {1: "blood", 2: "grave", 3: "ship", 4: "coach", 5: "goal"}


@pytest.fixture(scope="session")
def quick_reviews(tiny_bert: Path) -> tuple[str, ...]:
    """Overrides that make a run take seconds."""
    return (
        f"model.base={tiny_bert}",
        "model.max_length=32",
        "split.near_duplicates=null",  # its rows are of one template
        "training.epochs=1",
        "top_seeds=1",
        "evaluation.bootstrap=100",
        "evaluation.baseline_c=[1.0]",
        "registry.enabled=false",
        "strategies=[full,freeze_2]",
    )


def reviews(path: Path, rows: int = 100, **changes: Any) -> Path:
    """Reviews whose stars a word tells; `changes` are fields of the eighth (None: null)."""
    made = [
        {
            "review_id": f"r{number}",
            "title": f"Number {number}",
            "body": f"There was {WORDS[number % 5 + 1]} in it, said the team of {number * 7}.",
            "stars": number % 5 + 1,
            "language": "de" if number % 10 == 9 else "en",
        }
        for number in range(rows)
    ]
    made[7] |= changes
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


def as_sample(file: Path) -> tuple[str, ...]:
    """What the sample says of its own file, for one of the same form."""
    return (f"data.path={file}", "data.columns.id=review_id", "data.keep.language=[en]")


def run_reviews(*overrides: str) -> Answer:
    return thaw("run", "reviews", *options(*overrides))


@pytest.mark.slow
def test_the_sample_runs_end_to_end(
    quick_reviews: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    answer = run_reviews(*quick_reviews)
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    entries = Store().children(sweep.info.run_id)
    entries |= Store().children(sweep.info.run_id, "baseline")
    assert {"full seed=42", "always the mean", "label frequencies"} <= set(entries)
    for name, entry in entries.items():
        wanted = {"mae", "mae_expected", "off_by_one", "good_bad", "f1_weighted"}
        assert {f"test/{metric}" for metric in wanted} <= set(entry.data.metrics), name
    table = Store().table(sweep.info.run_id)
    assert table["always the mean mae"] > 0
    assert "comparison/confusion_matrix.svg" in Store().artifacts(sweep.info.run_id)
    assert "left out by language" in caplog.text


def test_the_rows_of_other_languages_are_left_out(
    quick_reviews: tuple[str, ...], tmp_path: Path, to_training: str
) -> None:
    file = reviews(tmp_path / "reviews.jsonl", stars=9, language="de")  # and not validated
    answer = run_reviews(*quick_reviews, *as_sample(file))
    assert answer.sentence == to_training
    (sweep,) = Store().sweeps()
    report = json.loads(Store().text(sweep.info.run_id, "split/report.json"))
    assert report["rows"] == 89


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.keep.language=[klingon]"], ["klingon", "en (90 rows)", "de (10 rows)"]),
        (["data.columns.language=lang"], ["no column lang", "data.columns.language=language"]),
        (["data.columns.body=text"], ["no column text", "data.columns.body=body"]),
    ],
)
def test_an_unknown_language_and_missing_columns_are_refused(
    quick_reviews: tuple[str, ...], tmp_path: Path, overrides: list[str], words: list[str]
) -> None:
    file = reviews(tmp_path / "reviews.jsonl")
    answer = run_reviews(*quick_reviews, *as_sample(file), *overrides)
    assert answer.code == 2
    assert all(word in answer.sentence for word in words), answer.sentence


@pytest.mark.parametrize("stars", [0, 6, 2.5, "five", "4 stars", -1])
def test_stars_that_are_none_are_refused_with_row_and_value(
    quick_reviews: tuple[str, ...], tmp_path: Path, stars: Any
) -> None:
    file = reviews(tmp_path / "reviews.jsonl", stars=stars)
    answer = run_reviews(*quick_reviews, *as_sample(file))
    assert answer.code == 2
    assert "row 8" in answer.sentence
    assert str(stars) in answer.sentence
    assert all(sweep.info.status == "FAILED" for sweep in Store().sweeps())


def prepared(file: Path, *overrides: str) -> Any:
    """The rows that would be validated."""
    from tasks.config.loading import load_case
    from tasks.ingestion.ingest import ingest
    from tasks.ingestion.prepare import prepare

    config = load_case("reviews", "sample", [*as_sample(file), *overrides])
    return prepare(ingest(config.data), config.data).read().set_index("id")


@pytest.mark.parametrize("stars", ["3", 3.0, " 3 ", "3.0", "03"])
def test_stars_as_text_or_floats_are_read_as_stars(tmp_path: Path, stars: Any) -> None:
    rows = prepared(reviews(tmp_path / "reviews.jsonl", stars=stars))
    assert list(rows.loc["r7", "labels"]) == ["3"]


def test_a_title_or_a_body_is_enough(tmp_path: Path) -> None:
    rows = prepared(reviews(tmp_path / "a.jsonl", title=None))
    assert rows.loc["r7", "text"].startswith("There was")
    rows = prepared(reviews(tmp_path / "b.jsonl", body=None))
    assert rows.loc["r7", "text"] == "Number 7"
    rows = prepared(reviews(tmp_path / "c.jsonl", title=None, body=" "))
    assert rows["text"].isna().sum() == 1


def test_sorted_rows_stay_sorted_in_every_part(tmp_path: Path) -> None:
    from tasks.config.loading import load_case
    from tasks.ingestion.ingest import ingest
    from tasks.ingestion.prepare import prepare
    from tasks.ingestion.usable import usable_examples
    from tasks.kinds.kind import kind_of
    from tasks.kinds.values import Rows

    file = reviews(tmp_path / "reviews.jsonl")
    config = load_case(
        "reviews",
        "sample",
        [*as_sample(file), "data.sort_by=stars", "split.near_duplicates=null"],
    )
    examples, _ = usable_examples(prepare(ingest(config.data), config.data), config.data)
    (parts,) = kind_of(config.task).split(Rows(examples), config).folds
    for part in parts.values():
        stars = part.read()["stars"]
        assert stars.is_monotonic_increasing
        assert stars.nunique() == 5


def test_the_real_reviews_run_up_to_their_parts(real_data: Path) -> None:
    from tasks.config.loading import load_case
    from tasks.splitting.assignment import assign
    from tasks.splitting.units import text_units

    columns = "data.columns={title: review_title, body: review_body}"
    rows = prepared(real_data / "reviews.parquet", columns, "data.limit=3000").reset_index()
    assert len(rows) == 3000
    assert set(rows["labels"].str[0]) == {"1", "2", "3", "4", "5"}
    examples = rows[rows["text"].notna()].reset_index(drop=True)
    config = load_case("reviews").split
    report = assign(text_units(examples, config, labelled=True), config).report
    assert sum(report.parts[0].values()) + report.dropped == len(examples)


def test_sorted_against_shuffled_are_two_lines_in_one_plot(
    quick_reviews: tuple[str, ...], tmp_path: Path
) -> None:
    file = reviews(tmp_path / "reviews.jsonl")
    answer = run_reviews(
        *quick_reviews,
        *as_sample(file),
        "strategies=[full]",
        "data.sort_by=stars",
        "grid.training.shuffle=[true,false]",
    )
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    arms = Store().children(sweep.info.run_id)
    assert set(arms) == {"full shuffle=True seed=42", "full shuffle=False seed=42"}
    losses = {name: run.data.metrics["val/loss"] for name, run in arms.items()}
    assert len(set(losses.values())) == 2  # the order of the rows is all that differs
    assert "comparison/learning_curves/loss.svg" in Store().artifacts(sweep.info.run_id)


@pytest.mark.slow
def test_a_decoder_completes_the_prompt_with_the_rating(
    quick_reviews: tuple[str, ...], tiny_gpt2: Path, tmp_path: Path
) -> None:
    file = reviews(tmp_path / "reviews.jsonl")
    decoder = (
        *as_sample(file),
        f"model.base={tiny_gpt2}",
        "split.near_duplicates=null",  # its rows are of one template
        "model.head=tokens",
        'model.prompt_end="\\n\\n###\\n\\n"',
        "strategies=[last_1,head]",
        "registry.enabled=true",
        "registry.beats=floor",
        "training.learning_rate=1e-2",
        "training.epochs=5",
    )
    answer = run_reviews(*quick_reviews, *decoder)
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    arms = Store().children(sweep.info.run_id)
    assert all(arm.data.tags["thaw.trunk"].startswith("on") for arm in arms.values())
    told = thaw("predict", "reviews", "--strategy", "last_1", "There was a goal in it.")
    assert told.code == 0, told.err
    assert told.out.split()[0] in {"1", "2", "3", "4", "5"}
