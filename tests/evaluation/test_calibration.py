"""Temperature scaling: what it changes, what it must not, and the error that it is judged by."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.evaluation.calibration import (
    calibration_error,
    confidence_bins,
    fit_temperature,
    mean_log_loss,
    uncalibrated,
)
from tasks.evaluation.calibration_plot import calibration
from tasks.evaluation.outcomes import read_predictions
from tasks.models.classifier import to_probabilities


def drawn(rows: int, classes: int, seed: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are sure by a factor of `temperature` too much, and the classes they go with."""
    generator = np.random.default_rng(seed)
    honest = generator.normal(scale=1.5, size=(rows, classes))
    shares = softmax(honest, axis=1)
    answers = (generator.random((rows, 1)) > shares.cumsum(1)).sum(1).clip(max=classes - 1)
    return (honest * temperature).astype(np.float32), np.eye(classes, dtype=np.int8)[answers]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("classes", [2, 5])
def test_the_temperature_of_made_up_logits_is_found(temperature: float, classes: int) -> None:
    logits, truth = drawn(20_000, classes, seed=1, temperature=temperature)
    fitted = fit_temperature(logits, truth)
    assert fitted == pytest.approx(temperature, rel=0.05)
    before, after = (calibration_error(truth, softmax(logits / t, axis=1)) for t in (1.0, fitted))
    assert after < 0.01
    if temperature != 1.0:
        assert before > 5 * after


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 40),
    classes=st.integers(2, 6),
    scale=st.sampled_from([0.0, 0.01, 1.0, 30.0, 1000.0]),
)
def test_answers_stay_and_the_loss_never_grows(
    seed: int, rows: int, classes: int, scale: float
) -> None:
    generator = np.random.default_rng(seed)
    logits = (scale * generator.normal(size=(rows, classes))).astype(np.float32)
    truth = np.eye(classes, dtype=np.int8)[generator.integers(0, classes, rows)]
    temperature = fit_temperature(logits, truth)
    assert 0.05 <= temperature <= 20
    assert mean_log_loss(logits / temperature, truth) <= mean_log_loss(logits, truth)
    plain, scaled = (to_probabilities(logits / t, "single_label") for t in (1.0, temperature))
    # Where rounding makes two classes equal, the first of them is the answer to both.
    top = np.sort(logits, axis=1)
    clear = (top[:, -1] - top[:, -2]) > 1e-4 * np.abs(top[:, -1])
    assert (plain.argmax(1) == scaled.argmax(1))[clear].all()


def test_the_error_is_the_gap_between_confidence_and_accuracy() -> None:
    chances = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    truth = np.eye(2, dtype=int)[[0] * 6 + [1] * 4 + [0] * 9 + [1]]
    # 0.9 sure and right 6 times of 10; 0.6 sure (on a bin's upper edge) and right 9 times of 10
    assert calibration_error(truth, chances) == pytest.approx(0.5 * 0.3 + 0.5 * 0.3)
    bins = confidence_bins(truth, chances)
    assert bins.rows.tolist() == [10, 10]
    assert bins.accuracy.tolist() == [0.9, 0.6]


def test_a_bin_holds_its_upper_edge_and_not_its_lower_one() -> None:
    given_ = np.array([0.6, 0.61, 1.0])  # 0.6 is 9/15
    chances = np.stack([given_, 1 - given_], axis=1)
    assert confidence_bins(np.eye(2, dtype=int)[[0, 0, 0]], chances).rows.tolist() == [1, 1, 1]


@given(seed=st.integers(0, 200), temperature=st.floats(0.2, 5))
def test_what_was_before_can_be_told_from_what_is_stored(seed: int, temperature: float) -> None:
    logits = 3 * np.random.default_rng(seed).normal(size=(20, 4))
    stored = softmax(logits / temperature, axis=1).astype(np.float32)
    np.testing.assert_allclose(
        uncalibrated(stored, temperature), softmax(logits, axis=1), atol=1e-5
    )


def test_a_case_of_several_labels_cannot_be_calibrated() -> None:
    with pytest.raises(RequestError, match=r"evaluation\.calibrate .*multi-label"):
        load_case("genre", "sample", ["evaluation.calibrate=true"])
    with pytest.raises(RequestError, match=r"evaluation\.ordered .*multi-label"):
        load_case("genre", "sample", ["evaluation.ordered=true"])


def test_an_arm_keeps_its_temperature_and_stores_calibrated_predictions(make_spec: Any) -> None:
    """And the packaged model, which divides by the same, gives the same probabilities."""
    from tasks.kinds.labels.package import Package, PackageInfo
    from tasks.kinds.labels.training import LabelLearner, untrained_outcome
    from tasks.models.base_models import locate
    from tasks.models.loading import load_tokenizer
    from tasks.training.building import load_trained
    from tasks.training.run import train_arm

    spec = make_spec(
        task="single_label", rows={"labels": ["Drama"]}, calibrate=True, training={"epochs": 2}
    )
    outcome = train_arm(spec, "run", LabelLearner, lambda metrics, step: None)
    assert outcome.temperature != 1.0  # every row is a drama, so being surer is better
    assert {"test/ece", "test/ece_uncalibrated"} <= set(outcome.metrics)
    assert outcome.metrics["test/ece"] < outcome.metrics["test/ece_uncalibrated"]
    stored = read_predictions(outcome.test)
    error = calibration_error(stored.truth, stored.probabilities)
    assert outcome.metrics["test/ece"] == pytest.approx(error, abs=1e-6)
    assert calibration(outcome).startswith(b"<svg")

    folder = Path(str(outcome.folder))
    kept, model = load_trained(folder)
    info = PackageInfo(
        case="genre",
        task="single_label",
        labels=spec.labels,
        thresholds=(),
        temperature=outcome.temperature,
        max_length=spec.model.max_length,
        data=load_case("genre").data.without_source(),
        arm_key=spec.key,
        strategy=str(spec.strategy),
    )
    Package(info, model, load_tokenizer(locate(kept.model.base))).save(folder / "package")
    texts = spec.test.read(["text"])["text"].tolist()
    found = Package.load(folder / "package").probabilities(texts, rendered=True)
    np.testing.assert_allclose(found, stored.probabilities, atol=1e-5)

    plain = untrained_outcome(spec, "run")
    assert plain.temperature == 1.0
    assert "test/ece" not in plain.metrics
