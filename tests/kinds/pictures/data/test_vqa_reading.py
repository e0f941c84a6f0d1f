"""Questions and annotations: joined by id, and what does not fit is named."""

import codecs
import json
import subprocess
import sys
from pathlib import Path

import pytest
from kinds.pictures.data.vqa_files import annotation, question, simple_part, write_part

from tasks.errors import RequestError
from tasks.kinds.pictures.data.reading import SCHEMA, read_part
from tasks.kinds.pictures.layout import find_parts, image_name

ROOT = Path(__file__).resolve().parents[4]


def test_rows_are_joined_whatever_the_files_orders(tmp_path: Path) -> None:
    part = write_part(
        tmp_path,
        [question(1, 7, "What  is\nthis?"), question(2, 8)],
        [annotation(2, 8, ("dog", "cat", "dog")), annotation(1, 7, ("a b",), answer_type="number")],
    )
    table, left_out = read_part(part)
    assert table.schema == SCHEMA
    assert table.to_pylist()[0] == {
        "question_id": 1,
        "image_id": 7,
        "part": "train2014",
        "question": "What is this?",
        "question_type": "what is",
        "answer_type": "number",
        "answer": "a b",
        "answers": ["a b"],
    }
    assert table["answers"].to_pylist()[1] == ["dog", "cat", "dog"]
    assert left_out.sentences() == []


def test_questions_and_annotations_must_match(tmp_path: Path) -> None:
    part = write_part(
        tmp_path, [question(1, 7), question(2, 7)], [annotation(1, 7), annotation(3, 7)]
    )
    with pytest.raises(RequestError, match=r"question without annotation' \(question_id 2\)"):
        read_part(part)
    table, left_out = read_part(part, on_unmatched="skip")
    assert table["question_id"].to_pylist() == [1]
    assert left_out.sentences() == [
        "1 annotation without question: 3",
        "1 question without annotation: 2",
    ]
    part = write_part(tmp_path, [question(1, 7)], [annotation(n, 7) for n in range(1, 9)])
    with pytest.raises(RequestError, match=r"7 rows .*annotation without.*2, 3, 4, 5, 6, …"):
        read_part(part)


