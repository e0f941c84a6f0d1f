"""The command line as a user meets it: what it lists, shows, compares, predicts and refuses."""

import io
import json
import logging
import os
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from genre_runs import ROOT, Answer, Store, Swept, options, synopses, thaw, write_csv

from flows.cli import cli
from flows.progress import Progress
from flows.quiet import install, spoken
from tasks.config.loading import load_case
from tasks.errors import ThawError

COMPARISON = "comparison/comparison.json"
COMMANDS = tuple(cli.commands)
GHOSTS = "The ghost left blood on the grave of the dead"


def refused(answer: Answer) -> str:
    assert answer.code == 2, (answer.out, answer.err)
    assert answer.out == ""
    return answer.sentence


def test_list_names_each_case_with_its_title() -> None:
    answer = thaw("list")
    assert answer.code == 0
    lines = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert lines["genre"] == load_case("genre").title


def test_show_prints_the_configuration_that_would_run(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "my file.csv", synopses())
    given = ("-o", "training.epochs=2.5", "-o", "strategies=[head]", "-o", f"data.path={file}")
    answer = thaw("show", "genre", *given)
    assert answer.code == 0, answer.err
    shown = yaml.safe_load(answer.out)
    assert shown["training"]["epochs"] == 2.5
    assert shown["data"]["path"] == str(file)
    assert shown["data"]["sample"] is None  # one source, not two
    assert shown == load_case("genre", "sample", given[1::2]).model_dump(mode="json")


def test_show_takes_a_profile() -> None:
    shown = yaml.safe_load(thaw("show", "genre", "--profile", "book").out)
    assert shown["profile"] == "book"
    assert shown["model"]["base"] == "distilbert-base-uncased"


def test_show_refuses_what_run_would_refuse() -> None:
    assert "did you mean training.epochs?" in refused(
        thaw("show", "genre", "-o", "training.epoch=1")
    )
    assert "No override changes title" in refused(thaw("show", "genre", "-o", "title=Mine"))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    answer = thaw(command, "--help")
    assert answer.code == 0
    assert answer.err == ""
    _, found, examples = answer.out.partition("Example")
    assert found
    assert f"thaw {command}" in examples


def test_help_names_every_command() -> None:
    answer = thaw("--help")
    assert answer.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in answer.out
    assert thaw("-h").out == answer.out


def test_a_command_that_does_not_exist() -> None:
    answer = thaw("train", "genre")
    assert answer.code == 2
    assert "No such command" in answer.err


# --- compare ----------------------------------------------------------------------------------


def test_compare_before_any_sweep() -> None:
    assert "No sweep of genre is finished yet: `thaw run genre`" in refused(
        thaw("compare", "genre")
    )


def test_compare_of_a_run_that_does_not_exist() -> None:
    sentence = refused(thaw("compare", "genre", "--sweep", "0" * 32))
    assert f"There is no run {'0' * 32}" in sentence


def test_compare_shows_the_latest_sweep(swept: Swept) -> None:
    answer = thaw("compare", "genre")
    assert answer.code == 0
    for row in ("full", "freeze_2", "untrained head", "label frequencies"):
        assert row in answer.out
    assert answer.out.strip() in swept.answer.out
    (sweep,) = Store().sweeps()
    assert thaw("compare", "genre", "--sweep", sweep.info.run_id).out == answer.out
    profile = sweep.data.tags["thaw.profile"]
    assert thaw("compare", "genre", "--profile", profile).out == answer.out
    other = thaw("compare", "genre", "--profile", "book")
    assert other.code == 2
    assert "`thaw run genre --profile book` makes one" in other.sentence


def test_compare_as_markdown(swept: Swept) -> None:
    answer = thaw("compare", "genre", "--markdown")
    assert answer.code == 0
    (sweep,) = Store().sweeps()
    assert answer.out.strip() == Store().text(sweep.info.run_id, "comparison/table.md").strip()
    assert "| --- |" in answer.out


