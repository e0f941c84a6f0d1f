"""Reading files: values stay as they are, and what is wrong with a file is said in a sentence."""

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.ingest import columns_of_roles
from tasks.ingestion.readers import read_file
from tasks.storage import table_digest

NEEDS_BOTH = DataConfig(required=("text", "labels"))


def read(path: Path, config: DataConfig = DataConfig()) -> dict[str, list[str | None]]:  # noqa: B008
    table = read_file(path, config, list)
    assert set(table.schema.types) == {pa.string()}
    return table.to_pydict()


def read_roles(path: Path, config: DataConfig = NEEDS_BOTH) -> pa.Table:
    def choose(names: Sequence[str]) -> list[str]:
        return list(columns_of_roles(names, config, str(path)).values())

    return read_file(path, config, choose)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(content: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def refused(path: Path, says: str, config: DataConfig = NEEDS_BOTH) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        read_roles(path, config)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


# What is kept


def test_values_are_not_guessed_at(write: Any) -> None:
    path = write('a,b,c\n007,NA,null\n1.10,nan," x "\n,"",1e3\n')
    assert read(path) == {
        "a": ["007", "1.10", None],
        "b": ["NA", "nan", None],
        "c": ["null", " x ", "1e3"],
    }


def test_line_breaks_and_doubled_quotes_inside_quotes_are_kept(write: Any) -> None:
    path = write('a,b\r\n"one\r\ntwo\n\nthree","say ""hi"", ok"\r\n')
    assert read(path) == {"a": ["one\r\ntwo\n\nthree"], "b": ['say "hi", ok']}


def test_a_byte_order_mark_is_no_part_of_the_first_name(write: Any) -> None:
    assert read(write(b"\xef\xbb\xbfa,b\n1,2\n")) == {"a": ["1"], "b": ["2"]}
    assert read(write(b'\xef\xbb\xbf{"a": "1"}\n', "a.jsonl")) == {"a": ["1"]}
    assert read(write(b'\xef\xbb\xbf[{"a": "1"}]', "a.json")) == {"a": ["1"]}


def test_blank_lines_are_no_records(write: Any) -> None:
    assert read(write("a,b\n\n1,2\n\n\n3,4\n\n")) == {"a": ["1", "3"], "b": ["2", "4"]}
    assert read(write('\n{"a": "1"}\n\n{"a": "2"}\n  \n', "a.jsonl")) == {"a": ["1", "2"]}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_rows_keep_their_order_in_a_long_file(write: Any, name: str) -> None:
    numbers = [str(number) for number in range(1, 20_001)]
    lines = ["n", *numbers] if name == "a.csv" else [f'{{"n": {number}}}' for number in numbers]
    assert read(write("\n".join(lines), name)) == {"n": numbers}


def test_a_cell_of_a_megabyte_is_read(write: Any) -> None:
    assert read(write("a,b\n" + "x" * 1_000_000 + ",1\n"))["a"] == ["x" * 1_000_000]


@pytest.mark.parametrize("separator", [";", "|", "\t", "\\t"])
def test_a_configured_separator_is_used(write: Any, separator: str) -> None:
    character = "\t" if separator == "\\t" else separator
    path = write(f"a{character}b\n1,5{character}2\n")
    assert read(path, DataConfig(separator=separator)) == {"a": ["1,5"], "b": ["2"]}


def test_quotes_are_text_where_the_file_does_not_quote(write: Any) -> None:
    path = write('ham\t"so\nspam\tcall "now"\n', "SMSSpamCollection")
    config = DataConfig(format="tsv", header=("label", "text"), quotes_are_text=True)
    assert read(path, config) == {"label": ["ham", "spam"], "text": ['"so', 'call "now"']}


def test_the_uci_spam_file_has_all_its_messages(real_data: Path) -> None:
    config = DataConfig(format="tsv", header=("label", "text"), quotes_are_text=True)
    table = read(real_data / "SMSSpamCollection", config)
    assert len(table["text"]) == 5574
    assert table["label"].count("spam") == 747
    lines = (real_data / "SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    assert table["text"] == [line.partition("\t")[2] for line in lines]


def test_numbers_in_json_stay_as_they_are_written(write: Any) -> None:
    path = write(
        '{"a": 1.10, "b": 12345678901234567890, "c": true, "d": null, "e": NaN, "f": "", "g": 1e3}',
        "a.jsonl",
    )
    assert read(path) == {
        "a": ["1.10"],
        "b": ["12345678901234567890"],
        "c": ["true"],
        "d": [None],
        "e": [None],
        "f": [None],
        "g": ["1e3"],
    }


def test_a_field_that_some_records_lack_is_null_there(write: Any) -> None:
    path = write('{"a": "1"}\n{"b": "2", "a": "3"}\n{"c": "4"}\n', "a.jsonl")
    assert read(path) == {
        "a": ["1", "3", None],
        "b": [None, "2", None],
        "c": [None, None, "4"],
    }


@pytest.mark.parametrize("format_", ["jsonl", "json", "parquet"])
def test_lists_of_labels_are_joined_by_the_label_separator(tmp_path: Path, format_: str) -> None:
    rows = [{"tags": ["Drama", "Sci-Fi"], "studios": ["A", "B"]}, {"tags": [], "studios": None}]
    path = tmp_path / f"a.{format_}"
    if format_ == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        text = "\n".join(map(json.dumps, rows)) if format_ == "jsonl" else json.dumps(rows)
        path.write_text(text)
    config = DataConfig(columns={"labels": "tags"}, required=("labels",), label_separator="|")
    assert read(path, config) == {"tags": ["Drama|Sci-Fi", None], "studios": ["A, B", None]}


def test_parquet_types_become_text(tmp_path: Path) -> None:
    table = pa.table(
        {
            "stars": pa.array([4.0, None, 4.5]),
            "missing": pa.array([float("nan"), 1.0, 2.0]),
            "big": pa.array([2**60, 1, 2]),
            "yes": pa.array([True, False, None]),
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "large": pa.array(["x", "", None], pa.large_string()),
            "bytes": pa.array([b"raw", b"\xc3\xa9", None]),
            "with.dot": pa.array(["1", "2", "3"]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == {
        "stars": ["4", None, "4.5"],
        "missing": [None, "1", "2"],
        "big": ["1152921504606846976", "1", "2"],
        "yes": ["true", "false", None],
        "kind": ["a", "b", "a"],
        "large": ["x", None, None],
        "bytes": ["raw", "é", None],
        "with.dot": ["1", "2", "3"],
    }


def test_columns_that_no_role_wants_are_not_converted(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "labels": ["x"], "image": [b"\xff\xd8"]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read_roles(tmp_path / "a.parquet").column_names == ["text", "labels"]


# What is refused


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        ("text,labels\n", "a.csv", r"a header \(text, labels\) but no rows"),
        ("\n\n", "a.csv", "nothing but blank lines"),
        ("\n", "a.jsonl", "holds no records"),
        ("[]", "a.json", "holds no records"),
    ],
)
def test_a_file_without_rows_says_so(write: Any, content: str, name: str, says: str) -> None:
    refused(write(content, name), says)


@pytest.mark.parametrize(
    ("content", "name", "fits"),
    [
        ("text;labels\nhello, you;a\n", "a.csv", "semicolon"),
        ("text\tlabels\nhello\ta\n", "a.csv", "tab"),
        ("text,labels\nhello,a\n", "a.tsv", "comma"),
        ("text|labels\nhello|a\n", "a.csv", "bar"),
        ("id;text;labels, or so;labels\n1;hello;x, y;a\n", "a.csv", "semicolon"),
        ("body;tags\nhello;a\n", "a.csv", "semicolon"),
    ],
)
def test_a_wrong_separator_names_the_one_that_fits(
    write: Any, content: str, name: str, fits: str
) -> None:
    refused(write(content, name), rf"is separated by a {fits}: set data\.separator=")


def test_a_wrong_separator_is_found_without_a_header_too(write: Any) -> None:
    config = NEEDS_BOTH.model_copy(update={"header": ("labels", "text")})
    refused(
        write("ham;ok\n"), r"1 cells where data\.header names 2; with data\.separator=';'", config
    )


@pytest.mark.parametrize("separator", ["", ";;", '"', "\n"])
def test_what_cannot_separate_is_refused(write: Any, separator: str) -> None:
    config = NEEDS_BOTH.model_copy(update={"separator": separator})
    says = "is not a separator" if separator else "has no column"
    refused(write("a,b\n1,2\n"), says, config)


def test_a_header_that_is_configured_and_in_the_file_is_refused(write: Any) -> None:
    config = NEEDS_BOTH.model_copy(update={"header": ("text", "labels")})
    refused(write("text,labels\nhello,a\n"), r"header row of its own.*data\.header=null", config)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("text,labels\nok,a\nx,y,z\n", r"line 3: 3 cells where the file's header has 2"),
        ('text,labels\n"two\nlines",a\n\nshort\n', r"line 5: 1 cells where"),
    ],
)
def test_a_ragged_row_names_its_line(write: Any, content: str, says: str) -> None:
    refused(write(content), says)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('text,labels\nok,a\n"never closed,b\nmore,c\n', 3),
        ('text,labels\n"he said "hi" to me",b\n', 2),
    ],
)
def test_broken_quotes_name_the_line_where_they_begin(write: Any, content: str, line: int) -> None:
    refused(write(content), rf"line {line}: broken quotes .*data\.quotes_are_text=true")


