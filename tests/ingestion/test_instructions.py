"""Dialogues of every layout as the roles of a case that answers."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.instructions import read_instructions
from tasks.ingestion.prepare import prepare

ASKED = "Name a colour.\n- one word"
LAYOUTS: dict[str, dict[str, Any]] = {
    "instruction": {"instruction": "Name a colour.\n- one word", "input": "", "output": "Red."},
    "prompt": {"prompt": ASKED, "completion": "Red."},
    "messages": {
        "messages": [
            {"role": "user", "content": ASKED},
            {"role": "assistant", "content": "Red."},
        ]
    },
    "oig": {"text": f"<human>: {ASKED}\n<bot>: Red."},
}


def config(path: Path, **fields: Any) -> DataConfig:
    return DataConfig(
        path=path,
        layout="dialogues",
        required=("prompt", "completion"),
        optional=("source",),
        label_role="completion",
        label_separator="",
        keep_lines=True,
        text=("{prompt}",),
        **fields,
    )


def write(folder: Path, records: list[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_comes_to_the_same_examples(tmp_path: Path, layout: str) -> None:
    data = config(write(tmp_path, [LAYOUTS[layout]]))
    raw = ingest(data)
    rows = prepare(raw, data).read()
    assert rows["text"].tolist() == [ASKED]
    assert [list(labels) for labels in rows["labels"]] == [["Red."]]
    assert rows["id"].tolist() == ["row-1"]
    assert f"{layout} layout" in raw.origin


def test_what_was_asked_before_is_left_out_and_counted(tmp_path: Path) -> None:
    again = {"instruction": " Name a colour.\r\n- one word", "output": "Blue."}
    other = {"instruction": "Name a bird.", "output": "Wren."}
    raw = ingest(config(write(tmp_path, [LAYOUTS["instruction"], again, other])))
    rows = raw.read()
    assert rows["completion"].tolist() == ["Red.", "Wren."]
    assert rows["row"].tolist() == [1, 3]
    assert "1 rows left out whose prompt an earlier row has" in raw.origin


def test_a_broken_line_is_named_or_left_out_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path, [LAYOUTS["prompt"], {"prompt": "Name a bird.", "completion": "Wren."}])
    text = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([text[0], text[1][:-4], text[1]]), encoding="utf-8")
    with pytest.raises(RequestError, match=r"line 2: not JSON.*data\.on_bad_line=skip"):
        ingest(config(path))
    raw = ingest(config(path, on_bad_line="skip"))
    assert raw.rows == 2
    assert "1 bad records left out, the first 2: not JSON" in raw.origin


def test_two_answers_in_a_row_are_a_sentence(tmp_path: Path) -> None:
    turns = [("user", "Hi"), ("assistant", "Hello"), ("assistant", "Again")]
    record = {"messages": [{"role": role, "content": said} for role, said in turns]}
    with pytest.raises(RequestError, match="line 1: two turns of 'assistant' follow each other"):
        ingest(config(write(tmp_path, [record])))


def test_an_empty_answer_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="line 1: output is empty"):
        ingest(config(write(tmp_path, [LAYOUTS["instruction"] | {"output": " "}])))


def test_rows_of_a_hub_dataset_are_read_like_a_files(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([LAYOUTS["messages"], LAYOUTS["messages"]])
    found, note = read_instructions(table, config(tmp_path), ("Question", "Response"))
    assert found["prompt"].to_pylist() == [ASKED]
    assert "messages layout" in note
    with pytest.raises(RequestError, match="has the columns a"):
        read_instructions(pa.table({"a": ["b"]}), config(tmp_path), ("Question", "Response"))


def test_a_column_under_another_name_is_mapped(tmp_path: Path) -> None:
    path = write(tmp_path, [{"ask": ASKED, "say": "Red."}])
    columns = {"prompt": "ask", "completion": "say"}
    assert ingest(config(path, columns=columns)).read()["completion"].tolist() == ["Red."]
    with pytest.raises(RequestError, match=r"data\.columns\.promt: .*did you mean prompt\?"):
        ingest(config(path, columns={"promt": "ask"}))


def test_lines_stay_where_the_case_keeps_them(tmp_path: Path) -> None:
    data = config(write(tmp_path, [LAYOUTS["prompt"]]))
    one_line = data.model_copy(update={"keep_lines": False})
    assert prepare(ingest(data), data).read()["text"].tolist() == [ASKED]
    assert prepare(ingest(one_line), one_line).read()["text"].tolist() == [
        "Name a colour. - one word"
    ]