def test_compare_as_json_has_every_figure(swept: Swept) -> None:
    answer = thaw("compare", "genre", "--json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert found == json.loads(Store().text(Store().sweeps()[0].info.run_id, COMPARISON))
    assert {entry["name"] for entry in found["entries"]} >= {"full", "freeze_2"}


def test_the_version_is_the_packages() -> None:
    assert thaw("--version").out == f"thaw {version('thaw')}\n"


def test_a_run_says_how_long_it_took_quiet_or_not(swept: Swept) -> None:
    said = " ".join(swept.answer.out.split())
    assert re.search(r"Took (\d+ min )?\d+ s\. MLflow run \w{32}; `thaw ui genre`", said)
    again = thaw("-q", "run", "genre", *options(*swept.overrides))
    assert "nothing was trained" in again.out


@pytest.mark.parametrize("logger", ["", "prefect"])
def test_the_terminal_is_told_once_why_a_run_failed(logger: str) -> None:
    """By the command: Prefect says it in its own pages alone."""
    install()
    heard, said = logging.getLogger(logger), io.StringIO()
    handler = logging.StreamHandler(said)
    heard.addHandler(handler)
    flow_runs = logging.getLogger("prefect.flow_runs")
    try:
        for loudness in (None, "quiet"):
            with spoken(loudness):
                try:
                    raise ThawError("the disk is full")
                except ThawError:
                    flow_runs.exception("Encountered an exception during execution:")
                flow_runs.error("Finished in state Failed('… ThawError: the disk is full')")
                flow_runs.warning("a text was cut")
                flow_runs.info("460 rows")
        flow_runs.info("afterwards")
    finally:
        heard.removeHandler(handler)
    assert said.getvalue().split("\n") == [
        *("a text was cut", "460 rows", "a text was cut", "afterwards", "")
    ]


def test_progress_says_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 180.0, 182.0, 3900.0])
    monkeypatch.setattr("flows.progress.time.monotonic", lambda: next(clock))
    told: list[str] = []
    shown: list[tuple[float, str]] = []
    progress = Progress([6.0, 0.1, 1.0], told.append, lambda *at: shown.append(at))
    assert [progress.done(arm) for arm in ("full", "head", "last_1")] == ["full", "head", "last_1"]
    assert told == [
        "1 of 3 arms done after 3 min 0 s, about 33 s left",
        "2 of 3 arms done after 3 min 2 s, about 30 s left",
        "3 of 3 arms done after 1 h 5 min",
    ]
    assert [line for _, line in shown] == ["0 of 3 arms done", *told]
    assert [share for share, _ in shown] == pytest.approx([0, 6 / 7.1, 6.1 / 7.1, 1])