@pytest.mark.parametrize(
    ("name", "head"), [("a.csv", "text,labels"), ("a.jsonl", '{"text": "é"}'), ("a.json", "[")]
)
@pytest.mark.parametrize("lines", [1, 20_000])
def test_bytes_that_are_not_utf8_name_line_and_offset(
    write: Any, name: str, head: str, lines: int
) -> None:
    start = (head + "\n" + (head + "\n") * (lines - 1)).encode()
    line, offset = start.count(b"\n") + 1, len(start) + 3
    path = write(start + b"caf\xe9,a\n", name)
    refused(path, rf"not UTF-8: line {line} has the byte 0xe9 at offset {offset}; save")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
def test_utf16_is_named(write: Any, encoding: str, name: str) -> None:
    refused(
        write("text,labels\nhello,a\n".encode(encoding), name),
        "is UTF-32, not UTF-8" if encoding == "utf-32" else r"is UTF-16.*, not UTF-8",
    )


def test_columns_with_one_name_are_refused_if_needed(write: Any, tmp_path: Path) -> None:
    refused(write("text,labels,text\na,b,c\n"), "several columns named text")
    assert read_roles(write("text,labels,,\na,b,,\n")).num_rows == 1
    twice = pa.table([["a"], ["b"], ["c"]], names=["text", "labels", "text"])
    pq.write_table(twice, tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "several columns named text")


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        ('{"text": "a"}\n{"text": \n', "a.jsonl", r"line 2, column 10: not JSON"),
        ('{"text": "a"}\n["b"]\n', "a.jsonl", r"line 2: a list where an object .*format=json\?"),
        ('{"text": "a"}\n3\n', "a.jsonl", "line 2: a text or number where an object"),
        (
            '{"text": "\\ud83d", "labels": "x"}',
            "a.jsonl",
            "record 1, column text: half a surrogate",
        ),
        ("[" * 100_000, "a.jsonl", "line 1: nested too deeply"),
        ("[" * 100_000, "a.json", "nested too deeply"),
        ('{"text": {"0": "a"}}', "a.json", r"holds an object: it should hold a list of records"),
        ('[{"text": "a"}, "b"]', "a.json", "record 2: a text or number instead of an object"),
        ('[{"text": "a"},]', "a.json", r"line 1, column \d+: not JSON"),
        ('{"text": "a"}\n{"text": "b"}\n', "a.json", r"line 2, .*set data\.format=jsonl"),
    ],
)
def test_broken_json_names_its_place(write: Any, content: str, name: str, says: str) -> None:
    refused(write(content, name), says)


