"""`thaw export` through the command line: the files, what it prints, what it refuses."""

# ruff: noqa: F811 - fixtures are imported by name
import json
from pathlib import Path

import pytest
from genre_runs import Answer, Store, options, thaw
from hosted.hosted_parts import label_tokenizer  # noqa: F401 - a fixture
from hosted.openai_format import read_strictly

ROWS = [
    {
        "review_id": f"r{number}",
        "title": f"Title {number}",
        "body": f"Body {number}, the lid is {'loose' if number % 2 else 'tight'}: 10/10 “no”.",
        "stars": 1 + number % 5,
        "language": "en",
    }
    for number in range(60)
]


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write(tmp_path / "reviews.jsonl", ROWS)


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def export(data: Path, out: Path, *overrides: str, form: str = "completion") -> Answer:
    chosen = (f"data.path={data}", "split.near_duplicates=null", *overrides)
    return thaw("export", "reviews", "--format", form, "--out", str(out), *options(*chosen))


@pytest.fixture
def quick(label_tokenizer: Path) -> str:
    return f"hosted.tokenizer={label_tokenizer}"


def test_the_chapters_files_come_out_byte_by_byte(
    reviews: Path, tmp_path: Path, quick: str
) -> None:
    out = tmp_path / "out"
    answer = export(reviews, out, quick)
    assert answer.code == 0, answer.err
    assert sorted(path.name for path in out.iterdir()) == ["train.jsonl", "validation.jsonl"]
    expected = {f"{row['title']}\n\n{row['body']}\n\n###\n\n": f" {row['stars']}" for row in ROWS}
    for name in ("train", "validation"):
        content = (out / f"{name}.jsonl").read_bytes()
        for example in read_strictly(content):
            assert expected.pop(example["prompt"]) == example["completion"]
        for line in content.splitlines():
            assert line.startswith(b'{"prompt":"Title ')
            assert b'\\n\\n###\\n\\n","completion":" ' in line
            assert "“no”".encode() in line
    assert 0 < len(expected) <= 15  # the test part stays here
    assert "train.jsonl: " in answer.out
    assert " tokens by " in answer.out
    assert "No price is known as long as hosted.model names no model" in answer.out
    assert Store().runs() == []  # nothing is tracked


def test_a_chat_has_the_same_texts_and_the_bare_label(
    reviews: Path, tmp_path: Path, quick: str
) -> None:
    chat = ("hosted.system=You rate.", "hosted.model=gpt-4o-mini-2024-07-18")
    answer = export(reviews, tmp_path / "out", quick, *chat, form="chat")
    assert answer.code == 0, answer.err
    for example in read_strictly((tmp_path / "out" / "train.jsonl").read_bytes()):
        roles = [message["role"] for message in example["messages"]]
        assert roles == ["system", "user", "assistant"]
        assert example["messages"][2]["content"] in "12345"
    assert "Training gpt-4o-mini-2024-07-18 on it for 1 epoch costs" in answer.out


def test_the_test_part_and_another_model_on_request(
    reviews: Path, tmp_path: Path, quick: str
) -> None:
    out = tmp_path / "out"
    chosen = (f"data.path={reviews}", quick, "hosted.model=my-own", "split.near_duplicates=null")
    answer = thaw("export", "reviews", "--out", str(out), "--with-test", *options(*chosen))
    assert answer.code == 0, answer.err
    lines = [len(path.read_bytes().splitlines()) for path in out.iterdir()]
    assert len(lines) == 3
    assert sum(lines) == 60
    assert "No price is known for my-own" in answer.out


def test_training_rows_are_shuffled_unless_stored_order_is_asked_for(
    reviews: Path, tmp_path: Path, quick: str
) -> None:
    orders = {}
    for name, more in (("yes", ()), ("no", ("training.shuffle=false", "data.sort_by=stars"))):
        assert export(reviews, tmp_path / name, quick, *more).code == 0
        examples = read_strictly((tmp_path / name / "train.jsonl").read_bytes())
        orders[name] = [example["completion"] for example in examples]
    assert orders["no"] == sorted(orders["no"])
    assert orders["yes"] != sorted(orders["yes"])


def test_labels_of_several_tokens_are_refused(
    reviews: Path, tmp_path: Path, tiny_gpt2: Path
) -> None:
    answer = export(reviews, tmp_path / "out", f"hosted.tokenizer={tiny_gpt2}")
    assert answer.code == 2
    assert "The label ' 1' is not one token" in answer.sentence
    assert not (tmp_path / "out").exists()


def test_a_separator_in_a_text_is_refused_with_its_row_and_older_files_stay(
    reviews: Path, tmp_path: Path, quick: str
) -> None:
    out = tmp_path / "out"
    assert export(reviews, out, quick).code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    broken = [{**row, "title": "### ###"} for row in ROWS]  # wherever a row is dealt to
    again = write(tmp_path / "broken.jsonl", broken)
    answer = export(again, out, quick, "hosted.separator=' ###'")
    assert answer.code == 2
    assert "contains the separator ' ###'" in answer.sentence
    assert "(id r" in answer.sentence
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_refused(
    reviews: Path, tmp_path: Path, quick: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    answer = export(reviews, tmp_path / "file" / "out", quick)
    assert answer.code == 2
    assert "cannot be written" in answer.sentence


def test_rows_without_a_title_or_with_impossible_stars_are_no_lines_or_refused(
    tmp_path: Path, quick: str
) -> None:
    rows: list[dict[str, object]] = [*ROWS]
    rows[0] = {**ROWS[0], "title": None}
    rows[1] = {**ROWS[1], "stars": 4.0}
    file = write(tmp_path / "some.jsonl", rows)
    answer = export(file, tmp_path / "out", quick)
    assert answer.code == 0, answer.err
    prompts = {
        example["prompt"]: example["completion"]
        for name in ("train", "validation")
        for example in read_strictly((tmp_path / "out" / f"{name}.jsonl").read_bytes())
    }
    assert not [prompt for prompt in prompts if prompt.startswith("\n")]
    assert set(prompts.values()) == {" 1", " 2", " 3", " 4", " 5"}
    rows[5] = {**ROWS[5], "stars": 9}
    answer = export(write(tmp_path / "nine.jsonl", rows), tmp_path / "other", quick)
    assert answer.code == 2
    assert "9" in answer.sentence
    assert not (tmp_path / "other" / "train.jsonl").exists()


def test_a_case_with_several_labels_is_refused(tmp_path: Path) -> None:
    answer = thaw("export", "genre", "--out", str(tmp_path / "out"))
    assert answer.code == 2
    assert "multi-label" in answer.sentence
    assert not (tmp_path / "out").exists()
