"""Hundreds of classes: what is drawn and measured keeps within bounded memory."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tasks.evaluation import weighted
from tasks.evaluation.metrics import tune_thresholds
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.weighted import METRICS, WeightedMetrics
from tasks.kinds.labels.prediction_plots import confusion_matrix

MB = 1_000_000


@contextmanager
def within(limit: int) -> Iterator[None]:
    """Fail where more than so many bytes were held at one time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def table(rows: int, labels: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    truth = (generator.random((rows, labels)) < share).astype(np.int8)
    return truth, generator.random((rows, labels)).astype(np.float32)


def test_a_confusion_matrix_that_nobody_can_read_in_figures_draws_no_intervals(
    make_classified: Callable[..., Outcome],
) -> None:
    arm = make_classified("full", 1, classes=200, rows=300)
    with within(150 * MB):
        assert confusion_matrix(arm, [str(n) for n in range(200)], 0.95).startswith(b"<svg")


def test_rankings_over_many_true_labels_are_resampled_in_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth, chances = table(100, 300, 0.3)  # 9,000 thresholds
    names = METRICS["multi_label"]
    figures = WeightedMetrics(truth, chances, [0.5] * 300, names)
    weights = np.random.default_rng(1).multinomial(100, np.full(100, 0.01), 1000).T.astype(float)
    with within(250 * MB):
        bounded = figures.at(weights)
    monkeypatch.setattr(weighted, "_CELLS", 10**12)
    whole = WeightedMetrics(truth, chances, [0.5] * 300, names).at(weights[:, :50])
    assert bounded[:, :50] == pytest.approx(whole, rel=1e-12, nan_ok=True)


def test_thresholds_of_many_labels_are_tuned_one_after_the_other() -> None:
    truth, chances = table(3000, 200, 0.01)
    with within(40 * MB):
        assert len(tune_thresholds(truth, chances)) == 200
