"""A file of one's own is looked at before anything starts, without the large libraries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from invented import csv_file, rows, said

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.ingestion.looking import look

WRONG = ("-o", "data.columns.text=body")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THAW_STORE", str(tmp_path / "store"))
    path = tmp_path / "messages.csv"
    return csv_file(path, rows(40, text=said, label=lambda n: ("ham", "spam")[n % 2]))


def looked(file: Path, *overrides: str, case: str = "spam") -> None:
    look(load_case(case, "sample", [f"data.path={file}", *overrides]))


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("data.columns.text=body", "has no column body; its columns are text, label"),
        ("data.positive=junk", "data.positive is junk, and the labels of the data are ham, spam"),
        ("data.format=parquet", "parquet"),
        (
            "data.labels=[ham,phish]",
            r"row 2: the label 'spam' is none of data\.labels .*so are 19 more",
        ),
    ],
)
def test_what_is_not_in_it_is_refused(file: Path, override: str, wanted: str) -> None:
    looked(file)
    with pytest.raises(RequestError, match=wanted):
        looked(file, override)


@pytest.mark.parametrize("case", ["genre", "latex", "sawyer_reward", "urgency", "spam"])
def test_a_file_that_is_not_there_is_refused_in_every_case(case: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="There is no file"):
        looked(tmp_path / "nowhere.csv", case=case)


def test_a_large_file_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.ingestion.looking.MOST_BYTES", 10)
    looked(file, "data.columns.text=body")  # the run says it


@pytest.mark.parametrize("command", ["run", "show"])
def test_neither_a_server_nor_torch_is_waited_for(command: str, file: Path) -> None:
    code = (
        "import atexit, sys\nfrom flows.cli import main\n"
        "large = lambda: [each for each in ('torch', 'prefect', 'mlflow') if each in sys.modules]\n"
        "atexit.register(lambda: print(large()))\nmain()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, command, "spam", "-o", f"data.path={file}", *WRONG],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"THAW_RUNS": str(file.parent / "runs")},
    )
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr.count("has no column body") == 1
    assert answer.stdout.strip() == "[]"
