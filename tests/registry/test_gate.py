"""Who becomes champion: two sweeps that crowned a loser, and what stands in its place now."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.evaluation.findings import Verdict
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.kind import kind_of
from tasks.registry import judging, promotion
from tasks.registry.judging import Bar, Candidate
from tasks.registry.packaging import Packaging
from tasks.registry.prediction import load_champion
from tasks.registry.promotion import Promotion
from tasks.registry.stages import CLASSICAL
from tasks.storage import TableRef, put_table
from tasks.tracking import Tracker

METRIC = "test/f1_macro_tuned"
Promote = Callable[..., Promotion]


@pytest.fixture
def tracker(migrated_store: Path, tmp_path: Path) -> Tracker:
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}")


@pytest.fixture
def config() -> CaseConfig:
    return load_case("genre", "sample", [f"evaluation.primary={METRIC}"])


@pytest.fixture
def table() -> TableRef:
    return put_table(pd.DataFrame({"id": ["a"], "text": ["b"]}), "by hand")


@pytest.fixture
def promoted(
    tracker: Tracker, config: CaseConfig, table: TableRef, monkeypatch: pytest.MonkeyPatch
) -> Promote:
    """Promote an arm of a figure past a bar of another; champions answer with their own figure."""

    def register(_t: Any, _c: Any, candidate: Candidate, test: Any, name: str) -> str:
        outcome = candidate.outcome
        source = tracker.client.get_run(outcome.run_id).info.artifact_uri
        tags = {"thaw.arm": candidate.key, "figure": str(outcome.metrics[METRIC])}
        tags |= {CLASSICAL: "true"} if candidate.classical else {}
        return tracker.create_version(name, source, outcome.run_id, "", tags)

    def figure(*arguments: Any) -> float:
        standing = tracker.version(arguments[-1], arguments[-2])
        assert standing is not None
        return float(standing.tags["figure"])

    monkeypatch.setattr(promotion, "register", register)
    monkeypatch.setattr(judging, "champion_figure", figure)
    run_id = tracker.start_run(tracker.experiment("genre"), "made for a test", {}, {})

    def outcome(name: str, score: float) -> Outcome:
        return Outcome(
            name=name,
            kind="arm",
            key=name,
            run_id=run_id,
            metrics={METRIC: score},
            validation=table,
            test=table,
        )

    def candidate(name: str, score: float, classical: bool = False) -> Candidate:
        made = outcome(name, score)
        return Candidate(
            made, name, lambda: None, Packaging("kinds/labels/packaged.py"), f"# {name}", classical
        )

    def promote(
        arm: str, score: float, bar: str, least: float, verdict: Verdict, stands: bool = False
    ) -> Promotion:
        instead = candidate(bar, least, classical=True) if stands else None
        return promotion.promote(
            tracker,
            kind_of(config.task),
            config,
            candidate(arm, score),
            Bar(outcome(bar, least), bar, verdict, instead),
            table,
        )

    return promote


def aliases(tracker: Tracker) -> dict[str, str]:
    return promotion.aliased(tracker, "genre")


def test_a_champion_is_outdone_or_stays_where_no_challenger_waits(
    promoted: Promote, tracker: Tracker
) -> None:
    first = promoted("full", 0.8, "TF-IDF", 0.5, "better")
    assert (first.status, aliases(tracker)) == ("champion", {"champion": "1"})
    second = promoted("lora_8", 0.7, "TF-IDF", 0.5, "better")
    assert (second.status, second.version) == ("challenger", "2")
    assert "0.7000 does not beat champion 1's 0.8000" in second.reason
    assert aliases(tracker) == {"champion": "1", "challenger": "2"}


def test_a_model_that_loses_to_tfidf_is_not_champion_and_tfidf_is(
    promoted: Promote, tracker: Tracker
) -> None:
    """F1 .35 beside .95 was champion, because it beat the label frequencies."""
    found = promoted("full", 0.35, "TF-IDF", 0.95, "worse", stands=True)
    assert (found.status, found.version, found.instead) == ("challenger", "1", "2")
    assert aliases(tracker) == {"challenger": "1", "champion": "2"}
    assert "0.3500 does not beat TF-IDF's 0.9500: it is worse" in found.reason
    assert "TF-IDF becomes champion instead" in found.reason
    champion = tracker.alias("genre", "champion")
    assert champion is not None
    assert CLASSICAL in champion.tags
    assert champion.description.startswith("# TF-IDF")

    again = promoted("head", 0.40, "TF-IDF", 0.95, "worse", stands=True)
    assert again.instead is None
    assert "TF-IDF is the champion already (version 2)" in again.reason
    assert aliases(tracker) == {"challenger": "3", "champion": "2"}

    better = promoted("full on more rows", 0.97, "TF-IDF", 0.95, "better", stands=True)
    assert better.status == "champion"
    assert aliases(tracker) == {"champion": "4"}


def test_a_model_that_is_not_told_from_the_base_rate_is_no_champion(
    promoted: Promote, tracker: Tracker
) -> None:
    """It was promoted as "beats the base rate" where the table said "not distinguishable"."""
    found = promoted("head", 0.36, "the base rate", 0.35, "even")
    assert (found.status, found.instead) == ("challenger", None)
    assert aliases(tracker) == {"challenger": "1"}
    assert "it is not shown to be better" in found.reason
    with pytest.raises(RequestError, match=r"no champion of genre yet: version 1 .* not shown"):
        load_champion("genre", tracker.uri)


def test_a_seed_that_is_below_the_reference_is_not_crowned_for_what_others_reach(
    promoted: Promote, tracker: Tracker
) -> None:
    """Better over three seeds, on test the one that validation chose is not."""
    found = promoted("head", 0.80, "TF-IDF", 0.82, "better", stands=True)
    assert "0.8000 does not beat TF-IDF's 0.8200: it is not shown to be better" in found.reason
    assert aliases(tracker) == {"challenger": "1", "champion": "2"}


def test_a_better_champion_keeps_its_place_against_arm_and_reference(
    promoted: Promote, tracker: Tracker
) -> None:
    assert promoted("full", 0.9, "TF-IDF", 0.5, "better", stands=True).status == "champion"
    worse = promoted("head", 0.8, "TF-IDF", 0.5, "better", stands=True)
    assert worse.status == "challenger"
    assert "does not beat champion 1's 0.9000" in worse.reason
    both = promoted("last_2", 0.3, "TF-IDF", 0.5, "worse", stands=True)
    assert both.instead is None
    assert "TF-IDF does not either" in both.reason
    assert aliases(tracker) == {"champion": "1", "challenger": "3"}


def test_nothing_is_left_where_the_reference_cannot_be_registered(
    promoted: Promote, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = promotion.register

    def refuse(tracker: Any, config: Any, candidate: Candidate, *rest: Any) -> str:
        if candidate.classical:
            raise OSError("the disk is full")
        return register(tracker, config, candidate, *rest)

    monkeypatch.setattr(promotion, "register", refuse)
    with pytest.raises(OSError, match="the disk is full"):
        promoted("full", 0.35, "TF-IDF", 0.95, "worse", stands=True)
    assert aliases(tracker) == {}
    assert tracker.version("genre", "1") is None