def test_compare_as_a_page(swept: Swept, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    answer = thaw("compare", "genre", "--html", str(page))
    assert answer.code == 0
    assert str(page) in answer.out.replace("\n", "")
    text = page.read_text(encoding="utf-8")
    assert text.lstrip().startswith("<!")
    assert "freeze_2" in text
    assert '<svg role="img" aria-label="' in text


def test_compare_writes_below_a_new_folder_but_not_over_one(swept: Swept, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    assert thaw("compare", "genre", "--html", str(page)).code == 0
    assert page.is_file()
    answer = thaw("compare", "genre", "--html", str(page.parent))
    assert answer.code == 1
    assert str(page.parent) in answer.sentence


# --- predict ----------------------------------------------------------------------------------


def test_predict_before_any_champion() -> None:
    sentence = refused(thaw("predict", "genre", GHOSTS))
    assert "There is no champion of genre yet: `thaw run genre`" in sentence


def test_predict_gives_labels_by_falling_probability(swept: Swept) -> None:
    texts = [row["synopsis"] for row in synopses()[:20]]
    answer = thaw("predict", "genre", "--json", *texts)
    assert answer.code == 0, answer.err
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert [line["text"] for line in lines] == texts
    counts = set()
    for line in lines:
        assert line["scores"] == sorted(line["scores"], reverse=True)
        assert [line["probabilities"][label] for label in line["labels"]] == line["scores"]
        assert set(line["probabilities"]) == {"Action", "Horror", "Sports"}
        counts.add(len(line["labels"]))
    assert len(counts) > 1
    shown = thaw("predict", "genre", *texts).out.splitlines()
    for line, words in zip(lines, shown, strict=True):
        pairs = zip(line["labels"], line["scores"], strict=True)
        expected = ", ".join(f"{label} {score:.0%}" for label, score in pairs)
        assert words == (expected or "(no label passes)")


def test_predict_reads_files(swept: Swept, tmp_path: Path) -> None:
    plain, records = tmp_path / "texts.txt", tmp_path / "texts.jsonl"
    plain.write_text(f"{GHOSTS}\nThe coach of the team\n", encoding="utf-8")
    rows = [{"text": GHOSTS, "more": 1}, {"text": "The coach of the team"}]
    records.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    answers = {
        thaw("predict", "genre", *given, "--json").out
        for given in (
            ("--file", str(plain)),
            ("--file", str(records)),
            (GHOSTS, "The coach of the team"),
            (GHOSTS, "--file", str(second(tmp_path))),
        )
    }
    (same,) = answers
    assert len(same.splitlines()) == 2


def second(folder: Path) -> Path:
    file = folder / "second.txt"
    file.write_text("The coach of the team", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "There is nothing to predict"),
        (("",), "Text 1 is empty"),
        ((GHOSTS, "  "), "Text 2 is empty"),
        (("--file", "no/such/file.txt"), "no/such/file.txt"),
        (("--alias", "nobody", GHOSTS), "There is no nobody of genre"),
    ],
)
def test_predict_refuses_what_is_no_text(
    arguments: tuple[str, ...], says: str, swept: Swept
) -> None:
    assert says in refused(thaw("predict", "genre", *arguments))


def test_predict_says_which_record_has_no_text_and_answers_the_others(
    swept: Swept, tmp_path: Path
) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "a ghost"}\n{"txt": "a team"}\n', encoding="utf-8")
    answer = thaw("predict", "genre", "--file", str(file))
    assert (answer.code, answer.out.count("\n")) == (0, 2)
    assert "1 of 2 rows have no answer (record 2: the text is empty)" in answer.err
    file.write_text('{"txt": "a ghost"}\n{"text": ', encoding="utf-8")
    assert f"{file}" in refused(thaw("predict", "genre", "--file", str(file)))


# --- where the runs are -----------------------------------------------------------------------


def test_compare_and_ui_look_where_the_case_tracks(
    swept: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = thaw("compare", "genre").out
    database = Path(os.environ["THAW_RUNS"]) / "mlflow.db"
    team = shutil.copy(database, tmp_path / "team.db")
    monkeypatch.setenv("THAW_RUNS", str(tmp_path / "elsewhere"))
    assert "No sweep of genre" in refused(thaw("compare", "genre"))
    started: list[str] = []
    monkeypatch.setattr(
        "os.execve", lambda _, __, env: started.append(env["MLFLOW_BACKEND_STORE_URI"])
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{team}")
    assert thaw("compare", "genre").out == here
    thaw("ui")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")

    conf = shutil.copytree(ROOT / "conf", tmp_path / "conf")
    text = (conf / "genre.yaml").read_text(encoding="utf-8")
    (conf / "genre.yaml").write_text(f"{text}\ntracking:\n  uri: sqlite:///{team}\n", "utf-8")
    monkeypatch.setenv("THAW_CONF", str(conf))
    assert thaw("compare", "genre").out == here
    assert thaw("predict", "genre", GHOSTS).code == 0
    thaw("ui", "genre")
    assert started == [f"sqlite:///{team}"] * 2


def test_ui_of_a_server_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    answer = thaw("ui")
    assert (answer.code, answer.out.count("http://127.0.0.1:9")) == (0, 1)
