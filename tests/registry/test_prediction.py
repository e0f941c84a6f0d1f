"""Texts for the champion: from a file or the command line, refused where there is nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.registry.prediction import predict, read_texts


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
    assert read_texts(file) == ["one", " two three ", "ünï"]


def test_jsonl_records_give_their_text(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    texts = ["one\ntwo", "line\u2028separator", "next\x85line"]
    file.write_text(
        "\n\n".join(json.dumps({"text": text, "id": 1}, ensure_ascii=False) for text in texts),
        encoding="utf-8",
    )
    assert read_texts(file) == texts


@pytest.mark.parametrize(
    "line", ['{"txt": "a"}', '{"text": ', "[1]", '"text"', '{"text": null}', '{"text": 3}']
)
def test_a_record_that_does_not_fit_is_named_by_its_line_in_the_file(
    tmp_path: Path, line: str
) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text(f'{{"text": "a"}}\n\n\n{line}\n')
    with pytest.raises(RequestError, match=r"texts\.jsonl line 4 is no JSON record with a `text`"):
        read_texts(file)


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
    data = DataConfig(required=("body",), text_role="body", columns={"body": "review"})
    assert read_texts(file, data) == ["a kettle, lovely\nand blue", "a mug"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "id,body\n1,x\n", "has no column text; its columns are id, body"),
        ("a.csv", "id,text\n1,\n", "record 1: the text is empty"),
        ("a.jsonl", '{"text": "cut \\ud83d"}', "line 1: half a surrogate pair is no Unicode text"),
        ("a.xlsx", "PK", "is neither a text file .* nor a table"),
    ],
)
def test_a_table_that_cannot_be_asked_is_a_sentence(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=said):
        read_texts(file)
