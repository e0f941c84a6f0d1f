"""What diverges, arm or baseline, is left out of the comparison, with its reason; others go on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from genre_runs import Store, run_genre

from tasks.evaluation.baselines import tfidf_logistic

RUNS_AWAY = ("training.learning_rate=1.0e+30", "training.max_grad_norm=0")


def losses(store: Store, run_id: str) -> int:
    return len(store.client.get_metric_history(run_id, "train/loss"))


def test_a_sweep_goes_on_without_an_arm_that_diverged(
    small: tuple[str, ...], own_home: Path
) -> None:
    """The rate of the head alone is one at which it learns."""
    several = (*small, *RUNS_AWAY, "strategies=[full,head]", "training.head_learning_rate=1.0e-2")
    answer = run_genre(*several)
    assert answer.code == 0, answer.err
    said = " ".join(answer.out.split())
    assert "full seed=42 is left out: A loss or an answer of full seed=42 is not a number" in said
    assert "lower training.learning_rate (now 1e+30)" in said
    store = Store()
    (sweep,) = store.sweeps()
    assert sweep.info.status == "FINISHED"
    arms = store.children(sweep.info.run_id)
    assert arms["head seed=42"].info.status == "FINISHED"
    lost = arms["full seed=42"]
    assert lost.info.status == "FAILED"
    assert "lower training.learning_rate" in lost.data.tags["thaw.error"]
    assert not any(name.startswith("test/") for name in lost.data.metrics)
    table = store.text(sweep.info.run_id, "comparison/table.md")
    assert "| full seed=42 (diverged) | – |" in table
    assert "full seed=42 is left out" in store.text(sweep.info.run_id, "comparison/report.html")
    assert not list(own_home.glob("store/arms/*/checkpoint-*"))

    steps = losses(store, lost.info.run_id)
    again = run_genre(*several)  # the seed would lead it there once more
    assert again.code == 0, again.err
    assert "nothing was trained" in again.out
    assert losses(store, lost.info.run_id) == steps
    assert store.children(sweep.info.run_id)["full seed=42"].info.status == "FAILED"


def test_where_no_arm_is_left_the_sweep_ends_with_their_reasons(small: tuple[str, ...]) -> None:
    both = (*RUNS_AWAY, "strategies=[full,last_1]")
    answer = run_genre(*small, *both)
    assert answer.code == 1
    assert answer.sentence.startswith("No arm is left to compare. A loss or an answer of full")
    assert "of last_1 seed=42 is not a number" in answer.sentence
    store = Store()
    (sweep,) = store.sweeps()
    assert sweep.info.status == "FAILED"
    kept = {each.info.run_id: losses(store, each.info.run_id) for each in store.runs()}

    lower = run_genre(*small, *both, "training.learning_rate=1.0e-4")
    assert lower.code == 0, lower.err
    assert all(losses(store, run_id) == steps for run_id, steps in kept.items())


def test_a_sweep_goes_on_without_a_baseline_that_diverged(
    small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def runs_away(*given: Any) -> Any:
        found = tfidf_logistic(*given)
        return replace(found, test=np.full_like(found.test, np.nan))

    monkeypatch.setattr("tasks.kinds.labels.references.tfidf_logistic", runs_away)
    answer = run_genre(*small, "strategies=[head]")
    assert answer.code == 0, answer.err
    store = Store()
    (sweep,) = store.sweeps()
    assert sweep.info.status == "FINISHED"
    lost = store.children(sweep.info.run_id, "baseline")["TF-IDF + logistic regression"]
    assert lost.info.status == "FAILED"
    assert "rows have no number for an answer" in lost.data.tags["thaw.error"]
    table = store.text(sweep.info.run_id, "comparison/table.md")
    assert "| TF-IDF + logistic regression (diverged) | – |" in table
    assert "TF-IDF + logistic regression is left out" in " ".join(answer.out.split())
