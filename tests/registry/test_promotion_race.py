"""Two sweeps of one case that end together: the alias stays on the better one."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pandas as pd
import pytest

from tasks.config.loading import load_case
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.kind import kind_of
from tasks.registry import judging, promotion
from tasks.registry.judging import Bar, Candidate
from tasks.registry.packaging import Packaging
from tasks.storage import TableRef, put_table
from tasks.tracking import Tracker

SCORES = {"better": 0.9, "worse": 0.2}
METRIC = "test/f1_macro_tuned"


@pytest.fixture
def uri(migrated_store: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def outcome_of(name: str, score: float, run_id: str, table: TableRef) -> Outcome:
    return Outcome(
        name=name,
        kind="arm",
        key=name,
        run_id=run_id,
        metrics={METRIC: score},
        validation=table,
        test=table,
    )


@pytest.mark.parametrize("slow", ["better", "worse"])
def test_the_alias_ends_on_the_better_of_two_whatever_the_order(
    slow: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both stand ready at once, and the slow one takes its time between judging and aliasing."""
    config = load_case("genre", "sample", [f"evaluation.primary={METRIC}"])
    table = put_table(pd.DataFrame({"id": ["a"], "text": ["b"]}), "by hand")
    floor = outcome_of("floor", 0.1, "", table)
    ready = Barrier(2)

    def register(
        tracker: Tracker, _c: Any, candidate: Candidate, test: TableRef, name: str
    ) -> str:  # packaging and its check take seconds, and are not what is raced for here
        run_id = candidate.outcome.run_id
        source = tracker.client.get_run(run_id).info.artifact_uri
        return tracker.create_version(name, source, run_id, "", {"thaw.arm": candidate.key})

    def figure(
        tracker: Tracker, _k: Any, _c: Any, _b: Any, _t: Any, version: str, name: str
    ) -> float:
        standing = tracker.version(name, version)
        assert standing is not None
        return SCORES[standing.tags["thaw.arm"]]

    def judge(*arguments: Any) -> tuple[bool, str]:
        verdict = judging.judge(*arguments)
        time.sleep(1.0 if arguments[3].name == slow else 0.2)
        return verdict

    monkeypatch.setattr(promotion, "register", register)
    monkeypatch.setattr(judging, "champion_figure", figure)
    monkeypatch.setattr(promotion, "judge", judge)

    def sweep(name: str) -> promotion.Promotion:
        tracker = Tracker(uri)
        run_id = tracker.start_run(tracker.experiment("genre"), name, {}, {})
        best = outcome_of(name, SCORES[name], run_id, table)
        arm = Candidate(
            best, best.key, lambda: None, Packaging("kinds/labels/packaged.py"), "# Card"
        )
        ready.wait()
        bar = Bar(floor, "the base rate", "better")
        return promotion.promote(tracker, kind_of(config.task), config, arm, bar, table)

    with ThreadPoolExecutor(2) as pool:
        made = dict(zip(SCORES, pool.map(sweep, SCORES), strict=True))
    champion = Tracker(uri).alias("genre", "champion")
    assert champion is not None
    assert champion.tags["thaw.arm"] == "better"
    assert made["better"].status == "champion"
    assert {promoted.version for promoted in made.values()} == {"1", "2"}
