"""What a file is taken for: rows and columns of invented files, in the forms that people have."""

import bz2
import csv
import gzip
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from tasks.config import DataConfig
from tasks.drafting.form import form_of
from tasks.drafting.telling import AmbiguousError, Told, Wishes, tell
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare

WORDS = (
    *("river", "lamp", "quiet", "market", "stone", "paper"),
    *("garden", "winter", "bridge", "copper", "story", "morning"),
)


def said(n: int) -> str:
    """A sentence that no other row has."""
    chosen = random.Random(n).choices(WORDS, k=9)  # noqa: S311 - a text
    return f"{' '.join(chosen).capitalize()}, number {n}."


def rows(count: int = 60, **columns: Any) -> list[dict[str, Any]]:
    """Rows of a text and, for each column, a function of the row's number."""
    return [{name: make(n) for name, make in columns.items()} for n in range(count)]


def csv_file(
    path: Path, found: list[dict[str, Any]], separator: str = ",", header: bool = True
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        if header:
            writer.writerow(found[0])
        writer.writerows(row.values() for row in found)
    return path


def told(path: Path, **wishes: Any) -> Told:
    return tell(form_of(path), Wishes(**wishes))


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


LABEL_FORMS = {
    "comma": (lambda n: ", ".join(WORDS[n % 5 : n % 5 + 1 + n % 2]), {"label_separator": ","}),
    "bar": (lambda n: "|".join(WORDS[n % 5 : n % 5 + 1 + n % 2]), {"label_separator": "|"}),
    "python list": (lambda n: str(list(WORDS)[n % 5 : n % 5 + 2]), {}),
    "json list": (lambda n: json.dumps(WORDS[n % 5 : n % 5 + 1 + n % 3]), {}),
}


@pytest.mark.parametrize("form", LABEL_FORMS)
def test_several_labels_a_row(form: str, tmp_path: Path) -> None:
    make, data = LABEL_FORMS[form]
    one = told(csv_file(tmp_path / "many.csv", rows(body=said, themes=make)))
    assert (one.task, one.label, one.data) == ("multi_label", ("themes",), data)


def test_one_column_a_label(tmp_path: Path) -> None:
    marks = {name: (lambda n, k=k: int(n % (k + 2) == 0)) for k, name in enumerate(WORDS[:3])}
    path = csv_file(tmp_path / "marks.csv", rows(comment=said, **marks))
    one = told(path)
    assert (one.task, one.label) == ("multi_label", tuple(WORDS[:3]))
    assert one.data == {"label_columns": list(WORDS[:3])}


def test_stars_are_a_scale(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "shop.csv", rows(review=said, points=lambda n: 1 + n % 5))
    one = told(path)
    assert (one.task, one.evaluation["ordered"]) == ("single_label", True)
    assert one.data["numeric_labels"] is True


def test_many_different_numbers_are_a_quantity(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "rents.csv", rows(advert=said, rent=lambda n: 300 + 37 * n % 991))
    one = told(path)
    assert (one.task, one.label) == ("regression", ("rent",))


def test_two_texts_are_one_to_be_written_for_the_other(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "pairs.csv", rows(English=said, Shout=lambda n: said(n).upper()))
    one = told(path)
    assert (one.task, one.text, one.label) == ("completion", ("English",), ("Shout",))
    other = told(path, text=("Shout",), label=("English",))
    assert (other.task, other.text, other.label) == ("completion", ("Shout",), ("English",))


CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
LAYOUTS = {
    "instructions": ({"instruction": "Do", "input": "", "output": "Done"}, "completion"),
    "prompts": ({"prompt": "Why?", "completion": "Because."}, "completion"),
    "messages": ({"messages": CHAT}, "completion"),
    "pairs": ({"prompt": "Why?", "chosen": "So.", "rejected": "No."}, "preference"),
    "chats": ({"chosen": CHAT, "rejected": [CHAT[0], {**CHAT[1], "content": "x"}]}, "preference"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_told_from_their_fields(layout: str, tmp_path: Path) -> None:
    record, task = LAYOUTS[layout]
    path = tmp_path / "turns.jsonl"
    path.write_text(f"{json.dumps(record)}\n" * 20)
    assert told(path).task == task


def test_a_column_called_messages_may_hold_plain_texts(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "m.csv", rows(messages=said, label=lambda n: "ab"[n % 2]))
    assert told(path).task == "single_label"


def test_what_could_be_meant_alike_is_asked(tmp_path: Path) -> None:
    found = rows(
        message=said, squad=lambda n: "xyz"[n % 3], urgency=lambda n: ("low", "high")[n % 2]
    )
    path = csv_file(tmp_path / "tickets.csv", found)
    with pytest.raises(AmbiguousError, match=r"--label squad") as doubt:
        told(path)
    assert doubt.value.candidates == ["squad", "urgency"]
    assert told(path, label=("urgency",)).label == ("urgency",)


def test_a_name_that_people_use_settles_it_and_the_other_is_mentioned(tmp_path: Path) -> None:
    found = rows(message=said, label=lambda n: "xyz"[n % 3], urgency=lambda n: "ab"[n % 2])
    one = told(csv_file(tmp_path / "t.csv", found))
    assert one.label == ("label",)
    assert any("urgency could be learned as well" in doubt for doubt in one.unsure)


def test_ids_dates_and_customers_are_no_labels(tmp_path: Path) -> None:
    found = rows(
        90,
        ticket_id=lambda n: f"T{n:04}",
        day=lambda n: f"2026-03-{1 + n % 9:02}",
        customer=lambda n: f"customer {n // 3}",
        message=said,
        queue=lambda n: "xyz"[n % 3],
    )
    one = told(csv_file(tmp_path / "t.csv", found), label=("queue",))
    assert one.text == ("message",)
    assert any("--group customer" in doubt for doubt in one.unsure)


def test_a_column_of_parts_is_the_split(tmp_path: Path) -> None:
    found = rows(
        text=said, label=lambda n: "ab"[n % 2], split=lambda n: "test" if n > 50 else "train"
    )
    one = told(csv_file(tmp_path / "t.csv", found))
    assert one.split == {"test_role": "split", "test_values": ["test"]}


def test_a_short_title_belongs_to_the_text(tmp_path: Path) -> None:
    found = rows(
        review_title=lambda n: f"Fine shoes {n}", review_body=said, stars=lambda n: 1 + n % 5
    )
    assert told(csv_file(tmp_path / "t.csv", found)).text == ("review_title", "review_body")


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


@pytest.mark.parametrize(
    ("wishes", "wanted"),
    [
        ({"label": ("verdct",)}, r"no column verdct \(did you mean verdict\?\)"),
        ({"label": ("note", "verdict")}, "each has to hold 0 and 1"),
        ({"task": "multi_label", "text": ("note", "verdict")}, "could be learned as multi_label"),
    ],
)
def test_wishes_that_the_file_cannot_grant(
    wishes: dict[str, Any], wanted: str, tmp_path: Path
) -> None:
    path = csv_file(tmp_path / "n.csv", rows(note=said, verdict=lambda n: "ab"[n % 2]))
    with pytest.raises(RequestError, match=wanted):
        told(path, **wishes)


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


def test_columns_of_marks_are_read_as_labels(tmp_path: Path) -> None:
    found = rows(note=said, spam=lambda n: n % 2 == 0, **{"much too long": lambda n: n % 3 == 0})
    path = csv_file(tmp_path / "marks.csv", found)
    config = DataConfig(
        path=path, required=("note", "labels"), text=("{note}",), label_columns=tuple(found[0])[1:]
    )
    read = prepare(ingest(config), config).read()
    assert [list(labels) for labels in read["labels"][:3]] == [
        ["much too long", "spam"],
        [],
        ["spam"],
    ]


def test_a_label_column_that_is_not_there(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "marks.csv", rows(note=said, spam=lambda n: n % 2))
    config = DataConfig(path=path, required=("note", "labels"), label_columns=("spma",))
    with pytest.raises(RequestError, match=r"no column spma.*spam"):
        ingest(config)


@pytest.mark.parametrize("text", ["1.052,{} €", "${},400.00", "{},5 %", "USD {},20", "{}"])
def test_quantities_with_signs_are_not_written(text: str, tmp_path: Path) -> None:
    path = csv_file(
        tmp_path / "shop.csv", rows(note=said, price=lambda n: text.format(n + 10) if n else "n/a")
    )
    with pytest.raises(RequestError, match=r"price holds quantities.*decimal point"):
        told(path)
    assert told(path, task="completion").label == ("price",)


def test_half_stars_with_a_comma_are_one_label(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "shop.csv", rows(note=said, stars=lambda n: f"{n % 5},{n % 2 * 5}"))
    one = told(path)
    assert one.task == "single_label"
    assert any("decimal point" in line for line in one.unsure)


@pytest.mark.parametrize("count", [1, 60])
def test_one_value_in_all_rows_is_nothing_to_learn(count: int, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "same.csv", rows(count, note=said, label=lambda _: "same"))
    with pytest.raises(RequestError, match=r"has one value, .* nothing can be learned"):
        told(path)


def test_labels_that_differ_in_case_are_said(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "a.csv", rows(note=said, label=lambda n: ("Spam", "spam")[n % 2]))
    assert any("'Spam' and 'spam' are two labels" in line for line in told(path).unsure)


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


def test_few_long_values_are_labels(tmp_path: Path) -> None:
    wants = ("I want to have my money back this week", "I want to know when my parcel will arrive")
    path = csv_file(tmp_path / "wants.csv", rows(note=said, want=lambda n: wants[n % 2]))
    one = told(path)
    assert (one.task, one.text, one.label) == ("single_label", ("note",), ("want",))


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


def test_a_text_that_is_not_read_is_said(tmp_path: Path) -> None:
    betreff = {"Betreff": lambda n: f"Wegen Nummer {n}"}
    found = rows(**betreff, Nachricht=said, Amt=lambda n: ("Nord", "West")[n % 2])
    one = told(csv_file(tmp_path / "post.csv", found))
    assert one.text == ("Nachricht",)
    assert "Betreff is not read: --text 'Betreff,Nachricht' adds it" in one.unsure


@pytest.mark.parametrize("other", [{"text": ("label",), "label": ("label",)}, {"group": "label"}])
def test_what_is_learned_is_not_known_before(other: dict[str, Any], tmp_path: Path) -> None:
    path = csv_file(tmp_path / "a.csv", rows(note=said, label=lambda n: ("good", "bad")[n % 2]))
    with pytest.raises(RequestError, match="names label, which is what is to be learned"):
        told(path, **other)


def test_an_index_is_no_number_to_learn(tmp_path: Path) -> None:
    found = rows(**{"": lambda n: n, "note": said, "label": lambda n: ("good", "bad")[n % 2]})
    with pytest.raises(RequestError, match="no column that could be learned as regression"):
        told(csv_file(tmp_path / "frame.csv", found), task="regression")


def test_parts_are_labels_where_the_user_says_so(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "a.csv", rows(note=said, part=lambda n: ("train", "test")[n % 2]))
    assert told(path, label=("part",)).task == "single_label"


def test_a_column_of_marks_is_no_amount(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "a.csv", rows(note=said, spam=lambda n: n % 2))
    assert not any("decimal point" in line for line in told(path, label=("spam",)).unsure)
