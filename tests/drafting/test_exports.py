"""Files as other programs export them: read rightly, or refused in a sentence."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from invented import csv_file, rows, said, told

from tasks.config.loading import load_case
from tasks.drafting.case_text import written
from tasks.drafting.form import form_of
from tasks.drafting.telling import tell
from tasks.drafting.told import Wishes
from tasks.drafting.understanding import draft
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.splitting.assignment import assign
from tasks.splitting.units import text_units

TEAMS = ("billing", "network", "hardware")
QUESTION = "What went wrong? Please describe the problem in your own words, as exactly as you can."
WHICH = "Which team should take care of it, as far as you can tell from where you are sitting?"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_STORE", str(tmp_path / "store"))


def team(n: int) -> str:
    return TEAMS[n % 3]


def lines(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    return path


def test_a_form_names_its_columns_by_whole_questions(tmp_path: Path) -> None:
    columns = {
        "Timestamp": lambda n: f"2024/01/{1 + n % 28:02} 3:{n % 60:02}:11 PM GMT+1",
        "Email address": lambda n: f"p{n % 15}@example.org",
        QUESTION: said,
        WHICH: team,
    }
    one = told(csv_file(tmp_path / "answers.csv", rows(**columns)))
    assert (one.text, one.label, one.task) == ((QUESTION,), (WHICH,), "single_label")
    # Addresses are no labels: they say who wrote, and may hold rows together.
    assert any("--group 'Email address'" in doubt for doubt in one.unsure)


def test_long_first_cells_without_a_header_stay_a_row(tmp_path: Path) -> None:
    long = rows(team=team, text=lambda n: f"{said(n)} {said(n + 100)}")
    form = form_of(csv_file(tmp_path / "plain.csv", long, header=False))
    assert len(form.records) == len(long)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_choices_of_an_annotator_are_labels(form: str, tmp_path: Path) -> None:
    def chosen(n: int) -> dict[str, list[str]]:
        return {"choices": [team(n), "urgent"] if n % 4 else [team(n)]}

    if form == "csv":
        made = rows(text=said, topics=lambda n: json.dumps(chosen(n)))
        path = csv_file(tmp_path / "export.csv", made)
    else:
        path = lines(tmp_path / "export.jsonl", rows(text=said, topics=chosen))
    one = told(path)
    assert (one.task, one.label) == ("multi_label", ("topics",))
    case = tmp_path / "export.yaml"
    case.write_text(written(form_of(path), one, tmp_path, None, None), encoding="utf-8")
    data = load_case(str(case)).data
    found = prepare(ingest(data), data).read()["labels"]
    assert [sorted(labels) for labels in found] == [sorted(chosen(n)["choices"]) for n in range(60)]


def test_what_a_database_writes_for_null_is_no_value(tmp_path: Path) -> None:
    def cell(make: Any, step: int) -> Any:
        return lambda n: r"\N" if n % step == 0 else make(n)

    made = rows(id=lambda n: n, body=cell(said, 9), team=cell(team, 7))
    form = form_of(csv_file(tmp_path / "dump.tsv", made, separator="\t"))
    one = tell(form, Wishes())
    assert set(one.columns["team"].counts) == set(TEAMS)
    assert sum(record["body"] is None for record in form.records) == 7


def test_names_of_several_levels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "levels.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["", "in", "out"], ["", "text", "label"]])
        writer.writerows([n, said(n), team(n)] for n in range(60))
    with pytest.raises(RequestError, match="names its columns in 2 lines, one above the other"):
        form_of(path)


def test_spans_are_no_labels(tmp_path: Path) -> None:
    path = lines(tmp_path / "spans.jsonl", rows(text=said, label=lambda n: [[0, 4, "PER"]]))
    one = told(path)
    case = tmp_path / "spans.yaml"
    case.write_text(written(form_of(path), one, tmp_path, None, None), encoding="utf-8")
    with pytest.raises(RequestError, match=r"the list holds .*'PER'.*, which is no label"):
        ingest(load_case(str(case)).data)


def test_objects_are_named_where_nothing_says_what_is_learned(tmp_path: Path) -> None:
    def done(n: int) -> list[dict[str, Any]]:
        return [{"outcome": [{"value": {"choices": [team(n)]}}]}]

    made = rows(id=lambda n: n, annotations=done, data=lambda n: {"text": said(n), "from": "web"})
    (tmp_path / "raw.json").write_text(json.dumps(made))
    with pytest.raises(RequestError, match="annotations, data hold objects, whose fields want"):
        told(tmp_path / "raw.json")


def chat(n: int) -> list[dict[str, str]]:
    return [
        {"role": "user", "content": said(n)},
        {"role": "assistant", "content": f"Ask {team(n)}, case {n}."},
    ]


def test_columns_of_one_name_are_left_aside_and_named(tmp_path: Path) -> None:
    """As Jira writes them: a column `Labels` for each label of the issue that has most."""
    path = tmp_path / "issues.csv"
    head = "Summary,Issue key,Labels,Labels,Team\n"
    path.write_text(head + "".join(f'"{said(n)}",K-{n},x,,{team(n)}\n' for n in range(60)))
    form = form_of(path)
    assert "without the columns of one name: Labels" in form.said
    one = tell(form, Wishes())
    assert (one.text, one.label) == (("Summary",), ("Team",))


@pytest.mark.parametrize("rule", ["|---|---|", "| :--- | ---: |"])
def test_the_rule_of_a_markdown_table_is_no_row(rule: str, tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    path.write_text(f"| note | team |\n{rule}\n" + "| it broke | a |\n" * 40)
    with pytest.raises(RequestError, match="whose second line is a rule and no row: remove it"):
        form_of(path)


ANSWERED = {
    "chats": {"messages": chat},
    "prompts": {"prompt": said, "completion": lambda n: f"Ask {team(n)}, case {n}."},
    "pairs": {"prompt": said, "chosen": lambda n: f"Ask {team(n)}.", "rejected": lambda _: "No."},
    "labels": {"note": said, "label": team},
}


@pytest.mark.parametrize("kind", ANSWERED)
def test_rows_of_one_customer_stay_in_one_part(kind: str, tmp_path: Path) -> None:
    columns = ANSWERED[kind] | {"customer": lambda n: f"c{n % 12}"}
    path = lines(tmp_path / "asked.jsonl", rows(**columns))
    form = form_of(path)
    case = tmp_path / "asked.yaml"
    text = written(form, tell(form, Wishes(group="customer")), tmp_path, None, None)
    case.write_text(text, encoding="utf-8")
    config = load_case(str(case))
    raw = ingest(config.data)
    assert "not read" not in raw.origin
    read = prepare(raw, config.data, labels_are_texts=kind != "labels").read()
    (parts,) = assign(text_units(read, config.split, labelled=False), config.split).positions()
    customers = {name: {f"c{n % 12}" for n in rows.tolist()} for name, rows in parts.items()}
    assert all(customers.values())
    assert sum(map(len, customers.values())) == 12


def test_objects_that_give_labels_1_or_0_are_no_chat(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "marked.jsonl",
        rows(text=said, topics=lambda n: {name: int(name == team(n)) for name in TEAMS}),
    )
    one = told(path)
    assert (one.task, one.label) == ("multi_label", ("topics",))


RUSSIAN = ("Экран телефона треснул", "Посылка пришла вовремя", "Кнопка звука не работает")
POLISH = ("Wyświetlacz pękł od razu", "Paczka przyszła, dziękuję", "Dźwięk źle działa, już trzeci")
FRENCH = ("L'écran s'est cassé hier", "Le colis est arrivé à l'heure", "Ça ne marche pas, déjà vu")
JAPANESE = ("画面が割れました", "荷物は時間通りに届きました", "音が出ません、三回目です")
TURKISH = (
    "Ekran ikinci gün kırıldı",
    "Paket geldi, teşekkürler",
    "Şarj olmuyor, üçüncü kez oluyor",
)


HUNGARIAN = ("A kijelző megrepedt", "A csomag időben érkezett", "Nincs hang, őrület, kérem")
CZECH = ("Displej praskl hned druhý den", "Balík přišel včas, děkuji", "Zvuk nefunguje už potřetí")
ICELANDIC = (
    "Skjárinn brotnaði á öðrum degi",
    "Pakkinn kom á réttum tíma",
    "Hljóð, í þriðja skiptið",
)


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        *(("cp1250", HUNGARIAN), ("cp1250", CZECH), ("cp1252", ICELANDIC)),
        *(("cp1251", RUSSIAN), ("koi8_r", RUSSIAN), ("cp1250", POLISH), ("cp1252", FRENCH)),
        *(("mac_roman", FRENCH), ("cp932", JAPANESE), ("cp1254", TURKISH), ("utf-16", FRENCH)),
    ],
)
def test_the_encoding_is_told_by_the_letters(
    encoding: str, texts: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "said.csv"
    lines_of = "".join(f'"{texts[n % 3]}, {n}",{team(n)}\n' for n in range(40))
    path.write_bytes(f"text,team\n{lines_of}".encode(encoding))
    form = form_of(path)
    assert f"read as {encoding}, by its letters" in form.said
    assert form.records[4]["text"] == f"{texts[1]}, 4"
    assert form.fields["encoding"] == encoding


def test_quotes_behind_backslashes_are_told(tmp_path: Path) -> None:
    path = tmp_path / "escaped.csv"
    path.write_text("text,team\n" + '"it said \\"no, never\\", twice",a\n' * 30)
    with pytest.raises(RequestError, match=r"writes a quote inside a cell as .*, and CSV doubles"):
        form_of(path)


def test_an_encoding_that_is_given_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "hebrew.csv"
    path.write_bytes(("text,team\n" + "המסך נשבר,a\n" * 20).encode("cp1255"))
    form = form_of(path, encoding="cp1255")
    assert form.records[0]["text"] == "המסך נשבר"
    assert form.said.endswith("read as cp1255")


def test_words_for_no_value_among_the_texts_are_a_doubt(tmp_path: Path, tiny_bert: Path) -> None:
    found = rows(60, note=lambda n: "NA" if n % 20 == 0 else said(n), label=team)
    path = csv_file(tmp_path / "r.csv", found)
    one = told(path, label=("label",))
    unsure = draft(form_of(path), one, tmp_path / "r.yaml", str(tiny_bert)).unsure
    assert any("3 rows of note hold a word for no value" in doubt for doubt in unsure)


SEVERAL = (("billing", "urgent"), ("network",), ("billing",), ("network", "urgent"))


@pytest.mark.parametrize(
    ("write", "separator"),
    [
        (lambda labels: "".join(f"<{each}>" for each in labels), None),  # Stack Overflow
        (lambda labels: "{" + ",".join(labels) + "}", None),  # PostgreSQL
        (lambda labels: " ".join(f"#{each}" for each in labels), " "),
        (lambda labels: "\n".join(labels), "\n"),
        (
            lambda labels: [{"id": 7, "name": each, "color": "fff"} for each in labels],
            None,
        ),  # GitHub
    ],
)
def test_several_labels_are_told_from_one(
    write: Any, separator: str | None, tmp_path: Path
) -> None:
    found = rows(80, body=said, labels=lambda n: write(SEVERAL[n % 4]))
    one = tell(form_of(lines(tmp_path / "issues.jsonl", found)), Wishes())
    assert one.task == "multi_label"
    assert one.label == ("labels",)
    assert one.data.get("label_separator") == separator


def drafted_doubts(tmp_path: Path, base: Path, **columns: Any) -> list[str]:
    path = csv_file(tmp_path / "made.csv", rows(80, **columns))
    form = form_of(path)
    return list(draft(form, tell(form, Wishes()), tmp_path / "made.yaml", str(base)).unsure)


def test_texts_that_hold_their_label_are_a_doubt(tmp_path: Path, tiny_bert: Path) -> None:
    given = drafted_doubts(
        tmp_path, tiny_bert, note=lambda n: f"[{team(n).upper()}] {said(n)}", team=team
    )
    assert any("100% of the texts hold the name of their own label" in doubt for doubt in given)
    plain = drafted_doubts(tmp_path, tiny_bert, note=said, team=team)
    assert not any("name of their own label" in doubt for doubt in plain)


def test_equal_texts_with_other_labels_are_a_doubt(tmp_path: Path, tiny_bert: Path) -> None:
    doubts = drafted_doubts(
        tmp_path, tiny_bert, note=lambda n: said(n // 2), team=lambda n: team(n)
    )
    assert any("equal in text to another row with another label" in doubt for doubt in doubts)


def test_labels_that_every_row_has_are_refused(tmp_path: Path, tiny_bert: Path) -> None:
    found = rows(60, instruction=said, models=lambda _: ["a", "b"])
    form = form_of(lines(tmp_path / "models.jsonl", found))
    with pytest.raises(RequestError, match="every row has all of the labels a, b in models"):
        draft(form, tell(form, Wishes()), tmp_path / "models.yaml", str(tiny_bert))
    assert not (tmp_path / "models.yaml").exists()


def test_columns_without_a_part_are_named(tmp_path: Path) -> None:
    found = rows(60, text=said, tag1=team, tag2=lambda n: "urgent" if n % 3 == 0 else "")
    one = tell(form_of(csv_file(tmp_path / "wide.csv", found)), Wishes())
    assert "not used: tag2" in one.said


@pytest.mark.parametrize(
    "write",
    [lambda n: f"{n % 5 + 1} out of 5", lambda n: "★" * (n % 5 + 1), lambda n: n % 7 / 2 + 1],
)
def test_grades_that_are_no_whole_numbers_are_a_doubt(write: Any, tmp_path: Path) -> None:
    found = rows(80, text=said, rating=write)
    one = tell(form_of(csv_file(tmp_path / "rated.csv", found)), Wishes())
    assert one.task == "single_label"
    assert any("if these are steps of a scale" in doubt for doubt in one.unsure)


def test_a_dash_for_no_label_is_a_doubt(tmp_path: Path) -> None:
    found = rows(80, text=said, label=lambda n: "-" if n % 8 == 0 else team(n))
    one = tell(form_of(csv_file(tmp_path / "nli.csv", found)), Wishes())
    assert any(doubt.startswith("'-' is read as a label") for doubt in one.unsure)


@pytest.mark.parametrize(
    ("cells", "odd"),
    [
        (lambda n: "1,234,56" if n == 9 else f"{n * 37 % 900}.5{n % 10}", "'1,234,56'"),
        (lambda n: f"{n * 7 % 24}:{n * 13 % 60:02}", "'0:00'"),
    ],
)
def test_what_is_no_number_is_named(cells: Any, odd: str, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "priced.csv", rows(80, text=said, price=cells))
    with pytest.raises(RequestError, match=f"quantities, and {odd} can be read as no number"):
        told(path)


def test_a_column_whose_name_occurs_twice_is_asked_for_by_name(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    path.write_text("Summary,Labels,Labels,Team\n" + f'"{said(1)}",x,,a\n' * 40)
    with pytest.raises(RequestError, match="several columns named Labels: rename one"):
        told(path, label=("Labels",))


@pytest.mark.parametrize("name", ["question", "Query", "user_input"])
def test_what_is_asked_may_have_another_name(name: str, tmp_path: Path) -> None:
    columns = {name: said, "chosen": lambda n: f"Ask {team(n)}.", "rejected": lambda _: "No."}
    form = form_of(lines(tmp_path / "pairs.jsonl", rows(60, **columns)))
    one = tell(form, Wishes())
    assert one.task == "preference"
    (tmp_path / "pairs.yaml").write_text(written(form, one, tmp_path, None, None))
    config = load_case(str(tmp_path / "pairs.yaml"))
    assert ingest(config.data).read(["query"])["query"][3] == said(3)


STUDIO = [
    {"id": n, "data": {"text": said(n)}, "annotations": [{"result": [{"value": "a"}]}]}
    for n in range(40)
]
FOREIGN = {
    "train.txt": ("".join(f"__label__{'ab'[n % 2]} {said(n)}\n" for n in range(40)), "fastText"),
    "train.dat": ("".join(f"{n % 2} 1:0.{n} 4:0.5 9:2\n" for n in range(40)), "SVMlight"),
    "studio.json": (json.dumps(STUDIO), "Label Studio's whole export.*JSON-MIN"),
    "dump.sql": (
        "-- PostgreSQL\nSET x = 0;\nCREATE TABLE t (id int);\nCOPY t FROM stdin;\n1\ta\n",
        "commands of SQL.*as CSV",
    ),
    "lite.sql": ("INSERT INTO t VALUES (1, 'a', 'b');\n" * 40, "commands of SQL"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_form_of_another_program_says_what_to_save_instead(name: str, tmp_path: Path) -> None:
    content, wanted = FOREIGN[name]
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=rf"{name} .*{wanted}"):
        form_of(tmp_path / name)


def test_a_table_that_speaks_of_such_forms_is_a_table(tmp_path: Path) -> None:
    found = rows(begin=lambda n: f"INSERT INTO {said(n)} or __label__x 1:2 3:4", label=team)
    assert len(form_of(csv_file(tmp_path / "about.csv", found)).records) == len(found)
