"""The sentiment case through the command line: calibration, HTML, and a test part that is given."""

import json
from pathlib import Path

import pandas as pd
import pytest
from genre_runs import LEARNING, Answer, Store, options, thaw


@pytest.fixture(scope="session")
def quick_imdb(tiny_bert: Path) -> tuple[str, ...]:
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


def films(path: Path, rows: int = 80) -> Path:
    """Reviews with breaks, half of them for the test, whose label a single word tells."""
    made = [
        {
            "split": "test" if number % 2 else "train",
            "label": number // 2 % 2,
            "text": f"Film {number}.<br /><br />It was {('dead', 'goal')[number // 2 % 2]} "
            f"&amp; the team number {number} at the ship {number * 7}",
        }
        for number in range(rows)
    ]
    pd.DataFrame(made).to_parquet(path)
    return path


def run_imdb(*overrides: str, profile: str = "sample") -> Answer:
    return thaw("run", "imdb", "--profile", profile, *options(*overrides))


@pytest.mark.slow
def test_the_sample_runs_end_to_end(quick_imdb: tuple[str, ...]) -> None:
    answer = run_imdb(*quick_imdb)
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    arms = Store().children(sweep.info.run_id)
    assert set(arms) == {"full seed=42", "freeze_2 seed=42"}
    for arm in arms.values():
        assert {"test/ece", "test/ece_uncalibrated", "test/f1"} <= set(arm.data.metrics)
    kept = Store().artifacts(sweep.info.run_id)
    assert "comparison/reliability.svg" in kept
    assert 0 < Store().table(sweep.info.run_id)["full accuracy"] < 1


def test_a_given_test_part_and_limits_by_overrides_alone(
    quick_imdb: tuple[str, ...], tmp_path: Path, to_training: str
) -> None:
    file = films(tmp_path / "films.parquet")
    limits = ("split.validation=0.25", "split.rows.train=20", "split.rows.test=30")
    answer = run_imdb(*quick_imdb, f"data.path={file}", *limits, profile="book")
    assert answer.sentence == to_training
    (sweep,) = Store().sweeps()
    report = json.loads(Store().text(sweep.info.run_id, "split/report.json"))
    assert report["parts"][0] == {"train": 20, "validation": 10, "test": 30}
    assert set(report["labels"]) == {"negative", "positive"}


def test_a_file_without_the_split_column_is_told_what_to_do(
    quick_imdb: tuple[str, ...], tmp_path: Path
) -> None:
    file = films(tmp_path / "films.parquet")
    whole = tmp_path / "whole.parquet"
    pd.read_parquet(file).drop(columns="split").to_parquet(whole)
    answer = run_imdb(*quick_imdb, f"data.path={whole}", profile="book")
    assert answer.code == 2
    assert "split.test_role=null" in answer.sentence


def test_the_sample_profile_does_not_take_labels_for_stars(
    quick_imdb: tuple[str, ...], tmp_path: Path, to_training: str
) -> None:
    """In the sample 1 is a star, so negative; a file with 0 and 1 must not lose its positives."""
    file = films(tmp_path / "films.parquet")
    answer = run_imdb(*quick_imdb, f"data.path={file}")
    assert answer.sentence == to_training
    (sweep,) = Store().sweeps()
    report = json.loads(Store().text(sweep.info.run_id, "split/report.json"))
    assert set(report["labels"]) == {"negative", "positive"}
    assert sweep.data.tags["thaw.profile"] == "own"


def test_the_champion_answers_with_calibrated_confidence(
    quick_imdb: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the fresh-process check left out: test_genre runs it for real."""
    monkeypatch.setattr("tasks.registry.promotion.verify_in_fresh_process", lambda *arguments: None)
    file = films(tmp_path / "films.parquet", 160)
    answer = run_imdb(
        *quick_imdb,
        f"data.path={file}",
        "split.validation=0.25",
        *LEARNING,
        "model.pooling=mean",
        "training.gradient_accumulation=1",
        "registry.enabled=true",
        "registry.beats=floor",
        "strategies=[full]",
        profile="book",
    )
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    (arm,) = Store().children(sweep.info.run_id).values()
    assert arm.data.metrics["test/accuracy"] > 0.8
    assert "comparison/calibration.svg" in Store().artifacts(sweep.info.run_id)
    assert Store().aliases("imdb") == {"champion": 1}
    card = Store().client.get_model_version("imdb", "1").description
    assert "calibrated by a temperature of" in card
    plain, marked = "It was goal & the team", "It was <b>goal</b> &amp;<br />the team"
    found = thaw("predict", "imdb", plain, marked, "It was dead the ship", "--json")
    assert found.code == 0, found.err
    first, second, third = (json.loads(line) for line in found.out.splitlines())
    assert first["probabilities"] == pytest.approx(second["probabilities"])
    assert (first["labels"], third["labels"]) == (["positive"], ["negative"])


@pytest.mark.parametrize("profile", ["sample", "book"])
def test_the_real_file_is_split_as_it_says(real_data: Path, profile: str) -> None:
    from tasks.config.loading import load_case
    from tasks.ingestion.ingest import ingest
    from tasks.ingestion.prepare import prepare
    from tasks.splitting.given import rows_of_test

    overrides = [f"data.path={real_data}/imdb.parquet", "data.limit=400"]
    if profile == "sample":
        overrides += ["split.test_role=split"]
    config = load_case("imdb", profile, overrides)
    examples = prepare(ingest(config.data), config.data).read()
    assert set(examples["labels"].str[0]) == {"negative", "positive"}
    assert not examples["text"].str.contains("<br").any()
    in_test = rows_of_test(examples, config.split)
    assert in_test.tolist() == (examples["split"] == "test").tolist()


def thai_films(path: Path) -> Path:
    """Reviews in Thai with emoji, whose label a word and a sign tell."""
    said = ("หนังแย่มาก 😡", "หนังดีมาก 🎉")
    made = [
        {
            "split": "test" if number % 2 else "train",
            "label": number // 2 % 2,
            "text": f"{said[number // 2 % 2]} เรื่องที่ {'กขคงจ'[number % 5] * (number + 1)}",
        }
        for number in range(60)
    ]
    pd.DataFrame(made).to_parquet(path)
    return path


def test_texts_in_a_language_that_the_base_model_does_not_know_stop_the_run(
    quick_imdb: tuple[str, ...], tmp_path: Path
) -> None:
    answer = run_imdb(
        *quick_imdb, f"data.path={thai_films(tmp_path / 'thai.parquet')}", profile="book"
    )
    assert answer.code == 2
    assert "60 of 60 texts are nothing but tokens that tiny-bert" in answer.err
    assert "choose a base model for this language" in answer.err


def test_a_base_model_of_many_languages_says_what_it_sees(
    quick_imdb: tuple[str, ...], tiny_roberta: Path, tmp_path: Path
) -> None:
    """It reads bytes: it knows every sign, and a Thai letter is three of its tokens."""
    answer = run_imdb(
        *quick_imdb,
        f"data.path={thai_films(tmp_path / 'thai.parquet')}",
        f"model.base={tiny_roberta}",
        "strategies=[head]",
        profile="book",
    )
    assert answer.code == 0, answer.err
    cut = "100 % of the texts are longer than model.max_length=32"
    (sweep,) = Store().sweeps()
    files = Store().artifacts(sweep.info.run_id)
    pages = [name for name in files if name.endswith((".html", ".md"))]
    said = {name for name in pages if cut in Store().text(sweep.info.run_id, name)}
    assert any("validation" in name for name in said), pages
    assert any("comparison" in name for name in said), pages
