"""The command line asked in this process, and what it left behind in the MLflow store."""

import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from mlflow.artifacts import download_artifacts
from mlflow.entities import Run
from prefect.settings import PREFECT_API_URL
from tiny import wordpieces

from tasks.tracking import Tracker

ROOT = Path(__file__).resolve().parents[2]

# Words, whole tokens of the tiny models, that tell which genre a synopsis belongs to.
MARKS = {
    "Action": ("war", "sword", "ship", "race"),
    "Horror": ("ghost", "blood", "grave", "dead"),
    "Sports": ("team", "match", "coach", "goal"),
}

# What it takes for the tiny model to learn the small data better than its base rate.
LEARNING = (
    "training.epochs=6",
    "training.batch_size=8",
    "training.learning_rate=1.0e-3",
    "training.head_learning_rate=5.0e-2",
    "model.dropout=0.0",
    "model.backbone_dropout=0.0",
)

# What it takes for a tiny model that writes to learn its pairs in seconds.
WRITING = (
    "model.max_length=120",
    "language.max_new_tokens=12",
    "split.near_duplicates=null",
    "strategies=[full,freeze_2]",
    "training.batch_size=4",
    "training.learning_rate=5.0e-3",
    "training.lora_learning_rate=5.0e-3",
    "training.precision=fp32",
    "evaluation.bootstrap=100",
    "registry.enabled=false",
)


@dataclass(frozen=True)
class Answer:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The last word of a command that failed: one message, and no traceback."""
        before, mark, message = self.err.partition("thaw: ")
        assert mark, f"no sentence in {self.err!r}"
        assert not before or before.endswith("\n")
        assert "\nthaw: " not in message
        assert "Traceback" not in self.err
        return " ".join(message.split())


@dataclass(frozen=True)
class Swept:
    """A finished sweep with a champion, for tests that only look at it."""

    folder: Path
    overrides: tuple[str, ...]
    answer: Answer


def thaw(*arguments: str) -> Answer:
    """Run `thaw ARGUMENTS` through the entry point, in this process."""
    from flows.cli import main

    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["thaw", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return Answer(code, out.getvalue(), err.getvalue())


def options(*overrides: str) -> list[str]:
    """`-o` before each override."""
    return [word for override in overrides for word in ("-o", override)]


def run_genre(*overrides: str, force: bool = False) -> Answer:
    """`thaw run genre -o …`; the last of two overrides of one field counts."""
    return thaw("run", "genre", *options(*overrides), *(["--force"] if force else []))


def thaw_apart(python: str, *overrides: str, force: bool = False) -> tuple[int, str]:
    """Exit code and words of `thaw run genre` in a process of its own.

    Processes that it starts begin with its main module, which must not be a test runner's.
    """
    asked = [*options(*overrides), *(["--force"] if force else [])]
    done = subprocess.run(
        [python, "-m", "flows.cli", "run", "genre", *asked],
        cwd=ROOT,
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


@contextmanager
def home(folder: Path, database: Path) -> Iterator[Path]:
    """Let runs, store and cache lie below `folder`; a new one gets a copy of the `database`."""
    runs = folder / "mlruns"
    runs.mkdir(parents=True, exist_ok=True)
    if not (runs / "mlflow.db").exists():
        shutil.copy(database, runs / "mlflow.db")
    places = {"THAW_RUNS": runs, "THAW_STORE": folder / "store", "THAW_CACHE": folder / "cache"}
    with patch.dict(os.environ, {name: str(path) for name, path in places.items()}):
        # MLflow writes it whenever an address is set, and it would win over THAW_RUNS.
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        yield folder


class Store:
    """The MLflow store that the environment names, as a test wants to see it."""

    def __init__(self) -> None:
        self.client = Tracker().client

    def runs(self, condition: str = "") -> list[Run]:
        """All runs of all cases that meet a condition, oldest first."""
        experiments = [found.experiment_id for found in self.client.search_experiments()]
        order = ["attributes.start_time ASC"]
        return list(self.client.search_runs(experiments, condition, order_by=order))

    def sweeps(self) -> list[Run]:
        return self.runs("tags.`thaw.kind` = 'sweep'")

    def children(self, parent: str, kind: str = "arm") -> dict[str, Run]:
        """Child runs of a sweep by name; each name occurs once."""
        found = self.runs(f"tags.`mlflow.parentRunId` = '{parent}' and tags.`thaw.kind` = '{kind}'")
        named = {str(run.info.run_name): run for run in found}
        assert len(named) == len(found), [run.info.run_name for run in found]
        return named

    def artifacts(self, run_id: str, below: str | None = None) -> set[str]:
        """Paths of all files of a run."""
        found: set[str] = set()
        for each in self.client.list_artifacts(run_id, below):
            found |= self.artifacts(run_id, each.path) if each.is_dir else {each.path}
        return found

    def text(self, run_id: str, path: str) -> str:
        return Path(download_artifacts(run_id=run_id, artifact_path=path)).read_text("utf-8")

    def versions(self, name: str = "genre") -> list[int]:
        return sorted(int(v.version) for v in self.client.search_model_versions(f"name='{name}'"))

    def aliases(self, name: str = "genre") -> dict[str, int]:
        models = self.client.search_registered_models(f"name='{name}'")
        return {alias: int(version) for model in models for alias, version in model.aliases.items()}

    def table(self, run_id: str) -> dict[str, float]:
        """The test figures of a sweep's comparison: `full f1_micro_tuned` -> value."""
        comparison = json.loads(self.text(run_id, "comparison/comparison.json"))
        return {
            f"{entry['name']} {metric}": figure["mean"]
            for entry in comparison["entries"]
            for metric, figure in entry["metrics"].items()
        }


def synopses(rows: int = 72, seed: int = 0) -> list[dict[str, str]]:
    """Rows (id, title, synopsis, genres) whose genres can be told from single words."""
    chance = random.Random(seed)  # noqa: S311 - the order of test data is no secret
    marks = {mark for several in MARKS.values() for mark in several}
    words = [word for word in wordpieces() if len(word) > 3 and word.isalpha()]
    words = [word for word in words if word not in marks]
    made = []
    for number in range(rows):
        genres = chance.sample(sorted(MARKS), chance.choice((1, 1, 2)))
        marked = [mark for genre in genres for mark in chance.sample(MARKS[genre], 3)]
        text = marked + chance.sample(words, 12)
        chance.shuffle(text)
        title = " ".join(chance.sample(words, 3)).title()
        made.append(
            {
                "id": f"s{number}",
                "title": title,
                "synopsis": " ".join(text),
                "genres": ", ".join(genres),
            }
        )
    return made


def write_csv(path: Path, rows: list[dict[str, str]], separator: str = ",") -> Path:
    """Write rows, with a header, as UTF-8."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
    return path
