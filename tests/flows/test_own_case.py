"""A case of one's own: drafted from a file, run, compared, asked and deployed like any."""

import csv
import json
import os
from pathlib import Path

import pandas as pd
import pytest
import yaml
from genre_runs import LEARNING, MARKS, ROOT, Store, options, thaw
from prefect.flows import load_flow_from_entrypoint

from flows.serving import deployment_of
from tasks.config.loading import load_case

QUICK = (
    *LEARNING,
    "training.epochs=10",
    "model.pooling=mean",
    "strategies=[full]",
    "evaluation.bootstrap=100",
    "evaluation.baseline_c=[1.0]",
    "split.near_duplicates=null",
    "registry.beats=floor",
)


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, now the current one, with tickets of three teams by many customers."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with (folder / "tickets.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Ticket No", "customer", "Subject line", "message", "team"])
        for n in range(120):
            team = list(MARKS)[n % 3]
            word = MARKS[team][n // 3 % 4]
            text = f"the {word} and the {MARKS[team][n % 4]} number {n} of this town"
            writer.writerow([f"T{n:03}", f"c{n % 20}", f"About the {word} {n}", text, team])
    return folder


def test_from_one_file_to_a_champion_that_answers(tickets: Path, tiny_bert: Path) -> None:
    drafted = thaw("new", "tickets.csv", "--base", str(tiny_bert))
    assert drafted.code == 0, drafted.err
    for wanted in ("the text is made of Subject line, message", "3 labels: Action (40, 33%)"):
        assert wanted in drafted.out
    assert "--group customer" in drafted.out
    assert "thaw run tickets.yaml" in drafted.out
    config = load_case("tickets.yaml")
    assert (config.case, config.profile, config.task) == ("tickets", "own", "single_label")
    assert config.data.required == ("Subject_line", "message", "team") or config.data.columns
    ran = thaw("run", "tickets.yaml", *options(*QUICK))
    assert ran.code == 0, ran.err
    assert "tickets version 1" in ran.out
    (sweep,) = Store().sweeps()
    assert sweep.data.tags["thaw.profile"] == "own"
    # As a shipped case: asked, a whole file too, compared, taken away.
    assert thaw("predict", "tickets.yaml", "the ghost of this town").code == 0
    whole = thaw("predict", "tickets.yaml", "--file", "tickets.csv", "--out", "answers.csv")
    assert whole.code == 0, whole.err
    answers = pd.read_csv("answers.csv")
    assert answers["id"].tolist()[:2] == ["T000", "T001"]
    assert answers["text"][0].startswith("About the war 0\nthe war and")
    assert "full" in thaw("compare", "tickets.yaml").out
    taken = thaw("export", "tickets.yaml", "--to", "taken")
    assert (taken.code, Path("taken/predict.py").exists()) == (0, True), taken.err
    about = json.loads(Path("taken/about.json").read_text())
    assert (about["base_model"], len(about["base_digest"])) == (str(tiny_bert), 16)
    assert f"from `{tiny_bert}` by" in Path("taken/README.md").read_text()


def test_a_case_in_a_folder_of_thaw_conf_goes_by_its_name(
    tickets: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert thaw("new", "tickets.csv", "--base", str(tiny_bert), "--name", "desk-1").code == 0
    monkeypatch.setenv("THAW_CONF", os.pathsep.join(["/nowhere", str(tickets)]))
    monkeypatch.chdir(ROOT)
    assert "desk-1" in thaw("list").out
    assert "genre" in thaw("list").out
    config = load_case("desk-1")
    assert config.data.path == tickets / "tickets.csv"
    deployment = deployment_of("desk-1")
    assert deployment.name == "desk-1"
    assert deployment.entrypoint == "flows/own.py:desk-1"
    flow = load_flow_from_entrypoint(deployment.entrypoint)
    assert flow.name == "desk-1"
    assert "profile" not in flow.parameters.properties
    assert {"training", "overrides", "force"} <= set(flow.parameters.properties)


def test_a_profile_is_only_for_cases_that_have_some(tickets: Path, tiny_bert: Path) -> None:
    assert thaw("new", "tickets.csv", "--base", str(tiny_bert)).code == 0
    answer = thaw("run", "tickets.yaml", "--profile", "book")
    assert (answer.code, "has no profiles" in answer.sentence) == (2, True)


def test_a_name_that_is_taken_is_refused_and_nothing_is_overwritten(
    tickets: Path, tiny_bert: Path
) -> None:
    base = ("--base", str(tiny_bert))
    assert "a case called genre already" in thaw("new", "tickets.csv", "--name", "genre").sentence
    assert thaw("new", "tickets.csv", *base).code == 0
    before = Path("tickets.yaml").read_text()
    again = thaw("new", "tickets.csv", *base)
    assert (again.code, "is there already" in again.sentence) == (2, True)
    assert thaw("new", "tickets.csv", *base, "--label", "team", "--force").code == 0
    assert yaml.safe_load(before)["task"] == "single_label"
    Path("genre.yaml").write_text(before)
    clash = thaw("show", "genre.yaml")
    assert (clash.code, "Rename the file" in clash.sentence) == (2, True)


def test_a_draft_that_cannot_be_read_leaves_nothing(tickets: Path) -> None:
    answer = thaw("new", "tickets.csv", "--base", "no/such-folder/at-all")
    assert answer.code != 0
    assert "Traceback" not in answer.err
    assert not Path("tickets.yaml").exists()


def test_a_wrong_request_takes_no_time_and_says_what_to_do(tickets: Path) -> None:
    for arguments, wanted in (
        (("new", "absent.csv"), "absent.csv"),
        (("new", "tickets.csv", "--task", "single_lable"), "did you mean single_label?"),
        (("new", "tickets.csv", "--label", "teem"), "did you mean team?"),
        (("new", "tickets.csv", "--name", "no name"), "no name for a case"),
        (("run", "tickets.yaml"), "There is no file tickets.yaml"),
    ):
        answer = thaw(*arguments)
        assert (answer.code, wanted in answer.sentence) == (2, True), answer.sentence
