"""From a user's folder, or drawn scenes, to three stored parts that share no picture."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from kinds.pictures.data.vqa_files import annotation, draw, question, simple_part, write_part

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.kinds.pictures.data.ingest import (
    IngestedPictures,
    data_folder,
    drawn_scenes,
    ingest_pictures,
)
from tasks.kinds.pictures.data.question_table import question_table
from tasks.kinds.pictures.splitting import PictureSplitReport, split_questions
from tasks.storage import TableRef
from tasks.validation.validate import validate


def case(folder: Path, *overrides: str) -> CaseConfig:
    return load_case("vqa", "sample", [f"data.path={folder}", *overrides])


def split(config: CaseConfig) -> tuple[dict[str, TableRef], PictureSplitReport]:
    found = ingest_pictures(config)
    (parts,), report = split_questions(found.questions, config, found.left_out)
    return parts, report


def images(part: TableRef) -> set[str]:
    return set(part.read(["image"])["image"])


def test_a_picture_is_in_one_part_with_all_its_questions(tmp_path: Path) -> None:
    simple_part(tmp_path / "data", dict.fromkeys(range(40), 3))
    parts, report = split(case(tmp_path / "data"))
    assert sum(report.parts[0].values()) == 120 == sum(part.rows for part in parts.values())
    assert sum(report.units[0].values()) == 40
    for part in parts.values():
        assert (part.read()["image"].value_counts() == 3).all()
    assert not images(parts["train"]) & images(parts["test"])
    assert report.vocabulary["answers"] == 1
    frame = parts["train"].read()
    assert all(Path(path).is_file() for path in frame["path"])


def test_moved_pictures_are_the_same_data(tmp_path: Path) -> None:
    simple_part(tmp_path / "here", dict.fromkeys(range(30), 2))
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    here, there = (ingest_pictures(case(tmp_path / name)) for name in ("here", "there"))
    assert here.questions.digest == there.questions.digest
    assert here.questions.path != there.questions.path
    draw((tmp_path / "there" / "train2014" / "COCO_train2014_000000000003.jpg"), 999)
    assert ingest_pictures(case(tmp_path / "there")).questions.digest != here.questions.digest


def test_parts_that_share_pictures_are_divided_anew_or_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    simple_part(folder, dict.fromkeys(range(30), 2))
    simple_part(folder, dict.fromkeys(range(20, 45), 2), "val2014")
    parts, report = split(case(folder))
    assert report.shared == 10
    assert "10 pictures are in val2014 and in the other parts too" in report.notes[0]
    assert not images(parts["train"]) & images(parts["test"])
    assert {"train2014", "val2014"} == set(parts["train"].read()["part"])
    with pytest.raises(RequestError, match="10 pictures are in val2014"):
        split(case(folder, "vqa.shared_images=refuse"))


def test_a_given_test_part_stays_the_test_part(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    simple_part(folder, dict.fromkeys(range(30), 2))
    simple_part(folder, dict.fromkeys(range(50, 60), 2), "val2014")
    parts, _ = split(case(folder))
    assert set(parts["test"].read()["part"]) == {"val2014"}
    assert parts["test"].rows == 20
    alone, _ = split(case(folder, "vqa.parts=[train2014]"))
    assert {part for table in alone.values() for part in table.read()["part"]} == {"train2014"}


def disputed(folder: Path) -> None:
    """Of each picture's two questions one on which nine in ten agree, and one on which six do."""
    rows = [(2 * image + which, image, which) for image in range(30) for which in (0, 1)]
    said = {0: ("cat",) * 9 + ("dog",), 1: ("cat",) * 6 + ("dog",) * 4}
    part = write_part(
        folder,
        [question(number, image) for number, image, _ in rows],
        [annotation(number, image, said[which]) for number, image, which in rows],
    )
    for image in range(30):
        draw(part.image_path(image), image)


def test_agreement_filters_training_alone(tmp_path: Path) -> None:
    disputed(tmp_path)
    everything, _ = split(case(tmp_path))
    parts, report = split(case(tmp_path, "vqa.consensus=0.9"))
    assert parts["train"].rows == everything["train"].rows / 2
    for name in ("validation", "test"):
        assert parts[name].digest == everything[name].digest
    assert any("fewer than 90% agree" in line for line in report.unused)


def test_limits_keep_fewer_pictures_and_questions(tmp_path: Path) -> None:
    simple_part(tmp_path, dict.fromkeys(range(60), 4))
    found = ingest_pictures(case(tmp_path, "vqa.max_images=30", "vqa.max_questions=2"))
    assert found.questions.rows == 60
    assert found.audit.counts()["pictures"] == 30  # the others were not even opened
    assert found.left_out.count.total() == 240 - 60


