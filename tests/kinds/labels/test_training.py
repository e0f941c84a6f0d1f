"""Balancing changes the training part alone, and the same way each time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tiny import MakeSpec

from tasks.kinds.labels.training import LabelLearner, balanced_rows
from tasks.training.run import train_arm

CLASSES = {
    "classes": st.lists(st.integers(0, 2), min_size=1, max_size=80),
    "seed": st.integers(0, 99),
}


@given(**CLASSES)
def test_every_class_that_occurs_is_as_frequent_as_the_rarest(
    classes: list[int], seed: int
) -> None:
    truth = np.eye(3, dtype=np.int8)[classes]
    rows = balanced_rows(truth, seed, rarest=True)
    counts = truth[rows].sum(0)
    present = truth.sum(0) > 0
    assert (counts[present] == truth.sum(0)[present].min()).all()
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert rows.tolist() == balanced_rows(truth, seed, rarest=True).tolist()


@given(**CLASSES)
def test_every_class_that_occurs_is_as_frequent_as_the_most_frequent(
    classes: list[int], seed: int
) -> None:
    truth = np.eye(3, dtype=np.int8)[classes]
    rows = balanced_rows(truth, seed, rarest=False)
    counts = truth[rows].sum(0)
    present = truth.sum(0) > 0
    assert (counts[present] == truth.sum(0).max()).all()
    assert set(rows.tolist()) == set(range(len(classes)))
    for column in truth.T[present]:
        times = np.bincount(rows, minlength=len(classes))[column == 1]
        assert np.ptp(times) <= 1


def test_validation_and_test_keep_their_rows(make_spec: MakeSpec) -> None:
    fields = {"task": "single_label", "labels": ("Comedy", "Drama", "Fantasy")}
    outcome = train_arm(
        make_spec(strategy="last_1", training={"balance": "undersample", "epochs": 1}, **fields),
        "run",
        LabelLearner,
        lambda metrics, step: None,
    )
    plain = train_arm(
        make_spec(strategy="last_1", training={"epochs": 1}, **fields),
        "run",
        LabelLearner,
        lambda metrics, step: None,
    )
    assert outcome.test.rows == plain.test.rows
    assert outcome.validation.rows == plain.validation.rows
    last = [[p.step for p in o.curve if "val/loss" in p.metrics][-1] for o in (outcome, plain)]
    assert last[0] < last[1]
