"""A case retrained on growing data: the champion falls when it should, and not by its memory.

The models are stand-ins that remember what they were trained on and follow the truth of their own
day otherwise, so that a champion asked about its own training rows is always right.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.config import CaseConfig
from tasks.config.loading import load_case
from tasks.evaluation.outcomes import Outcome, put_predictions, read_predictions
from tasks.evaluation.scoring import Scoring
from tasks.kinds.kind import kind_of
from tasks.kinds.labels import kind as labels
from tasks.registry import judging, promotion
from tasks.registry.judging import Bar, Candidate
from tasks.registry.packaging import Packaging
from tasks.registry.promotion import Promotion
from tasks.registry.unseen import SEEN, unseen_rows
from tasks.splitting.parts import split_texts
from tasks.splitting.recorded import lineage_of
from tasks.splitting.units import text_units
from tasks.storage import TableRef, put_table
from tasks.tracking import Tracker

METRIC, PACKAGING = "test/accuracy", Packaging("packaged.py")
A_DAY = 500


def truth(rows: pd.DataFrame, day: int) -> np.ndarray:
    """What a model of that day takes for spam: the bound drifts, and it knows that of its days."""
    return rows["number"].to_numpy() % 100 >= 20 * rows["born"].clip(upper=day).to_numpy()


def grown(day: int) -> pd.DataFrame:
    """All rows up to that day, in another order every day; the labels of a tenth are chance."""
    numbers = np.random.default_rng(0).permutation(20_000)[: A_DAY * (day + 1)]
    rows = pd.DataFrame({"number": numbers, "born": np.arange(len(numbers)) // A_DAY})
    spam = truth(rows, day) ^ (numbers // 100 % 10 == 3)
    made = rows.assign(
        text=[f"message {n} of {n * 7919} and {n * 104729}" for n in numbers],
        labels=[["spam"] if each else ["ham"] for each in spam],
    )
    made = made.sample(frac=1, random_state=day).reset_index(drop=True)
    return made.assign(row=range(len(made)), id=[f"row {n}" for n in range(len(made))])


class Memory:
    """The stand-in."""

    def __init__(self, parts: dict[str, TableRef], day: int) -> None:
        seen = pd.concat([parts["train"].read(), parts["validation"].read()])
        self.known = dict(zip(seen["text"], seen["labels"].str[0] == "spam", strict=True))
        self.day = day

    def spam(self, rows: pd.DataFrame) -> np.ndarray:
        guesses = truth(rows, self.day)
        pairs = zip(rows["text"], guesses, strict=True)
        return np.array([self.known.get(text, guess) for text, guess in pairs])


class Retraining:
    """Splits, trains and judges as the chain does, with stand-ins for models."""

    def __init__(self, tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tracker, self.models = tracker, dict[str, Memory]()
        self.run = tracker.start_run(tracker.experiment("spam"), "made for a test", {}, {})
        monkeypatch.setattr(promotion, "register", self._register)
        monkeypatch.setattr(promotion, "seen_by", lambda outcome: self.seen)
        monkeypatch.setattr(judging, "champion_figure", self._figure)
        spec = type("Spec", (), {"scoring": Scoring("single_label")})
        monkeypatch.setattr(labels, "read_spec", lambda folder: spec)

    def on(self, day: int, *overrides: str) -> Promotion:
        config = load_case(
            "spam",
            "sample",
            [f"evaluation.primary={METRIC}", "split.near_duplicates=null", *overrides],
        )
        table = put_table(grown(day), f"day {day}")
        (parts,), self.report = split_texts(
            table,
            lambda some: text_units(some, config.split, labelled=True),
            config.split,
            lineage_of(config),
        )
        model, test = Memory(parts, day), parts["test"]
        self.models[f"day {day} {overrides}"] = model
        self.seen = {SEEN: f"{parts['train'].path.stem} {parts['validation'].path.stem}"}
        rows = test.read()
        spam = rows["labels"].str[0].to_numpy() == "spam"
        predicted = np.column_stack([~model.spam(rows), model.spam(rows)]).astype(float)
        outcome = Outcome(
            name="full",
            kind="arm",
            key=f"day {day} {overrides}",
            run_id=self.run,
            folder="nowhere",
            metrics={METRIC: float((model.spam(rows) == spam).mean())},
            validation=test,
            test=put_predictions(
                rows["id"].tolist(),
                np.column_stack([~spam, spam]).astype(int),
                predicted,
                "by hand",
            ),
        )
        candidate = Candidate(outcome, outcome.key, lambda: None, PACKAGING, "# a stand-in")
        bar = Bar(outcome.model_copy(update={"metrics": {METRIC: 0.5}}), "TF-IDF", "better")
        return promotion.promote(self.tracker, kind_of(config.task), config, candidate, bar, test)

    def _register(
        self, _: Any, config: CaseConfig, candidate: Candidate, test: TableRef, name: str
    ) -> str:
        source = self.tracker.client.get_run(self.run).info.artifact_uri
        return self.tracker.create_version(name, source, self.run, "", {"thaw.arm": candidate.key})

    def _figure(
        self, _: Any, kind: Any, config: Any, best: Outcome, test: TableRef, *at: str
    ) -> float:
        version = self.tracker.version(at[1], at[0])
        assert version is not None
        rows = test.read()
        right = self.models[version.tags["thaw.arm"]].spam(rows) == (
            rows["labels"].str[0].to_numpy() == "spam"
        )
        assert read_predictions(best.test).ids == rows["id"].tolist()
        return float(right.mean())


@pytest.fixture
def retraining(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Retraining:
    monkeypatch.setenv("THAW_STORE", str(tmp_path / "store"))
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return Retraining(Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}"), monkeypatch)


def test_a_case_retrained_on_growing_data_promotes_when_the_truth_has_moved(
    retraining: Retraining,
) -> None:
    found = [retraining.on(day) for day in range(5)]
    assert [each.status for each in found] == ["champion"] * 5
    assert retraining.report.recorded == 4 * A_DAY
    assert "rows that neither saw" not in found[-1].reason  # no champion has seen any


def test_without_the_record_it_would_not(
    retraining: Retraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What recording is for: dealt anew, the test part is the champion's own training rows."""
    monkeypatch.setattr(promotion, "seen_by", lambda outcome: {})
    found = [retraining.on(day, f"split.seed={day}") for day in range(5)]
    assert {each.status for each in found} == {"champion", "challenger"}


