"""Files that a trial stumbled over: what is asked, refused, or said before anything is written."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from invented import WORDS, csv_file, rows, said, told

from tasks.config import DataConfig
from tasks.config.loading import load_case
from tasks.drafting.form import form_of
from tasks.drafting.telling import tell
from tasks.drafting.told import AmbiguousError, Wishes
from tasks.drafting.understanding import Understood, draft
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THAW_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))


def drafted(path: Path, base: Path, **wishes: Any) -> Understood:
    form = form_of(path)
    return draft(form, tell(form, Wishes(**wishes)), path.parent / "drafted.yaml", str(base))


JUDGED: dict[str, tuple[Any, list[str]]] = {
    "score": (lambda n: 0.5 + n / 7, ["completion", "regression"]),
    "rating": (lambda n: 1 + n % 5, ["completion", "single_label"]),
    "label": (lambda n: n % 3 > 0, ["completion", "single_label"]),
}


@pytest.mark.parametrize("judge", JUDGED)
@pytest.mark.parametrize("answer", ["response", "completion"])
def test_answers_that_are_judged_are_asked_about(judge: str, answer: str, tmp_path: Path) -> None:
    make, tasks = JUDGED[judge]
    found = rows(prompt=said, **{answer: lambda n: said(n + 500), judge: make})
    path = csv_file(tmp_path / "judged.csv", found)
    with pytest.raises(AmbiguousError, match=f"{judge} judges them.*--task completion") as doubt:
        told(path)
    assert doubt.value.candidates == tasks
    assert told(path, task="completion").data["layout"] == "dialogues"
    other = told(path, task=tasks[1])
    assert (other.task, other.label, other.text) == (tasks[1], (judge,), ("prompt", answer))


def test_a_number_that_judges_nothing_is_not_asked_about(tmp_path: Path) -> None:
    found = rows(prompt=said, response=lambda n: said(n + 500), tokens=lambda n: 7 * n)
    assert told(csv_file(tmp_path / "a.csv", found)).task == "completion"


@pytest.mark.parametrize(("count", "wanted"), [(3, "3 rows .* at least 10"), (9, "9 rows")])
def test_too_few_rows_are_refused_and_nothing_is_written(
    count: int, wanted: str, tmp_path: Path, tiny_bert: Path
) -> None:
    path = csv_file(
        tmp_path / "few.csv", rows(count, note=said, label=lambda n: ("good", "bad")[n % 2])
    )
    with pytest.raises(RequestError, match=wanted):
        drafted(path, tiny_bert, label=("label",))
    assert not (tmp_path / "drafted.yaml").exists()


def test_what_few_rows_are_worth_is_said(tmp_path: Path, tiny_bert: Path) -> None:
    path = csv_file(
        tmp_path / "few.csv", rows(40, note=said, label=lambda n: ("good", "bad")[n % 2])
    )
    unsure = drafted(path, tiny_bert).unsure
    assert any(line.startswith("40 rows are few: 6 are for the test") for line in unsure)
    assert any("±40 points; split.folds=5" in line for line in unsure)


def test_rows_of_one_group_cannot_be_divided(tmp_path: Path, tiny_bert: Path) -> None:
    found = rows(note=said, label=lambda n: ("good", "bad")[n % 2], who=lambda n: f"c{n > 1}")
    path = csv_file(tmp_path / "one.csv", found)
    with pytest.raises(RequestError, match="cannot be divided into three parts"):
        drafted(path, tiny_bert, label=("label",), group="who")


@pytest.mark.parametrize("above", [["Tickets of March"], ["Tickets of March", "", "made by Ada"]])
@pytest.mark.parametrize("padded", [True, False])
def test_lines_above_the_header_are_named(above: list[str], padded: bool, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "t.csv", rows(note=said, label=lambda n: ("good", "bad")[n % 2]))
    comma = "," if padded else ""
    path.write_text("".join(f"{line}{comma}\n" for line in above) + path.read_text())
    with pytest.raises(RequestError, match=r"'Tickets of March.*named in line \d \(note, label\)"):
        form_of(path)


MARKS = {"yes": "no", "Y": "N", "true": "false", "x": "", "1.0": "0.0", "✓": ""}


@pytest.mark.parametrize("yes", MARKS)
def test_a_column_a_label_in_the_words_that_people_use(yes: str, tmp_path: Path) -> None:
    marks = {
        name: (lambda n, k=k: yes if n % (k + 2) == 0 else MARKS[yes])
        for k, name in enumerate(WORDS[:3])
    }
    path = csv_file(tmp_path / "marks.csv", rows(comment=said, **marks))
    one = told(path)
    assert (one.task, one.label) == ("multi_label", tuple(WORDS[:3]))
    config = DataConfig(
        path=path, required=("comment", "labels"), text=("{comment}",), label_columns=one.label
    )
    read = prepare(ingest(config), config).read()["labels"]
    wanted = [
        sorted(name for k, name in enumerate(WORDS[:3]) if n % (k + 2) == 0) for n in range(9)
    ]
    assert [list(labels) for labels in read[:9]] == wanted


def test_html_is_noticed_and_goes(tmp_path: Path, tiny_bert: Path) -> None:
    found = rows(
        note=lambda n: f"<p>{said(n)}</p><br/>Bye" if n % 3 else said(n),
        label=lambda n: ("good", "bad")[n % 2],
    )
    one = drafted(csv_file(tmp_path / "pages.csv", found), tiny_bert)
    assert load_case(str(one.case)).data.html is True
    assert any("data.html" in line for line in one.facts)
    assert not any("<" in text for text, _ in one.examples)


def test_the_file_that_is_meant_in_an_archive(tmp_path: Path) -> None:
    for name in ("train", "old"):
        csv_file(tmp_path / f"{name}.csv", rows(note=said, label=lambda n: ("a b", "c d")[n % 2]))
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        for name in ("train", "old"):
            archive.write(tmp_path / f"{name}.csv", f"{name}.csv")
    with pytest.raises(RequestError, match="thaw new --member NAME"):
        form_of(tmp_path / "both.zip")
    form = form_of(tmp_path / "both.zip", "train.csv")
    assert form.fields["member"] == "train.csv"
    assert ingest(DataConfig(path=form.path, **form.fields, required=("note", "label"))).rows == 60


def test_kto_as_json_is_asked_about_too(tmp_path: Path) -> None:
    found = rows(prompt=said, completion=lambda n: said(n + 500), label=lambda n: n % 2 == 0)
    path = tmp_path / "kto.jsonl"
    path.write_text("\n".join(map(json.dumps, found)))
    with pytest.raises(AmbiguousError, match="label judges them"):
        told(path)
