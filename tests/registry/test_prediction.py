"""Texts for the champion: from a file or the command line, refused where there is nothing."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.kinds.kind import kind_of
from tasks.registry.answers_file import check_out, write_answers
from tasks.registry.prediction import predict, read_rows, read_texts


class Echo:
    """Stands for the loaded champion: what it answers does not matter here."""

    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        return [{"labels": [text]} for text in texts]


def test_texts_are_asked_in_their_order() -> None:
    assert predict(Echo(), ["b", "a"]) == [{"labels": ["b"]}, {"labels": ["a"]}]


def test_nothing_to_predict_is_refused() -> None:
    with pytest.raises(RequestError, match="give a text or --file FILE"):
        predict(Echo(), [])


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_text_is_named_by_its_number(empty: str) -> None:
    with pytest.raises(RequestError, match="Text 2 is empty"):
        predict(Echo(), ["a", empty, "b"])


def test_a_text_file_has_a_text_a_line(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes("\ufeffone\r\n\r\n two three \nünï\n".encode())
    assert list(read_texts(file).values()) == ["one", " two three ", "ünï"]


def texts_of(path: Path, data: DataConfig | None = None) -> list[str | None]:
    shown, rendered = read_rows(path, data or DataConfig(required=("text",)))
    assert [row["text"] for row in shown] == rendered
    return rendered


def test_jsonl_records_give_their_text(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    texts = ["one two", "line\u2028separator", "next\x85line"]
    file.write_text(
        "\n\n".join(json.dumps({"text": text, "id": 1}, ensure_ascii=False) for text in texts),
        encoding="utf-8",
    )
    assert texts_of(file) == ["one two", "line separator", "next line"]


@pytest.mark.parametrize("line", ['{"text": ', "[1]", '"text"'])
def test_a_record_that_does_not_fit_is_a_sentence(tmp_path: Path, line: str) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text(f'{{"text": "a"}}\n\n\n{line}\n')
    with pytest.raises(RequestError, match=r"texts\.jsonl, (line 4|record 2)"):
        texts_of(file)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(None, "cannot be read as UTF-8 text"), (b"\xff\xfe\x00", "cannot be read as UTF-8 text"),
     (b"", "holds no text"), (b" \n\n", "holds no text")],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, wanted: str
) -> None:
    file = tmp_path / "texts.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RequestError, match=rf"texts\.txt {wanted}"):
        read_texts(file)


TABLES = {
    "a.csv": 'id,review\n1,"a kettle, lovely\nand blue"\n2,a mug\n',
    "a.TSV": 'review\tid\n"a kettle, lovely\nand blue"\t1\na mug\t2\n',
    "a.json": '[\n {"review": "a kettle, lovely\\nand blue"},\n {"review": "a mug"}\n]',
    "a.JSONL": '{"review": "a kettle, lovely\\nand blue"}\n{"review": "a mug"}\n',
    "a.ndjson": '{"review": "a kettle, lovely\\nand blue"}\n{"review": "a mug"}\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_gives_the_column_of_the_case(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(TABLES[name], encoding="utf-8")
    data = DataConfig(
        required=("body",), text_role="body", columns={"body": "review"}, text=("{body}",)
    )
    assert texts_of(file, data) == ["a kettle, lovely and blue", "a mug"]


def test_a_row_is_asked_whole_and_keeps_its_id(tmp_path: Path) -> None:
    data = DataConfig(
        required=("subject", "body"),
        may_be_empty=("subject", "body"),
        optional=("id",),
        columns={"id": "Ticket"},
        text_role="body",
        text=("{subject}", "{body}"),
    )
    file = tmp_path / "new.csv"
    file.write_text("Ticket,Subject,body,team\nT1,Printer,It burns,x\nT2,,No sound,y\nT3,Mouse,,\n")
    assert read_rows(file, data)[0] == [
        {"id": "T1", "text": "Printer\nIt burns"},
        {"id": "T2", "text": "No sound"},
        {"id": "T3", "text": "Mouse"},
    ]
    # As a bare text: what the case calls its text, without the rest.
    file.write_text("text\nIt burns\n")
    assert read_rows(file, data) == ([{"text": "It burns"}], ["It burns"])


FIRST, LAST = '{"id": 7, "text": "a kettle"}', '{"id": 9, "text": "a mug"}'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,text\n7,a kettle\n8,\n9,a mug\n"),
        ("a.jsonl", f'{FIRST}\n{{"id": 8, "txt": "a"}}\n{LAST}'),
        ("a.jsonl", f'{FIRST}\n{{"id": 8, "text": null}}\n{LAST}'),
    ],
)
def test_a_row_without_a_text_is_left_without_an_answer_and_moves_no_other(
    tmp_path: Path, name: str, content: str
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    shown, rendered = read_rows(file, DataConfig(required=("text",), optional=("id",)))
    assert rendered == ["a kettle", None, "a mug"]
    answers = kind_of("single_label").in_order(shown, [{"labels": ["x"]}, {"labels": ["y"]}])
    assert answers == [
        {"id": "7", "text": "a kettle", "labels": ["x"]},
        {"id": "8", "text": "", "unanswered": "record 2: the text is empty"},
        {"id": "9", "text": "a mug", "labels": ["y"]},
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "id,body\n1,x\n", "has no column text; its columns are id, body"),
        ("a.csv", "id,text\n1,\n", "record 1: the text is empty"),
        ("a.jsonl", '{"text": "cut \\ud83d"}', "half a surrogate pair is no Unicode text"),
    ],
)
def test_a_table_that_cannot_be_asked_is_a_sentence(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=said):
        texts_of(file)


def test_a_file_of_another_format_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"is neither a text file .* nor a table"):
        read_texts(tmp_path / "a.xlsx")


ANSWERS = [
    {"id": "T1", "text": "a", "labels": ["x", "y"], "probabilities": {"x": 0.5, "y": 0.75}},
    {"id": "T2", "text": "ünï", "labels": [], "probabilities": {"x": 0.25, "y": 0.125}},
]


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_answers_are_written_beside_their_rows(form: str, tmp_path: Path) -> None:
    file = tmp_path / f"out.{form}"
    check_out(file)
    write_answers(ANSWERS, file)
    if form == "jsonl":
        assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == ANSWERS
    elif form == "parquet":
        assert pd.read_parquet(file)["id"].tolist() == ["T1", "T2"]
    else:
        found = pd.read_csv(file, sep="\t" if form == "tsv" else ",")
        assert found["labels"].fillna("").tolist() == ["x, y", ""]
        assert found["probabilities.y"].tolist() == [0.75, 0.125]


def test_answers_do_not_take_the_place_of_what_is_asked_about(tmp_path: Path) -> None:
    asked = tmp_path / "asked.csv"
    asked.write_text("text,mine\na,1\n")
    (tmp_path / "link.csv").symlink_to(asked)
    for out in (asked, tmp_path / "link.csv"):
        with pytest.raises(RequestError, match="is the file that is asked about"):
            check_out(out, asked)
    check_out(tmp_path / "other.csv", asked)


def test_a_place_for_answers_of_no_known_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"end in one of \.csv"):
        check_out(tmp_path / "answers.xlsx")