def test_a_model_that_is_no_better_leaves_the_champion_standing(retraining: Retraining) -> None:
    retraining.on(1)
    again = retraining.on(1, "training.epochs=9")
    assert again.status == "challenger"
    assert "does not beat champion 1's" in again.reason


def test_where_the_lineage_ends_only_rows_that_neither_saw_count(retraining: Retraining) -> None:
    retraining.on(0)
    found = retraining.on(4, "split.seed=7")
    assert found.status == "champion"
    assert "test rows that neither saw" in found.reason


def test_a_text_that_is_nearly_one_that_the_champion_saw_is_none_that_it_did_not(
    new_to_champion: Callable[..., list[bool]],
) -> None:
    known = ["Win a prize today, call 08712300220 now!", "Are we still on for lunch at one?"]
    asked = [
        "Win a prize today, call 08712300221 now!",  # one digit is another
        "Are we still on for lunch at one?",
        "The match was called off because of snow.",
    ]
    assert new_to_champion(known, asked, None) == [True, False, True]
    assert new_to_champion(known, asked, 0.8) == [False, False, True]
    assert new_to_champion(known, asked[2:], 0.8) == [True]
    assert new_to_champion([], asked, 0.8) == [True, True, True]


def test_of_questions_about_pictures_the_picture_says_what_a_champion_saw() -> None:
    seen = put_table(pd.DataFrame({"image": ["one.png"], "text": ["what is it?"]}), "seen")
    asked = pd.DataFrame({"image": ["one.png", "two.png"], "text": ["and how many?"] * 2})
    standing: Any = SimpleNamespace(tags={SEEN: seen.path.stem})
    found = unseen_rows(standing, put_table(asked, "asked"), 0.8)
    assert found is not None
    assert found.tolist() == [False, True]


@pytest.fixture
def new_to_champion() -> Callable[..., list[bool]]:
    """Which texts are new to a champion that learned from others."""

    def new(known: list[str], asked: list[str], threshold: float | None) -> list[bool]:
        seen = put_table(pd.DataFrame({"text": pd.Series(known, dtype="str")}), "seen")
        test = put_table(pd.DataFrame({"text": asked}), "asked")
        standing: Any = SimpleNamespace(tags={SEEN: seen.path.stem})
        found = unseen_rows(standing, test, threshold)
        assert found is not None
        return list(found.tolist())

    return new


def test_too_few_rows_that_neither_saw_are_said_and_the_champion_keeps_its_place(
    retraining: Retraining,
) -> None:
    few = ("split.test=0.1", "split.validation=0.1")
    retraining.on(0, *few)
    found = retraining.on(0, *few, "split.seed=7")
    assert found.status == "challenger"
    assert "that neither saw are too few to compare (30 at least)" in found.reason


def test_a_champion_whose_training_rows_are_not_known_is_judged_on_all(
    retraining: Retraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "seen_by", lambda outcome: {})
    retraining.on(2)
    found = retraining.on(2, "split.seed=7")
    assert found.status == "challenger"
    assert "neither saw" not in found.reason
