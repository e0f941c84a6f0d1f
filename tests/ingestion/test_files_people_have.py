"""Files in the forms that people have them: what is read of each, and what is said of the rest."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.comparisons import read_comparisons
from tasks.ingestion.dialogues import read_dialogues
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import usable_examples

ROOT = Path(__file__).resolve().parents[2]

# Conversations: (question, answer) in every form that a chat is written in

TALK = [("How long do eggs boil?", "Nine minutes."), ("Who wrote Emma?", "Jane Austen.")]
EARLIER = ("Name a river.", "The Vltava.")


def message(side: str, said: Any, **more: Any) -> dict[str, Any]:
    return {"role": side, "content": said, **more}


def shared(side: str, said: str) -> dict[str, Any]:
    return {"from": side, "value": said}


def part(said: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": said}]


CHATS: dict[str, Any] = {
    "alpaca": lambda q, a: {"instruction": q, "output": a},
    "prompt": lambda q, a: {"prompt": q, "completion": a},
    "messages": lambda q, a: {"messages": [message("user", q), message("assistant", a)]},
    "conversations": lambda q, a: {"conversations": [message("user", q), message("assistant", a)]},
    "sharegpt": lambda q, a: {"conversations": [shared("human", q), shared("gpt", a)]},
    "trl": lambda q, a: {"prompt": [message("user", q)], "completion": [message("assistant", a)]},
    "parts": lambda q, a: {"messages": [message("user", part(q)), message("assistant", part(a))]},
    "oig": lambda q, a: {"text": f"<human>: {q}\n<bot>: {a}"},
    "weight 1": lambda q, a: {
        "messages": [message("user", q), message("assistant", a, weight=1)]
    },
    "weight 0 behind": lambda q, a: {
        "messages": [
            message("user", q),
            message("assistant", a, weight=1),
            message("user", "Again."),
            message("assistant", "No.", weight=0),
        ]
    },
    "chat as JSON text": lambda q, a: {
        "messages": json.dumps([message("user", q), message("assistant", a)])
    },
    "chat as Python text": lambda q, a: {
        "messages": str([message("user", q), message("assistant", a)])
    },
}  # fmt: skip


def save(folder: Path, form: str, records: list[dict[str, Any]]) -> Path:
    """The records as a file of that form."""
    path = folder / f"rows.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif form == "json":
        path.write_text(json.dumps(records), encoding="utf-8")
    elif form in ("csv", "tsv"):
        names = list(dict.fromkeys(name for record in records for name in record))
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, names, delimiter="\t" if form == "tsv" else ",")
            writer.writeheader()
            writer.writerows(records)
    else:
        path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    return path


def flat(record: dict[str, Any]) -> bool:
    return all(isinstance(value, str) for value in record.values())


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "csv"])
@pytest.mark.parametrize("chat", CHATS)
def test_a_chat_says_the_same_in_every_form(tmp_path: Path, chat: str, form: str) -> None:
    records = [CHATS[chat](*each) for each in TALK]
    if form == "csv" and not all(map(flat, records)):
        pytest.skip("no text, so no cell of a CSV file")
    found = read_dialogues(save(tmp_path, form, records))
    asked, said = (found.table[name].to_pylist() for name in ("prompt", "completion"))
    assert list(zip(asked, said, strict=True)) == TALK
    assert found.note == (
        "4 turns left out behind the last answer whose weight is not 0"
        if chat == "weight 0 behind"
        else ""
    )


OPENED: dict[str, dict[str, Any]] = {
    "role system": {"messages": [message("system", "Be brief.")]},
    "role developer": {"messages": [message("developer", "Be brief.")]},
    "field beside messages": {"system": "Be brief.", "messages": []},
    "ShareGPT": {"conversations": [shared("system", "Be brief.")]},
    "field beside ShareGPT": {"system": "Be brief.", "conversations": []},
    "Alpaca": {"system": "Be brief.", "instruction": TALK[0][0], "output": TALK[0][1]},
    "prompt": {"system": "Be brief.", "prompt": TALK[0][0], "completion": TALK[0][1]},
    "TRL": {
        "prompt": [message("system", "Be brief."), message("user", TALK[0][0])],
        "completion": [message("assistant", TALK[0][1])],
    },
}


@pytest.mark.parametrize("where", OPENED)
def test_what_the_system_says_opens_the_first_question(tmp_path: Path, where: str) -> None:
    record = dict(OPENED[where])
    for name, make, sides in (
        ("messages", message, ("user", "assistant")),
        ("conversations", shared, ("human", "gpt")),
    ):
        if name in record:
            turns = zip(sides, TALK[0], strict=True)
            record[name] = [*record[name], *(make(*turn) for turn in turns)]
    found = read_dialogues(save(tmp_path, "jsonl", [record]))
    assert found.table["prompt"].to_pylist() == [f"Be brief.\n\n{TALK[0][0]}"]
    assert found.note == ""


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet"])
@pytest.mark.parametrize(
    ("given", "written"),
    [
        ([1, 2], "[1, 2]"),
        ([1.5, -2.0], "[1.5, -2.0]"),
        (["a", "b"], '["a", "b"]'),
        ({"n": 3}, '{"n": 3}'),
        (7, "7"),
        (True, "true"),
        ("x", "x"),
    ],
)
def test_an_input_that_is_no_text_is_written_as_json(
    tmp_path: Path, form: str, given: Any, written: str
) -> None:
    records = [{"instruction": "Double it.", "input": given, "output": "?"}]
    found = read_dialogues(save(tmp_path, form, records))
    assert found.table["prompt"].to_pylist() == [f"Double it.\n\n{written}"]


def test_a_history_stands_before_the_question(tmp_path: Path) -> None:
    record = {"instruction": TALK[0][0], "output": TALK[0][1], "history": [list(EARLIER)]}
    text = record | {"history": json.dumps([EARLIER])}
    for form, each in (("jsonl", record), ("parquet", record), ("csv", text)):
        found = read_dialogues(save(tmp_path, form, [each]))
        assert found.table["prompt"].to_pylist() == [
            f"{EARLIER[0]}\nResponse: {EARLIER[1]}\nQuestion: {TALK[0][0]}"
        ]


GOOD = {"messages": [message("user", "a"), message("assistant", "b")]}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "half an emoji": (
        {"messages": [message("user", "a \ud83d"), message("assistant", "b")]},
        "half a surrogate pair is no Unicode text",
    ),
    "nothing to learn": (
        {"messages": [message("user", "a"), message("assistant", "b", weight=0)]},
        "no answer has a weight other than 0",
    ),
    "odd weight": (
        {"messages": [message("user", "a"), message("assistant", "b", weight="much")]},
        "a weight is 'much', which is no number",
    ),
    "tool": (
        {"messages": [message("user", "a"), message("tool", "b"), message("assistant", "c")]},
        "there is a turn of 'tool'",
    ),
    "tool call": (
        {"messages": [message("user", "a"), message("assistant", None, tool_calls=[{"id": "1"}])]},
        "a turn of 'assistant' has tool_calls",
    ),
    "picture": (
        {"messages": [message("user", [{"type": "image_url"}]), message("assistant", "b")]},
        "content has a part of 'image_url'",
    ),
    "function": (
        {"messages": [message("user", "a"), message("function_call", "b")]},
        "there is a turn of 'function_call'",
    ),
    "list": ([GOOD], "not a JSON object"),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("form", ["jsonl", "json"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_record_that_is_no_dialogue_is_named_or_counted(
    tmp_path: Path, fault: str, form: str
) -> None:
    bad, said = FAULTS[fault]
    path = save(tmp_path, form, [GOOD, bad, GOOD])
    unit = "line" if form == "jsonl" else "record"
    with pytest.raises(RequestError, match=rf"{unit} 2: .*{said}|{unit} 2: {said}") as refusal:
        read_dialogues(path)
    assert "data.on_bad_line=skip" in str(refusal.value)
    found = read_dialogues(path, on_bad_line="skip")
    assert found.table["line"].to_pylist() == [1, 3]
    assert list(found.skipped) == [2]


def test_fields_that_a_layout_does_not_read_are_named_with_their_share(tmp_path: Path) -> None:
    records = [
        {"instruction": q, "output": a, "topic": "kitchen", "note": "n" * (n % 2), "empty": []}
        for n, (q, a) in enumerate(TALK * 2)
    ]
    found = read_dialogues(save(tmp_path, "jsonl", records))
    assert found.note == "not read: topic (100% of rows), note (50% of rows)"


# Preferences: (question, better answer, worse answer)

CHOICES = [("Is tea hot?", "Mostly.", "No."), ("Is ice hot?", "No.", "Yes.")]


def both(make: Any) -> Any:
    return lambda q, a, b: {"chosen": make(q, a), "rejected": make(q, b)}


def asked_and_said(q: str, a: str) -> list[dict[str, Any]]:
    return [message("user", q), message("assistant", a)]


PREFERENCES: dict[str, Any] = {
    "prompt": lambda q, a, b: {"prompt": q, "chosen": a, "rejected": b},
    "instruction": lambda q, a, b: {"instruction": q, "chosen": a, "rejected": b},
    "messages without prompt": both(asked_and_said),
    "messages with a prompt inside": lambda q, a, b: {
        "prompt": q, **both(asked_and_said)(q, a, b)
    },
    "TRL": lambda q, a, b: {
        "prompt": [message("user", q)],
        "chosen": [message("assistant", a)],
        "rejected": [message("assistant", b)],
    },
    "prompt and one message": lambda q, a, b: {
        "prompt": q, "chosen": [message("assistant", a)], "rejected": [message("assistant", b)]
    },
    "ShareGPT": lambda q, a, b: {
        "conversations": [shared("human", q)],
        "chosen": shared("gpt", a),
        "rejected": shared("gpt", b),
    },
    "transcripts": both(lambda q, a: f"\n\nHuman: {q}\n\nAssistant: {a}"),
    "transcripts, line by line": both(lambda q, a: f"Human: {q}\nAssistant: {a}"),
    "transcripts with a prompt inside": lambda q, a, b: {
        "prompt": q, **both(lambda q, a: f"Human: {q}\n\nAssistant: {a}")(q, a, b)
    },
}  # fmt: skip


def preferring(path: Path, **fields: Any) -> DataConfig:
    return DataConfig(path=path, layout="comparisons", keep_lines=True, label_role=None, **fields)


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "csv"])
@pytest.mark.parametrize("preference", PREFERENCES)
def test_a_preference_says_the_same_in_every_form(
    tmp_path: Path, preference: str, form: str
) -> None:
    records = [PREFERENCES[preference](*each) for each in CHOICES]
    if form == "csv" and not all(map(flat, records)):
        pytest.skip("no text, so no cell of a CSV file")
    path = save(tmp_path, form, records)
    table, note = read_comparisons(path, preferring(path))
    fields = (table[name].to_pylist() for name in ("query", "chosen", "rejected"))
    assert list(zip(*fields, strict=True)) == CHOICES
    assert note == "pairs layout"


def test_what_both_transcripts_begin_with_is_the_query(tmp_path: Path) -> None:
    start = "\n\nHuman: Name a river.\n\nAssistant: The Vltava.\n\nHuman: Where?\n\nAssistant: "
    path = save(tmp_path, "jsonl", [{"chosen": start + "Prague.", "rejected": start + "Rome."}])
    (row,) = read_comparisons(path, preferring(path))[0].to_pylist()
    assert row["query"] == "Name a river.\nResponse: The Vltava.\nQuestion: Where?"
    assert (row["chosen"], row["rejected"]) == ("Prague.", "Rome.")


NO_PAIR: dict[str, tuple[dict[str, Any], str]] = {
    "half an emoji": ({"prompt": "a", "chosen": "b", "rejected": "c \ude00"}, "half a surrogate"),
    "text and chat": (
        {"prompt": "a", "chosen": "b", "rejected": [message("assistant", "c")]},
        "one of chosen and rejected is a chat",
    ),
    "another question": (
        {"chosen": asked_and_said("a", "b"), "rejected": asked_and_said("d", "c")},
        "differ before their last answer",
    ),
    "another prompt": (
        {"prompt": "x", **both(asked_and_said)("a", "b", "c")},
        "begin with something else than prompt",
    ),
    "equal": ({"prompt": "a", "chosen": "b", "rejected": " b"}, "are the same answer"),
    "no answer": (
        {"chosen": [message("user", "b")], "rejected": [message("user", "c")]},
        "does not end with an answer",
    ),
    "empty": ({"prompt": "a", "chosen": "b", "rejected": None}, "rejected is empty"),
}


@pytest.mark.parametrize("form", ["jsonl", "json"])
@pytest.mark.parametrize("fault", NO_PAIR)
def test_a_record_that_is_no_preference_is_named_or_counted(
    tmp_path: Path, fault: str, form: str
) -> None:
    bad, said = NO_PAIR[fault]
    good = {"prompt": "Is tea hot?", "chosen": "Yes.", "rejected": "yes."}
    path = save(tmp_path, form, [good, bad])
    unit = "line" if form == "jsonl" else "record"
    with pytest.raises(RequestError, match=rf"{unit} 2: .*{said}|{unit} 2: {said}"):
        read_comparisons(path, preferring(path))
    table, note = read_comparisons(path, preferring(path, on_bad_line="skip"))
    assert table["row"].to_pylist() == [1]
    assert "1 bad records left out, the first 2: " in note


# Labels: three rows of one, two and one label in every form that a column of them is written in

FILMS = [
    ("Rain on the quay.", ["Drama"]),
    ("A goat weds.", ["Comedy", "Drama"]),
    ("Go!", ["Sport"]),
]
GENRES = ("Comedy", "Drama", "Sport")


def marked(labels: list[str], yes: Any, no: Any) -> dict[str, Any]:
    return {name: yes if name in labels else no for name in GENRES}


FORMS: dict[str, Any] = {
    "comma": ", ".join,
    "bar": "|".join,
    "semicolon": "; ".join,
    "list": list,
    "JSON list": json.dumps,
    "Python list": str,
    "Python tuple": lambda labels: str(tuple(labels)),
    "Python set": lambda labels: "{" + ", ".join(map(repr, labels)) + "}",
    "numpy array": lambda labels: f"[{' '.join(map(repr, labels))}]",
    "wrapped numpy array": lambda labels: "[" + "\n ".join(map(repr, labels)) + "]",
    "object": lambda labels: marked(labels, 1, 0),
    "object of booleans": lambda labels: marked(labels, True, False),
    "object of fractions": lambda labels: marked(labels, 1.0, 0.0),
    "object with gaps": lambda labels: marked(labels, 1, None),
    "JSON object": lambda labels: json.dumps(marked(labels, 1, 0)),
    "Python object": lambda labels: str(marked(labels, True, False)),
    "PostgreSQL array": lambda labels: "{" + ",".join(labels) + "}",
    "angle brackets": lambda labels: "".join(f"<{label}>" for label in labels),
    "line breaks": "\n".join,
    "objects with names": lambda labels: [{"id": 5, "name": label} for label in labels],
    "JSON of objects with names": lambda labels: json.dumps([{"name": each} for each in labels]),
}
SEPARATOR_OF = {"bar": "|", "semicolon": ";", "line breaks": "\n"}
FILE_FORMS = ("csv", "tsv", "jsonl", "json", "parquet")


def several(path: Path, **fields: Any) -> DataConfig:
    given = {"required": ("text", "labels"), "label_role": "labels"}
    return DataConfig(path=path, **{**given, **fields})


def learned(config: DataConfig) -> tuple[list[list[str]], dict[str, int], str]:
    """The labels of each row, how many rows have each, and what was said of the data."""
    prepared = prepare(ingest(config), config)
    table, usable = usable_examples(prepared, config)
    return [list(row) for row in table.read()["labels"]], usable.labels, prepared.origin


@pytest.mark.parametrize("form", FILE_FORMS)
@pytest.mark.parametrize("way", FORMS)
def test_labels_are_the_same_in_every_form(tmp_path: Path, way: str, form: str) -> None:
    records = [{"text": text, "labels": FORMS[way](labels)} for text, labels in FILMS]
    if form in ("csv", "tsv") and not all(map(flat, records)):
        pytest.skip("no text, so no cell of a CSV file")
    path = save(tmp_path, form, records)
    config = several(path, label_separator=SEPARATOR_OF.get(way, ","))
    found, counts, said = learned(config)
    assert found == [labels for _, labels in FILMS]
    assert counts == {"Comedy": 1, "Drama": 2, "Sport": 1}
    assert said == f"file {path}"


def test_a_map_of_parquet_gives_the_labels_with_1(tmp_path: Path) -> None:
    kind = pa.map_(pa.string(), pa.int8())
    maps = [list(marked(labels, 1, 0).items()) for _, labels in FILMS]
    columns = {"text": [text for text, _ in FILMS], "labels": pa.array(maps, kind)}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    found, _, _ = learned(several(tmp_path / "rows.parquet"))
    assert found == [labels for _, labels in FILMS]


def labelled(folder: Path, form: str, labels: list[Any]) -> Path:
    records = [{"text": f"Text {n}.", "labels": label} for n, label in enumerate(labels, 1)]
    return save(folder, form, records)


REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a mixture": (
        ["['a', 'b']", "a", "['a']", "b"],
        {},
        "the labels of rows 1, 3 are written as lists, those of rows 2, 4 are not",
    ),
    "a list of lists": (["['a', ['b']]"], {}, "row 1, labels: the list holds ['b'], which is no"),
    "a list of objects": (['[{"genre": "a"}]'], {}, "row 1, labels: the list holds"),
    "an object of shares": (['{"a": 1, "b": 0.5}'], {}, "the object gives 'b' '0.5'"),
    "several where one is wanted": (
        ["['a']", "['a', 'b']"],
        {"label_separator": ""},
        "row 2, labels: there are 2 ('a', 'b'), and a case with one label a row wants one",
    ),
    "a zero-width space": (
        ["spam", "spam\u200b", "spam"],
        {"label_separator": ""},
        r"'spam' (2 rows, the first 1), 'spam\u200b' (1 rows, the first 2)",
    ),
    "a soft hyphen": (["ham", "h\u00adam"], {}, r"'h\xadam' (1 rows, the first 2)"),
    "a hard space": (["New York", "New\u00a0York"], {}, r"'New\xa0York' (1 rows, the first 2)"),
    "two spaces": (["New York", "New  York"], {}, "'New  York' (1 rows, the first 2)"),
    "a byte order mark": (["\ufeffham", "ham"], {}, r"'\ufeffham' (1 rows, the first 1)"),
    "a filler": (["ham", "ham\u3164"], {}, r"'ham\u3164' (1 rows"),
    "a configured label": (
        ["spam\u200b", "ham"],
        {"labels": ("spam", "ham")},
        r"'spam\u200b' (1 rows, the first 1), 'spam' (in data.labels)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FILE_FORMS)
@pytest.mark.parametrize("fault", REFUSED)
def test_labels_that_cannot_be_read_are_named_with_their_rows(
    tmp_path: Path, fault: str, form: str
) -> None:
    labels, fields, said = REFUSED[fault]
    config = several(labelled(tmp_path, form, labels), **fields)
    with pytest.raises(RequestError) as refusal:
        learned(config)
    assert said in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_labels_that_look_alike_become_one_by_renaming(tmp_path: Path) -> None:
    path = labelled(tmp_path, "csv", ["spam", "spam\u200b", "ham"])
    _, counts, _ = learned(several(path, rename_labels={"spam\u200b": "spam"}))
    assert counts == {"ham": 1, "spam": 2}


@pytest.mark.parametrize("form", FILE_FORMS)
def test_accents_are_one_label_however_they_are_composed(tmp_path: Path, form: str) -> None:
    path = labelled(tmp_path, form, ["Com\u00e9die", "Come\u0301die", "Drame"])
    found, counts, _ = learned(several(path, labels=("Come\u0301die", "Drame")))
    assert counts == {"Com\u00e9die": 2, "Drame": 1}
    assert len(found) == 3
    _, counts, _ = learned(several(path, rename_labels={"Come\u0301die": "Komo\u0308die"}))
    assert counts == {"Drame": 1, "Kom\u00f6die": 2}


@pytest.mark.parametrize("form", FILE_FORMS)
@pytest.mark.parametrize("name", ["NaN", "None", "null", "nan"])
def test_a_missing_label_written_as_a_word_is_counted(tmp_path: Path, name: str, form: str) -> None:
    _, counts, said = learned(several(labelled(tmp_path, form, ["a", name, name, "b"])))
    assert counts == {"a": 1, "b": 1, name: 2}
    assert f"read as labels by that name: {name!r} (2 rows)" in said


@pytest.mark.parametrize("separator", ["|", ";", ","])
@pytest.mark.parametrize("given", ["", "/"])
def test_cells_that_look_like_several_labels_are_said(
    tmp_path: Path, separator: str, given: str
) -> None:
    cells = [separator.join(pair) for pair in (("a", "b"), ("b", "c"), ("c", "a"))]
    _, counts, said = learned(
        several(labelled(tmp_path, "csv", [*cells, "a"]), label_separator=given)
    )
    assert len(counts) == 4
    assert f"data.label_separator={separator!r}" in said
    apart = ["News, World", "Sport; Local", "Arts|Opera"]
    _, _, said = learned(several(labelled(tmp_path, "csv", apart), label_separator=given))
    assert "label_separator" not in said


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet"])
def test_an_object_is_no_text(tmp_path: Path, form: str) -> None:
    path = save(tmp_path, form, [{"text": {"title": "Rain"}, "labels": "a"}])
    with pytest.raises(RequestError, match="record 1, column text: an object is no text"):
        learned(several(path))
