"""How files are written: separators, quotes, headers, packing, encodings, and what is none."""

import bz2
import csv
import gzip
import json
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from invented import csv_file, rows, said, told

from tasks.config import DataConfig
from tasks.drafting.form import form_of
from tasks.drafting.telling import tell
from tasks.drafting.told import Wishes
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".txt", ""])
def test_a_delimited_file_of_any_name_and_separator(
    separator: str, suffix: str, tmp_path: Path
) -> None:
    found = rows(note=said, verdict=lambda n: ("good", "bad", "so so")[n % 3])
    path = csv_file(tmp_path / f"notes{suffix}", found, separator)
    one = told(path)
    assert (one.task, one.text, one.label) == ("single_label", ("note",), ("verdict",))


def test_a_file_without_a_header_has_none(tmp_path: Path) -> None:
    found = rows(verdict=lambda n: ("ham", "spam")[n % 2], note=said)
    form = form_of(csv_file(tmp_path / "sms", found, "\t", header=False))
    assert form.fields["header"] == ["column_1", "column_2"]
    assert len(form.records) == 60
    assert tell(form, Wishes()).label == ("column_1",)


def test_quotes_that_are_text_are_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "quotes.tsv"
    path.write_text("".join(f'{"ab"[n % 2]}\t"he said {said(n)}\n' for n in range(40)))
    form = form_of(path)
    assert form.fields["quotes_are_text"] is True
    assert len(form.records) == 40


@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet", "dat"])
def test_other_formats_are_told_from_what_stands_in_the_file(suffix: str, tmp_path: Path) -> None:
    found = rows(text=said, mood=lambda n: ("calm", "angry")[n % 2])
    path = tmp_path / f"moods.{suffix}"
    if suffix == "parquet":
        pd.DataFrame(found).to_parquet(path)
    elif suffix == "json":
        path.write_text(json.dumps(found))
    else:
        path.write_text("\n".join(map(json.dumps, found)))
    form = form_of(path)
    assert (len(form.records), form.names) == (60, ["text", "mood"])
    assert ("format" in form.fields) == (suffix == "dat")
    assert tell(form, Wishes()).label == ("mood",)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "empty"),
        (b"one column\nwith a text\nand another\n", "no two columns"),
        (b"a,b\n1,2\n3\n", "no two columns"),
        (b"[1, 2]", "no record that can be read"),
        (b"\0\1\2\3" * 40, "not text at all"),
    ],
)
def test_what_is_no_file_of_records_is_a_sentence(
    content: bytes, wanted: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=wanted):
        told(path)


@pytest.mark.parametrize("how", ["gzip", "bz2", "zip", "zstd"])
def test_a_packed_file_is_read(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    plain = csv_file(tmp_path / "n.csv", rows(note=said, verdict=lambda n: "ab"[n % 2]))
    suffix = {"gzip": "csv.gz", "bz2": "csv.bz2", "zip": "zip", "zstd": "csv.zst"}[how]
    path = tmp_path / f"packed.{suffix}"
    if how == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(plain, "inner/n.csv")
    else:
        path.write_bytes(
            pa.compress(plain.read_bytes(), how, asbytes=True)
            if how == "zstd"
            else {"gzip": gzip, "bz2": bz2}[how].compress(plain.read_bytes())
        )
    form = form_of(path)
    assert (form.path, len(form.records)) == (path, 60)
    data = DataConfig(path=path, required=("note", "verdict"))
    assert ingest(data).rows == 60


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_text_that_is_not_utf8_is_read_as_what_it_is(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    found = rows(note=lambda n: f"Größe {said(n)}", verdict=lambda n: ("schön", "häßlich")[n % 2])
    path = csv_file(tmp_path / "n.csv", found)
    path.write_bytes(path.read_text("utf-8").encode(encoding))
    form = form_of(path)
    assert form.fields["encoding"] == encoding
    assert tell(form, Wishes()).columns["verdict"].counts.keys() == {"schön", "häßlich"}
    data = DataConfig(path=path, encoding=encoding, required=("note", "verdict"))
    assert ingest(data).read()["verdict"].tolist()[:2] == ["schön", "häßlich"]
    with pytest.raises(RequestError, match=r"data\.encoding="):
        ingest(data.model_copy(update={"encoding": None}))


@pytest.mark.parametrize(
    ("name", "encoding", "wanted"),
    [
        ("n.xlsx", None, "is a workbook: save the sheet"),
        ("n.csv.gz", None, "cannot be unpacked as gzip"),
        ("n.csv", "cp1525", "no encoding that Python knows"),
        ("n.csv", "ascii", "no text in the encoding ascii"),
    ],
)
def test_what_cannot_be_unpacked_or_decoded_is_a_sentence(
    name: str, encoding: str | None, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    path = tmp_path / name
    path.write_bytes("note,verdict\nschön,a\n".encode())
    with pytest.raises(RequestError, match=wanted):
        ingest(DataConfig(path=path, encoding=encoding, required=("note", "verdict")))


def test_the_column_of_a_data_frame_s_index_has_no_name(tmp_path: Path) -> None:
    found = rows(**{"": lambda n: n, "note": said, "label": lambda n: ("good", "bad")[n % 2]})
    one = told(csv_file(tmp_path / "frame.csv", found))
    assert (one.text, one.label) == (("note",), ("label",))


def test_columns_called_alike_are_asked_to_differ(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    found = [[said(n), said(n + 100), ("good", "bad")[n % 2]] for n in range(60)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["note", "note", "label"], *found])
    with pytest.raises(RequestError, match="several columns named note"):
        told(path)


@pytest.mark.parametrize("orient", ["columns", "list"])
def test_json_of_columns_is_no_record(orient: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(rows(note=said, label=lambda n: ("good", "bad")[n % 2]))
    made = {name: column.to_dict() for name, column in frame.items()}
    path = tmp_path / "frame.json"
    path.write_text(json.dumps(made if orient == "columns" else frame.to_dict("list")))
    with pytest.raises(RequestError, match="save it as a list of records"):
        told(path)


def test_a_picture_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0")
    with pytest.raises(RequestError, match="neither text nor Parquet"):
        told(path)


def test_empty_columns_of_a_workbook_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    lines = [f"{said(n).replace(',', '')};{('good', 'bad')[n % 2]};;" for n in range(60)]
    path.write_text("\r\n".join(["note;label;;", *lines]))
    one = told(path)
    assert (one.text, one.label) == (("note",), ("label",))


def test_a_line_for_excel_is_no_header(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "a.csv", rows(note=said, label=lambda n: ("good", "bad")[n % 2]))
    path.write_text("sep=,\n" + path.read_text())
    with pytest.raises(RequestError, match="remove that line"):
        told(path)


def test_records_within_an_object_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"data": rows(note=said, label=lambda n: n % 2)}))
    with pytest.raises(RequestError, match="save it as a list of records"):
        told(path)
