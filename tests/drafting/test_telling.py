"""What a file is taken for: rows and columns of invented files, in the forms that people have."""

import json
from pathlib import Path
from typing import Any

import pytest
from invented import WORDS, csv_file, rows, said, told

from tasks.config import DataConfig
from tasks.drafting.told import AmbiguousError
from tasks.errors import RequestError
from tasks.ingestion.amounts import number_of
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare

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
    assert one.data["split_column"] == "split"
    assert "split says which part each row is of: 51 train, 9 test" in one.said


def test_a_short_title_belongs_to_the_text(tmp_path: Path) -> None:
    found = rows(
        review_title=lambda n: f"Fine shoes {n}", review_body=said, stars=lambda n: 1 + n % 5
    )
    assert told(csv_file(tmp_path / "t.csv", found)).text == ("review_title", "review_body")


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


@pytest.mark.parametrize(
    ("text", "numbers", "tenth"),
    [
        ("1.052,{} €", {"unit": "€", "decimal": ",", "thousands": "."}, 1052.2),
        ("${},400.00", {"unit": "$", "thousands": ","}, 20400.0),
        ("{},5 %", {"unit": "%", "decimal": ","}, 20.5),
        ("USD {},20", {"unit": "usd", "decimal": ","}, 20.2),
        ("7'0{}'000.5", {"thousands": "'"}, 7020000.5),
        ("{}", {}, 20.0),
    ],
)
def test_quantities_are_read_as_they_are_written(
    text: str, numbers: dict[str, str], tenth: float, tmp_path: Path
) -> None:
    found = rows(80, note=said, price=lambda n: text.format(n + 10) if n else "n/a")
    path = csv_file(tmp_path / "shop.csv", found)
    one = told(path)
    assert (one.task, one.label, one.numbers) == ("regression", ("price",), numbers)
    reading = one.columns["price"].writing
    assert reading is not None
    assert number_of(text.format(20), reading) == tenth
    assert told(path, task="completion").label == ("price",)


@pytest.mark.parametrize("text", ["{},205", "${},205"])
def test_quantities_that_could_be_two_numbers_are_asked_for(text: str, tmp_path: Path) -> None:
    path = csv_file(
        tmp_path / "shop.csv", rows(note=said, price=lambda n: text.format(n + 10) if n else "n/a")
    )
    with pytest.raises(RequestError, match=r"price holds quantities.*or as two.*decimal point"):
        told(path)
    assert told(path, task="completion").label == ("price",)


def test_labels_are_taken_in_words_where_another_column_numbers_them(tmp_path: Path) -> None:
    teams, others = ("network", "billing", "hardware"), {"floor": lambda n: n % 7}
    coded = rows(90, note=said, label=lambda n: n % 3, label_text=lambda n: teams[n % 3], **others)
    one = told(csv_file(tmp_path / "coded.csv", coded))
    assert (one.task, one.text, one.label) == ("single_label", ("note",), ("label_text",))
    assert "label_text names what label numbers" in one.said
    assert told(csv_file(tmp_path / "coded.csv", coded), label=("label",)).label == ("label",)
    listed = rows(90, note=said, label=lambda n: n % 3, tags=lambda n: f"['{teams[n % 3]}']")
    assert told(csv_file(tmp_path / "listed.csv", listed)).label == ("label",)
    # Not where the words say less, or more, than the numbers.
    coarse = rows(90, note=said, label=lambda n: n % 3, label_text=lambda n: teams[n % 3 and 1])
    assert told(csv_file(tmp_path / "coarse.csv", coarse)).label == ("label",)


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


def test_few_long_values_are_labels(tmp_path: Path) -> None:
    wants = ("I want to have my money back this week", "I want to know when my parcel will arrive")
    path = csv_file(tmp_path / "wants.csv", rows(note=said, want=lambda n: wants[n % 2]))
    one = told(path)
    assert (one.task, one.text, one.label) == ("single_label", ("note",), ("want",))


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


def test_two_texts_are_a_pair_where_the_user_says_so(tmp_path: Path) -> None:
    found = rows(premise=said, claim=lambda n: said(n + 500), verdict=lambda n: "abc"[n % 3])
    path = csv_file(tmp_path / "claims.csv", found)
    plain, pair = told(path), told(path, pair=True)
    assert any("--pair gives them to the model as a pair" in line for line in plain.unsure)
    assert (pair.text, pair.data, pair.task) == (
        ("premise", "claim"),
        {"pair": True},
        "single_label",
    )
    with pytest.raises(RequestError, match="two columns of texts"):
        told(path, pair=True, text=("claim",))
    with pytest.raises(RequestError, match="learns a label or a number"):
        told(csv_file(tmp_path / "two.csv", [dict(list(r.items())[:2]) for r in found]), pair=True)
