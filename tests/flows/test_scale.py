"""100,000 rows pass ingestion, validation and splitting in a minute and 1.5 GB."""

import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from genre_runs import ROOT
from tiny import sample_records

ROWS = 100_000
STEPS = """
import sys
from tasks.config.loading import load_case
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import usable_examples
from tasks.kinds.kind import kind_of
from tasks.kinds.values import Rows
from tasks.validation.validate import validate

config = load_case("genre", "sample", [f"data.path={sys.argv[1]}"])
prepared = prepare(ingest(config.data), config.data)
validate(prepared.read(), config).raise_if_blocked()
examples, _ = usable_examples(prepared, config.data)
(parts,) = kind_of(config.task).split(Rows(examples), config).folds
print(sum(part.rows for part in parts.values()))
"""


@pytest.mark.slow
def test_a_hundred_thousand_rows(tmp_path: Path) -> None:
    """Synopses of shuffled sentences of the sample: long, varied, with chance repeats."""
    chance = random.Random(1)  # noqa: S311 - test data
    records = sample_records()
    sentences = [s for r in records for s in r["synopsis"].replace("\n", " ").split(". ")]
    lines = ["title,synopsis,genres"]
    for number in range(ROWS):
        words = ". ".join(chance.sample(sentences, 4)).replace('"', "'")
        genres = chance.choice(records)["genres"]
        lines.append(f'"Series {number // 3} {number % 3 + 1}","{words}","{genres}"')
    file = tmp_path / "many.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", STEPS, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0.9 * ROWS
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6  # GB
    print(f"{seconds:.1f} s, {peak:.2f} GB")
    assert seconds < 60
    assert peak < 1.5
