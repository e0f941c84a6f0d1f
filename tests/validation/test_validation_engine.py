"""Great Expectations from outside: silent, without a trace, and quick on many rows."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.validation.validate import validate

ROOT = Path(__file__).resolve().parents[2]

SILENT_RUN = """
import logging, socket
logging.basicConfig(level=logging.INFO)  # as a scheduler may have set it
def refuse(*arguments, **named): raise AssertionError(f"the network was tried: {arguments}")
socket.socket.connect = socket.getaddrinfo = refuse
import pandas as pd
from tasks.config.loading import load_case
from tasks.validation.validate import validate
rows = pd.DataFrame({"row": [1], "id": ["1"], "text": ["a"], "labels": [["x"]]})
assert not validate(rows, load_case("genre")).passed
"""


def test_a_validation_prints_nothing_writes_nothing_and_calls_nobody(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", SILENT_RUN],
        cwd=home,
        env=os.environ | {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.iterdir()) == list(temporary.iterdir()) == []


def test_reading_the_configuration_does_not_wait_for_great_expectations() -> None:
    code = (
        "import sys, tasks.validation.validate, tasks.validation.report; "
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_hundred_thousand_rows_take_seconds(genre: CaseConfig) -> None:
    """Measured at about 3 s on two cores, with everything wrong that can be."""
    count = 100_000
    random = np.random.default_rng(0)
    numbers = np.arange(count)
    texts = pd.Series(np.char.add("a story about number ", (numbers // 2).astype(str)), dtype="str")
    texts = texts + " and what became of it in the end" * 15
    labels = random.choice([f"genre {number}" for number in range(40)], (count, 3)).tolist()
    table = pd.DataFrame(
        {
            "row": numbers + 1,
            "id": (numbers // 2).astype(str),
            "title": texts.str.slice(0, 30),
            "synopsis": texts,
            "genres": [",".join(row) for row in labels],
            "text": texts.where(numbers % 10 > 0),
            "labels": pd.Series(labels, dtype=object),
        }
    )
    started = time.perf_counter()
    report = validate(table, genre)
    assert time.perf_counter() - started < 30
    failed = {(found.column, found.unexpected) for found in report.findings if not found.passed}
    assert failed == {("text", 10_000), ("text", 80_000), ("id", count), ("synopsis", count)}
    assert len(report.model_dump_json()) < 30_000


def test_what_the_real_file_holds(real_data: Path) -> None:
    """MyAnimeList's titles, adapted by hand to the table that ingestion makes."""
    table = pd.read_csv(real_data / "anime_synopses.csv", dtype="str", keep_default_na=False)
    table.insert(0, "row", np.arange(1, len(table) + 1))
    table["text"] = table["title"] + ".\nSynopsis: " + table["synopsis"]
    table["labels"] = [
        [name.strip() for name in row.split(",") if name.strip()] for row in table["genres"]
    ]
    report = validate(table, load_case("genre", overrides={"data": {"min_label_count": 50}}))
    assert report.passed
    assert (report.rows, report.usable_rows, report.label_total) == (8582, 8559, 41)
    assert {(found.column, found.unexpected) for found in report.failed("warn")} == {
        ("synopsis", 63),
        ("usable", 1),
        ("times_rarer", 8),
    }
    assert [label.label for label in report.labels if not label.usable] == ["Work Life"]