@pytest.mark.parametrize(
    ("questions", "annotations", "message"),
    [
        ([question(1, 7), question(1, 7)], [annotation(1, 7)], "question 2: the question_id 1 was"),
        ([question(1, 7)], [annotation(1, 7)] * 2, "annotation 2: the question_id 1 was there"),
        ([question(1, 7)], [annotation(1, 8)], "is about image 7, and its annotation .* image 8"),
        ([{"image_id": 7}], [annotation(1, 7)], "question 1: question_id is missing"),
        ([question(1, 7) | {"image_id": "x"}], [annotation(1, 7)], "image_id is 'x'"),
        ([question(1, 7) | {"question": None}], [annotation(1, 7)], "question is None"),
        ([question(1, 7)], [annotation(1, 7, answers="cat")], "answers should be a list"),
        ([question(1, 7)], [annotation(1, 7) | {"answers": [{}]}], "answer is None"),
        (["what?"], [annotation(1, 7)], "questions 1: no object, but 'what"),
        ([], [annotation(1, 7)], "holds no questions"),
        ([question(1, 7)], [], "holds no annotations"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(
    tmp_path: Path, questions: list, annotations: list, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        read_part(write_part(tmp_path, questions, annotations))


def test_answers_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    part = write_part(
        tmp_path,
        [question(n, 7) for n in range(1, 5)] + [question(5, 7, " ?! ")],
        [
            annotation(1, 7, ()),
            annotation(2, 7, ("x" * 101,)),
            annotation(3, 7, ("cat", "", "dog")),
            annotation(4, 7, ("cat", "dog", "dog"), multiple_choice_answer="  "),
            annotation(5, 7),
        ],
    )
    table, left_out = read_part(part)
    assert table["question_id"].to_pylist() == [3, 4]
    assert table["answers"].to_pylist()[0] == ["cat", "dog"]
    assert table["answer"].to_pylist()[1] == "dog"  # what most said
    assert left_out.sentences() == [
        "1 answers of more than 100 characters: 2",
        "1 questions without a letter or digit: 5",
        "1 questions without an answer: 1",
    ]
    with pytest.raises(RequestError, match="no usable question: 1 questions without an answer: 1"):
        read_part(write_part(tmp_path, [question(1, 7)], [annotation(1, 7, ())]))


@pytest.mark.parametrize("cut", [10, 60, -3])
def test_a_file_that_is_cut_off_is_a_sentence(tmp_path: Path, cut: int) -> None:
    part = simple_part(tmp_path, {1: 3})
    part.questions.write_bytes(part.questions.read_bytes()[:cut])
    with pytest.raises(RequestError, match=r"questions\.json is not whole JSON: after \d of its"):
        read_part(part)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    part = simple_part(tmp_path, {1: 3})
    part.questions.write_bytes(codecs.BOM_UTF8 + part.questions.read_bytes())
    assert len(read_part(part)[0]) == 3


def test_a_file_that_is_no_utf8_is_a_sentence(tmp_path: Path) -> None:
    part = simple_part(tmp_path, {1: 1})
    part.questions.write_bytes(part.questions.read_bytes().replace(b"What", b"W\xffat"))
    with pytest.raises(RequestError, match="not whole JSON"):
        read_part(part)


def test_parts_are_found_by_their_names(tmp_path: Path) -> None:
    simple_part(tmp_path, {1: 1})
    simple_part(tmp_path, {2: 1}, "val2014")
    assert [part.name for part in find_parts(tmp_path)] == ["train2014", "val2014"]
    assert [part.name for part in find_parts(tmp_path, ["val2014"])] == ["val2014"]
    assert image_name("val2014", 42) == "COCO_val2014_000000000042.jpg"
    with pytest.raises(RequestError, match=r"no part 'val2015' \(did you mean val2014\?\)"):
        find_parts(tmp_path, ["val2015"])
    (tmp_path / "v2_mscoco_val2014_annotations.json").unlink()
    assert [part.name for part in find_parts(tmp_path)] == ["train2014"]  # as the test parts are
    with pytest.raises(RequestError, match="has no annotations"):
        find_parts(tmp_path, ["val2014"])


def test_folders_of_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is no folder"):
        find_parts(tmp_path / "nowhere")
    with pytest.raises(RequestError, match="holds no questions in the layout of VQA v2"):
        find_parts(tmp_path)
    part = simple_part(tmp_path, {1: 1})
    part.image_path(1).unlink()
    part.images.rmdir()
    with pytest.raises(RequestError, match="has no pictures"):
        find_parts(tmp_path)


def test_real_questions_are_read_whole(real_data: Path) -> None:
    tables = [read_part(part) for part in find_parts(real_data / "vqa")]
    assert [len(table) for table, _ in tables] == [9974, 2494]
    assert [left_out.sentences() for _, left_out in tables] == [[], []]


@pytest.mark.slow
def test_200000_questions_take_less_than_30_seconds_and_1500_megabytes(tmp_path: Path) -> None:
    """Of processor time, since a test shares its machine."""
    words = [f"thing {n}" for n in range(3000)]
    rows = range(200_000)
    write_part(
        tmp_path,
        [question(n, n // 5, f"What is the {words[n % 3000]} doing?") for n in rows],
        [annotation(n, n // 5, tuple(words[(n * k) % 3000] for k in range(10))) for n in rows],
    )
    code = (
        "import resource, sys, time\n"
        "from pathlib import Path\n"
        "from tasks.kinds.pictures.layout import find_parts\n"
        "from tasks.kinds.pictures.data.reading import read_part\n"
        "start = time.process_time()\n"
        "table, _ = read_part(find_parts(Path(sys.argv[1]))[0])\n"
        "seconds = time.process_time() - start\n"
        "print(len(table), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    count, seconds, megabytes = json.loads(f"[{','.join(ran.stdout.split())}]")
    assert count == 200_000
    assert seconds < 30
    assert megabytes < 1500