def test_a_label_that_contains_the_separator_is_not_cut_in_two(write: Any) -> None:
    path = write('{"text": "a", "labels": ["Drama"]}\n{"text": "b", "labels": ["A, B"]}', "a.jsonl")
    refused(path, r"record 2, column labels: the label 'A, B' contains data\.label_separator ','")


def test_an_unknown_extension_lists_the_known_ones(write: Any) -> None:
    refused(write("x", "a.xlsx"), r"the extension \.xlsx.*\.csv, .*\.parquet.*data\.format")
    refused(write("x", "SMSSpamCollection"), r"has no extension.*set data\.format")


@pytest.mark.parametrize("damage", ["text", "cut", "header"])
def test_a_damaged_parquet_file_says_so(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a" * 50] * 99, "labels": ["b"] * 99}), path)
    raw = path.read_bytes()
    path.write_bytes({"text": b"text,labels\na,b\n", "cut": raw[:-40], "header": b"\0" * 9}[damage])
    refused(path, r"a\.parquet is not a Parquet file or is damaged")


def test_parquet_with_a_damaged_page_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    values = [f"text {i}" for i in range(9999)]
    pq.write_table(pa.table({"text": values, "labels": values}), path, compression="zstd")
    raw = bytearray(path.read_bytes())
    raw[100:20_000] = b"\xaa" * 19_900
    path.write_bytes(raw)
    refused(path, r"a\.parquet is not a Parquet file or is damaged")


def test_parquet_without_rows_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string()), "labels": pa.nulls(0)}), path)
    refused(path, r"columns \(text, labels\) but no rows")


@pytest.mark.parametrize("declared", [pa.binary(), pa.string()])
def test_parquet_with_bytes_that_are_not_utf8_says_so(tmp_path: Path, declared: Any) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": pa.array([b"\xff"]).view(declared), "labels": ["a"]}), path)
    refused(path, "column text holds bytes that are not UTF-8")


# Properties

cells = st.none() | st.text(
    st.characters(codec="utf-8", exclude_characters="\r") | st.sampled_from(',;"\n\t |'),
    min_size=1,
    max_size=12,
)
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.tuples(*[cells] * width), min_size=1, max_size=8)
)


@settings(max_examples=60, deadline=None)
@given(rows=tables)
def test_a_table_reads_the_same_from_every_format(rows: list[tuple[str | None, ...]]) -> None:
    names = ["text", "labels", "c"][: len(rows[0])]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    delimited = io.StringIO()
    writer = csv.writer(delimited, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.csv").write_text(delimited.getvalue(), encoding="utf-8", newline="")
        (folder / "a.json").write_text(json.dumps(records), encoding="utf-8")
        lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
        (folder / "a.jsonl").write_text(lines, encoding="utf-8", newline="")
        pd.DataFrame(records).to_parquet(folder / "a.parquet")
        tables = [read_file(path, DataConfig(), list) for path in sorted(folder.iterdir())]
    assert tables[0].to_pylist() == records
    assert len({table_digest(table) for table in tables}) == 1