def broken(folder: Path, count: int) -> IngestedPictures:
    part = simple_part(folder, dict.fromkeys(range(40), 2))
    for image in range(count):
        part.image_path(image).write_bytes(part.image_path(image).read_bytes()[:40])
    return ingest_pictures(case(folder))


def test_damaged_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    found = broken(tmp_path, 2)
    assert found.questions.rows == 80
    (parts,), report = split_questions(found.questions, case(tmp_path), found.left_out)
    assert sum(part.rows for part in parts.values()) == 76
    assert any("4 questions about pictures" in line for line in report.unused)
    (line,) = found.audit.sentences()
    assert line.startswith("2 ")
    assert "COCO_train2014_000000000000.jpg" in line
    checked = validate(question_table(found.questions), case(tmp_path))
    assert [blocking.column for blocking in checked.failed("block")] == ["answer"]  # all are "cat"
    (warned,) = [f for f in checked.failed("warn") if f.column == "picture_fault"]
    assert warned.unexpected == 4


def test_too_many_damaged_pictures_end_the_run_with_their_names(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="3 of 40 pictures cannot be used") as caught:
        broken(tmp_path, 3)
    assert "COCO_train2014_000000000002.jpg" in str(caught.value)


def test_a_folder_without_the_pictures_says_how_many_and_which(tmp_path: Path) -> None:
    part = simple_part(tmp_path, dict.fromkeys(range(12), 1))
    for path in part.images.iterdir():
        path.unlink()
    with pytest.raises(RequestError, match=r"12 of 12 pictures cannot be used \(12 missing\)") as e:
        ingest_pictures(case(tmp_path))
    assert str(e.value).count("COCO_train2014_") == 5


def test_an_id_in_two_parts_is_refused(tmp_path: Path) -> None:
    simple_part(tmp_path, {1: 3})
    part = write_part(tmp_path, [question(2, 7)], [annotation(2, 7)], "val2014")
    draw(part.image_path(7), 7)
    with pytest.raises(RequestError, match="question_id 2 is in train2014 and in val2014"):
        ingest_pictures(case(tmp_path))


def test_what_is_no_folder_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"data\.path=FOLDER"):
        data_folder(load_case("vqa", "sample", ["data.url=https://example.org/vqa.zip"]))
    with pytest.raises(RequestError, match=r"no hub dataset.*data\.path=FOLDER"):
        data_folder(load_case("vqa", "sample", ["data.hub=me/vqa"]))
    with pytest.raises(RequestError, match=r"No sample 'scene' .* \(did you mean scenes\?\)"):
        data_folder(load_case("vqa", "sample", ["data.sample=scene"]))
    with pytest.raises(RequestError, match="is no folder"):
        ingest_pictures(case(tmp_path / "nowhere"))


def test_the_sample_is_drawn_once(isolated_store: Path) -> None:
    folder = drawn_scenes(12, 2, seed=1)
    drawn = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert drawn_scenes(12, 2, seed=1) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == drawn
    assert drawn_scenes(12, 2, seed=2) != folder


def test_the_shipped_suite_passes_the_sample(isolated_store: Path) -> None:
    config = load_case("vqa", "sample", ["vqa.scenes=40"])
    report = validate(question_table(ingest_pictures(config).questions), config)
    assert report.passed
    assert [found.sentence for found in report.failed("warn")] == []


def test_real_photographs_share_pictures_and_are_divided_anew(real_data: Path) -> None:
    config = case(real_data / "vqa", "vqa.max_images=60")
    parts, report = split(config)
    assert report.shared > 0
    assert not images(parts["train"]) & images(parts["test"])


@pytest.mark.slow
def test_200000_questions_become_parts_in_30_seconds_and_1500_megabytes(tmp_path: Path) -> None:
    """Of processor time, since a test shares its machine; the libraries' own start left out."""
    rows = range(200_000)
    folder = tmp_path / "data"
    part = write_part(
        folder,
        [question(n, n % 1000, f"What is thing {n % 3000} doing?") for n in rows],
        [
            annotation(n, n % 1000, tuple(f"thing {(n * k) % 3000}" for k in range(10)))
            for n in rows
        ],
    )
    for image in range(1000):
        draw(part.image_path(image), image)
    code = (
        "import resource, sys, time\n"
        "from tasks.kinds.pictures.data.ingest import ingest_pictures\n"
        "from tasks.kinds.pictures.splitting import split_questions\n"
        "from tasks.config.loading import load_case\n"
        "config = load_case('vqa', 'sample', ['data.path=' + sys.argv[1]])\n"
        "start = time.process_time()\n"
        "found = ingest_pictures(config)\n"
        "(parts,), _ = split_questions(found.questions, config, found.left_out)\n"
        "seconds = time.process_time() - start\n"
        "rows = sum(part.rows for part in parts.values())\n"
        "print(rows, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    count, seconds, megabytes = map(float, ran.stdout.split())
    assert count == 200_000
    assert seconds < 30
    assert megabytes < 1500
