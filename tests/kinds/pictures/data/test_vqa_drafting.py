"""A case of one's own about pictures, drafted from a folder."""

from pathlib import Path

import pytest
from invented import csv_file, rows, said, told
from kinds.pictures.data.vqa_files import annotation, question, write_part

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.kinds.kind import kind_of
from tasks.kinds.pictures.drafting import draft_folder
from tasks.validation.suites import load_suite, suite_of


def asked(folder: Path, count: int) -> None:
    write_part(
        folder,
        [question(n, n // 2, f"What is {n}?") for n in range(1, count + 1)],
        [annotation(n, n // 2, (("cat", "dog")[n % 2],)) for n in range(1, count + 1)],
    )


def test_a_folder_becomes_a_case(tmp_path: Path) -> None:
    asked(tmp_path / "photos", 24)
    found = draft_folder(tmp_path / "photos", tmp_path / "photos.yaml")
    config = load_case(str(found.case))
    assert (config.task, config.data.path) == ("vqa", tmp_path / "photos")
    assert kind_of(config.task).check(config) == config
    assert load_suite(suite_of(config)).model_dump()["examples"]
    assert "train2014 (24 questions)" in found.facts[0]
    assert found.examples[0] == ("What is 1?", "dog")


def test_a_folder_that_is_none_of_questions_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no questions in the layout of VQA v2"):
        draft_folder(tmp_path, tmp_path / "a.yaml")
    asked(tmp_path / "few", 6)
    with pytest.raises(RequestError, match="6 questions, and at least 20"):
        draft_folder(tmp_path / "few", tmp_path / "few.yaml")
    assert not list(tmp_path.glob("*.yaml"))


def test_a_column_of_pictures_is_not_taken_for_anything_else(tmp_path: Path) -> None:
    found = rows(image=lambda n: f"img/{n}.jpg", question=said, answer=lambda n: "abc"[n % 3])
    path = csv_file(tmp_path / "photos.csv", found)
    with pytest.raises(RequestError, match=r"image names pictures.*leave out --task"):
        told(path)
    assert told(path, text=("question",), label=("answer",)).task == "single_label"
