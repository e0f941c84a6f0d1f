"""Small inputs that went wrong once (no part of the project): read as they have to be.

`test_files_people_have.py` has invented files of each kind; these are skipped where they are not.
"""

import os
from pathlib import Path

import pytest

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.comparisons import read_comparisons
from tasks.ingestion.dialogues import Dialogues, read_dialogues
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import usable_examples

ROOT = Path(__file__).resolve().parents[2]
GENRES = {"Comedy", "Drama", "Fantasy", "Mystery", "Sport"}


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_STORE", str(tmp_path / "store"))


@pytest.fixture
def cases() -> Path:
    folder = Path(os.environ.get("THAW_REAL_CASES") or ROOT.parent / "shared" / "cases")
    if not folder.is_dir():
        pytest.skip("the inputs are not here (set THAW_REAL_CASES to their folder)")
    return folder


def labels_in(path: Path, label: str = "genres", **fields: object) -> set[str]:
    given = {"required": ("synopsis", label), "label_role": label, "text": ("{synopsis}",)}
    config = DataConfig.model_validate({"path": path, **given, "text_role": "synopsis", **fields})
    return set(usable_examples(prepare(ingest(config), config), config)[1].labels)


@pytest.mark.parametrize(
    "name",
    [
        *("03-label-lists-as-text/pylist.csv", "03-label-lists-as-text/jsonlist.csv"),
        "04-label-dict/dict.jsonl",
    ],
)
def test_five_genres_however_they_are_written(cases: Path, name: str) -> None:
    assert labels_in(cases / name) == GENRES


def test_two_spellings_of_an_accent_are_one_label(cases: Path) -> None:
    found = labels_in(cases / "06-label-unicode" / "nfd.csv")
    assert found == {"Com\u00e9die", "Drame", "Fantaisie", "Myst\u00e8re", "Sport"}


DIALOGUES = (
    *("09-alpaca-input-not-text/sft_inputn.parquet", "09-alpaca-input-not-text/sft_inputs.jsonl"),
    *("11-openai-weight-zero/sft_weight0.jsonl", "14-sharegpt/sft_sharegpt.jsonl"),
    *("13-message-lists/sft_trlconv.jsonl", "13-message-lists/sft_parts.jsonl"),
    "13-message-lists/sft_dev.jsonl",
)


def read(path: Path) -> Dialogues:
    return read_dialogues(path)


@pytest.mark.parametrize("name", DIALOGUES)
def test_sixty_different_questions_are_answered(cases: Path, name: str) -> None:
    table, repeated = read(cases / name).without_repeats()
    assert (table.num_rows, repeated) == (60, 0)
    assert not any("BAD ANSWER" in said for said in table["completion"].to_pylist())


def test_an_input_that_is_a_number_stands_in_the_prompt(cases: Path) -> None:
    found = read(cases / "09-alpaca-input-not-text" / "sft_inputn.parquet")
    assert found.table["prompt"][1].as_py() == "Double the number.\n\n1"


def test_half_an_emoji_is_left_out_or_named(cases: Path) -> None:
    folder = cases / "08-lone-surrogate"
    skipping = read_dialogues(folder / "sft_surr.jsonl", on_bad_line="skip")
    assert (skipping.table.num_rows, list(skipping.skipped)) == (59, [8])
    with pytest.raises(RequestError, match="line 8: half a surrogate pair is no Unicode text"):
        read(folder / "sft_surr.jsonl")
    path = folder / "rm_surr.jsonl"
    config = DataConfig(path=path, layout="comparisons", label_role=None, on_bad_line="skip")
    table, note = read_comparisons(path, config)
    assert table.num_rows == 59
    assert "1 bad records left out, the first 8" in note


def test_messages_that_are_preferred_are_read(cases: Path) -> None:
    path = cases / "13-message-lists" / "rm_msgs.jsonl"
    config = DataConfig(path=path, layout="comparisons", keep_lines=True, label_role=None)
    table, _ = read_comparisons(path, config)
    assert table.num_rows == sum(1 for line in path.open() if line.strip())
