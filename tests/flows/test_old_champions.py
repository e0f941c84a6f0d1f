"""Champions of an earlier release: they still predict, and are still judged against challengers."""

import json
import shutil
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from champions.make_champions import champion_runs, tiny_latex, tiny_vqa
from genre_runs import thaw
from PIL import Image

from flows.preparing import plan
from tasks.config.loading import load_case
from tasks.evaluation.completions import TOKEN_SUMS, put_completions
from tasks.evaluation.outcomes import Outcome, put_predictions
from tasks.kinds.kind import kind_of
from tasks.registry.judging import champion_figure
from tasks.storage import TableRef, write_text
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec
from tasks.training.encoding import multi_hot

__all__ = ["champion_runs", "tiny_latex", "tiny_vqa"]  # fixtures
ARCHIVE = Path(__file__).parent / "champions" / "champions-d777951.tar.xz"
CASES = ("genre", "latex", "sawyer_reward", "vqa", "sawyer_rl")
# Each is asked in a process of its own, which takes long: the others are slow tests.
FEW = [
    case if case in ("genre", "vqa") else pytest.param(case, marks=pytest.mark.slow)
    for case in CASES
]


@pytest.fixture
def old_store(own_home: Path) -> Path:
    """The store of the release, opened where it was never made."""
    shutil.rmtree(own_home / "mlruns")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(own_home, filter="data")
    with sqlite3.connect(own_home / "mlruns" / "mlflow.db") as database:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "source"),
            ("model_versions", "storage_location"),
        ):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, '@HOME@', ?)",  # noqa: S608
                (str(own_home.resolve()),),
            )
    return own_home


@pytest.mark.parametrize("case", FEW)
def test_it_predicts(case: str, old_store: Path) -> None:
    Image.new("RGB", (20, 16), "red").save(old_store / "red.png")
    asked = {
        "genre": ["a ghost in the grave"],
        "latex": ["alpha plus 3"],
        "sawyer_reward": ["what is number 3", "the girl is good", "and then of"],
        "vqa": ["--image", str(old_store / "red.png"), "Is it red?"],
        "sawyer_rl": ["The hen of house 3 sleeps."],
    }[case]
    answer = thaw("predict", case, "--json", *asked)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out.splitlines()[0])
    if case == "genre":
        assert set(found["probabilities"]) == {"Action", "Horror", "Sports"}
    else:
        assert found["answer"]


@pytest.mark.parametrize("case", FEW)
def test_it_is_judged_on_the_challengers_rows_as_it_was_then(
    case: str, old_store: Path, champion_runs: dict[str, tuple[str, ...]]
) -> None:
    """The rows are the same ones, so that the figure is known: the release logged it."""
    config = load_case(case, "sample", champion_runs[case])
    kind, tracker = kind_of(config.task), Tracker()
    config = kind.check(config)
    start = kind.start(config, tracker)
    rows = kind.usable(kind.prepared(kind.ingest(start), config), start)
    spec = plan(rows, kind.split(rows, config), start)[0]
    write_text(spec.folder / "arm.json", spec.model_dump_json())
    test = answered(spec)
    challenger = Outcome(
        name="challenger",
        kind="arm",
        metrics={},
        validation=test,
        test=test,
        folder=str(spec.folder),
    )
    version = tracker.version(case, "1")
    assert version is not None
    logged = float(version.tags[config.evaluation.primary])
    figure = champion_figure(tracker, kind, config, challenger, spec.test, "1", case)
    assert figure == pytest.approx(logged, abs=1e-3)


def answered(spec: ArmSpec) -> TableRef:
    """A test table of the arm's kind: what was right in each row, and some answer."""
    frame: Any = spec.test.read()
    if spec.labels and "labels" in frame and spec.preference is None:
        truth = multi_hot(frame["labels"].tolist(), list(spec.labels))
        return put_predictions(frame["id"].tolist(), truth, np.zeros(truth.shape), "by hand")
    if spec.language is None or spec.rl is not None:
        return spec.test
    given = {"generated": "x", "stopped": True, "tokens": 1} | dict.fromkeys(TOKEN_SUMS, 1.0)
    return put_completions(
        frame["id"].tolist(),
        frame["text"].tolist(),
        [completion for (completion,) in frame["labels"]],
        {name: [value] * len(frame) for name, value in given.items()},
        "by hand",
    )
