"""Instruction files in every layout, and what is said of a bad record."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.ingestion.dialogues import read_dialogues
from tasks.language.pairs import LATEX


def write(folder: Path, records: list[Any], name: str = "data.jsonl") -> Path:
    """A file of JSON lines; a text among the records becomes a line as it is."""
    path = folder / name
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def chat(*turns: str) -> dict[str, Any]:
    """`chat("user: a", "assistant: b")`."""
    return {
        "messages": [
            dict(zip(("role", "content"), turn.split(": ", 1), strict=True)) for turn in turns
        ]
    }


def pairs(path: Path, **options: Any) -> list[tuple[str, str]]:
    table = read_dialogues(path, **options).table
    return list(zip(table["prompt"].to_pylist(), table["completion"].to_pylist(), strict=True))


def test_instructions_with_and_without_input(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            {"instruction": "Fix it. ", "input": "He go.", "output": "He goes."},
            {"instruction": "Say hi.", "input": "", "output": "Hi!", "source": "mine"},
            {"instruction": "Say ho.", "output": 7},
        ],
    )
    found = read_dialogues(path)
    assert found.layout == "instruction"
    assert pairs(path) == [("Fix it.\n\nHe go.", "He goes."), ("Say hi.", "Hi!"), ("Say ho.", "7")]
    assert found.table["source"].to_pylist() == [None, "mine", None]
    assert found.table["line"].to_pylist() == [1, 2, 3]


@pytest.mark.parametrize("answer", ["completion", "response"])
def test_prompts_with_completions(tmp_path: Path, answer: str) -> None:
    path = write(tmp_path, [{"prompt": "a", answer: "b"}])
    assert pairs(path) == [("a", "b")]
    assert read_dialogues(path).layout == "prompt"


def test_chats_of_one_and_more_turns(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            chat("user: a", "assistant: b"),
            chat("system: be kind", "user: a", "assistant: b"),
            chat("user: a", "assistant: b", "user: c", "assistant: d", "user: e", "assistant: f"),
        ],
    )
    assert pairs(path) == [
        ("a", "b"),
        ("be kind\n\na", "b"),
        ("a\nResponse: b\nQuestion: c\nResponse: d\nQuestion: e", "f"),
    ]


def test_earlier_turns_read_on_in_the_prompt_format(tmp_path: Path) -> None:
    path = write(tmp_path, [chat("user: a", "assistant: b", "user: c", "assistant: d")])
    prompt, answer = pairs(path, turn_names=("English", "LaTeX"))[0]
    assert LATEX.prompt(prompt) == LATEX.prompt("c", [("a", "b")])
    assert answer == "d"


def test_oig_texts_with_line_breaks_inside_an_answer(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            {
                "text": "<human>: List two.\n<bot>: Two:\n1. a\n\n2. <b>",
                "metadata": {"source": "unified_chip2"},
            },
            {"text": "<human>: a\n<bot>: b\n<human>: c\n<bot>: d"},
        ],
    )
    found = read_dialogues(path)
    assert found.layout == "oig"
    assert found.table["source"].to_pylist() == ["unified_chip2", None]
    assert pairs(path) == [
        ("List two.", "Two:\n1. a\n\n2. <b>"),
        ("a\nResponse: b\nQuestion: c", "d"),
    ]


GOOD = chat("user: a", "assistant: b")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ('{"messages": [', "not JSON .*column"),
        ("[1]", "not a JSON object"),
        (chat("user: a", "assistant: b", "assistant: c"), "two turns of 'assistant'"),
        (chat("user: a", "user: b", "assistant: c"), "two turns of 'user'"),
        (chat("user: a", "assistant: b", "user: c"), "does not end with an answer"),
        (chat("assistant: b"), "begins with an answer"),
        (chat("system: b"), "does not end with an answer"),
        (chat("user: a", "system: s", "assistant: b"), "'system' after the beginning"),
        (chat("user: a", "tool: b", "assistant: c"), "a turn of 'tool'"),
        (chat("user: a", "assistant:  "), "content is empty"),
        ({"messages": []}, "does not end with an answer"),
        ({"messages": None}, "messages is not a list"),
        ({"messages": ["a"]}, "messages is not a list"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "content is not a text"),
        ({"other": 1}, "messages is not a list"),
    ],
)
def test_a_bad_record_is_named_by_its_line_or_skipped_and_counted(
    tmp_path: Path, bad: Any, said: str
) -> None:
    path = write(tmp_path, [GOOD, "", bad, GOOD])  # blank lines are counted, and nothing else
    with pytest.raises(RequestError, match=rf"line 3: .*{said}.*data\.on_bad_line=skip"):
        read_dialogues(path)
    found = read_dialogues(path, on_bad_line="skip")
    assert found.table["line"].to_pylist() == [1, 4]
    assert list(found.skipped) == [3]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"instruction": "a", "output": ""}, "output is empty"),
        ({"instruction": None, "output": "b"}, "instruction is empty"),
        ({"prompt": "a", "completion": "  "}, "completion is empty"),
        ({"prompt": "a", "completion": {"x": 1}}, "completion is not a text"),
        ({"text": "just words"}, "no line that begins with <human>:"),
        ({"text": "<human>: a\n<bot>:"}, "turn of 'assistant' is empty"),
        ({"text": "<human>: a\n<bot>: b\n<bot>: c"}, "two turns of 'assistant'"),
    ],
)
def test_an_empty_or_broken_field_is_named(tmp_path: Path, record: Any, said: str) -> None:
    with pytest.raises(RequestError, match=f"line 1: .*{said}"):
        read_dialogues(write(tmp_path, [record]))


def test_a_file_of_another_kind_says_which_columns_are_needed(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"columns title, body: .*<human>:.*data\.columns"):
        read_dialogues(write(tmp_path, [{"title": "a", "body": "b"}]))


def test_a_first_line_that_is_broken_does_not_decide_the_layout(tmp_path: Path) -> None:
    path = write(tmp_path, ["{", {"prompt": "a", "completion": "b"}])
    found = read_dialogues(path, on_bad_line="skip")
    assert (found.layout, len(found.table), list(found.skipped)) == ("prompt", 1, [1])


def test_a_file_with_nothing_usable_says_why(tmp_path: Path) -> None:
    path = write(tmp_path, [{"prompt": "a", "completion": ""}] * 3)
    with pytest.raises(RequestError, match=r"no usable record: completion is empty \(3\)"):
        read_dialogues(path, on_bad_line="skip")
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with pytest.raises(RequestError, match="no usable record"):
        read_dialogues(empty)


def test_renamed_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text('English,LaTeX\nx squared,x^2\n"a, b","\\frac{a}{b}"\n')
    columns = {"prompt": "English", "completion": "LaTeX"}
    assert pairs(path, columns=columns) == [("x squared", "x^2"), ("a, b", r"\frac{a}{b}")]


def test_json_parquet_and_csv_give_what_json_lines_give(tmp_path: Path) -> None:
    records = [
        {"instruction": "a", "input": "", "output": "b"},
        {"instruction": "c", "input": "d", "output": "e"},
    ]
    wanted = pairs(write(tmp_path, records))
    as_json = tmp_path / "data.json"
    as_json.write_text(json.dumps(records))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "data.parquet")
    (tmp_path / "data.csv").write_text("instruction,input,output\na,,b\nc,d,e\n")
    for name in ("data.json", "data.parquet", "data.csv"):
        assert pairs(tmp_path / name) == wanted


def test_chats_in_parquet_and_json(tmp_path: Path) -> None:
    records = [GOOD, chat("user: a", "assistant: b", "assistant: c")]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "data.parquet")
    (tmp_path / "data.json").write_text(json.dumps(records))
    for name in ("data.parquet", "data.json"):
        with pytest.raises(RequestError, match=r"record 2: two turns of 'assistant'"):
            read_dialogues(tmp_path / name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    broken = {
        "a.json": b'{"prompt": 1}',
        "b.json": b"[1,",
        "c.parquet": b"PAR",
        "d.jsonl": b'{"prompt": "\xff"}\n',
        "e.jsonl": '{"prompt": "a"}'.encode("utf-16"),
        "f.docx": b"",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    for name in [*broken, "absent.jsonl", "absent.parquet"]:
        with pytest.raises(RequestError, match=name):
            read_dialogues(tmp_path / name)


def test_repeated_prompts_keep_their_first_row(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            {"prompt": p, "completion": c}
            for p, c in [("é\nb", "1"), ("c", "2"), ("e\u0301\r\nb", "3"), ("C", "4"), ("é b", "5")]
        ],
    )
    kept, repeated = read_dialogues(path).without_repeats()
    assert (kept["completion"].to_pylist(), repeated) == (["1", "2", "4", "5"], 1)


TURN = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: text.strip() == text and "<" not in text
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(turns=st.lists(st.tuples(TURN, TURN), min_size=1, max_size=3))
def test_a_chat_reads_the_same_as_messages_and_as_oig(
    tmp_path: Path, turns: list[tuple[str, str]]
) -> None:
    messages = [
        {"role": role, "content": text}
        for pair in turns
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    text = "\n".join(f"<human>: {question}\n<bot>: {answer}" for question, answer in turns)
    as_messages = pairs(write(tmp_path, [{"messages": messages}]))
    assert as_messages == pairs(write(tmp_path, [{"text": text}], "oig.jsonl"))
    assert as_messages[0][1] == turns[-1][1]


def test_the_real_instructions_are_all_read(real_data: Path) -> None:
    found = read_dialogues(real_data / "instructions.jsonl", on_bad_line="skip")
    assert found.layout == "instruction"
    assert len(found.table) + len(found.skipped) == 4022
    assert found.table["source"].null_count == 0
    kept, repeated = found.without_repeats()
    assert len(kept) + repeated == len(found.table)


def test_a_list_nested_too_deeply_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "chats.json"
    path.write_text("[" * 100_000)
    with pytest.raises(RequestError, match="nested too deeply"):
        read_dialogues(path)
