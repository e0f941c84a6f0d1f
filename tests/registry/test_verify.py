"""The proof that a packaged model stands by itself: a fresh process that gives the same answers."""

import shutil
from pathlib import Path
from typing import Any

import mlflow
import pytest

from tasks.errors import ThawError
from tasks.registry.verify import TOLERANCE, largest_difference, verify_in_fresh_process
from tasks.tracking import Tracker

NAN = float("nan")


def answers(*probabilities: float) -> list[dict[str, Any]]:
    """One answer a probability, over the labels `a` (that) and `b` (what is left)."""
    return [{"labels": ["a"], "probabilities": {"a": p, "b": 1 - p}} for p in probabilities]


def test_the_difference_is_the_largest_of_any_label_and_text() -> None:
    assert largest_difference(answers(0.5, 0.25), answers(0.5, 0.25)) == 0
    assert largest_difference(answers(0.5, 0.25), answers(0.5, 0.75)) == 0.5
    assert largest_difference([], []) == 0


def test_other_labels_are_infinitely_different() -> None:
    other = [{"labels": [], "probabilities": {"a": 0.5, "c": 0.5}}]
    assert largest_difference(other, answers(0.5)) == float("inf")


@pytest.mark.parametrize(("first", "second"), [(NAN, 0.5), (0.5, NAN), (NAN, NAN)])
def test_what_is_no_number_is_never_the_same(first: float, second: float) -> None:
    assert largest_difference(answers(0.1, first), answers(0.1, second)) == float("inf")


def test_a_missing_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="argument 2 is longer"):
        largest_difference(answers(0.5), answers(0.5, 0.5))


def test_numbers_with_a_unit_are_told_apart_in_what_they_usually_differ_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rounding of float32 in prices of a quarter million, and a real difference of tiny shares."""

    class Answering:
        def __init__(self, number: float) -> None:
            self.number = number

        def predict(self, rows: list[str]) -> list[dict[str, Any]]:
            return [{"number": self.number} for _ in rows]

    def verify(found: float, wanted: float, spread: float) -> None:
        monkeypatch.setattr("tasks.registry.verify.load_fresh", lambda *_: Answering(found))
        verify_in_fresh_process(None, "models:/m/1", ["a"], [{"number": wanted}], spread)  # type: ignore[arg-type]

    verify(250_000.02, 250_000.0, 40_000.0)
    verify(2.000001e-6, 2e-6, 1e-6)
    for numbers in ((250_002.0, 250_000.0, 40_000.0), (2.1e-6, 2e-6, 1e-6), (NAN, 2.0, 1.0)):
        with pytest.raises(ThawError, match="its figures differ by up to"):
            verify(*numbers)


# --- with a model in a real store -------------------------------------------------------------

TEXTS = ["one", "longer"]


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model in a folder; its probability of `a` is a tenth of the text's length."""
    code = tmp_path / "model_code.py"
    code.write_text(
        "from mlflow.pyfunc import PythonModel\n"
        "import mlflow\n"
        "class Lengths(PythonModel):\n"
        "    def predict(self, context, model_input: list[str], params=None):\n"
        "        shares = [len(text) / 10 for text in model_input]\n"
        "        found = [{'a': share, 'b': 1 - share} for share in shares]\n"
        "        return [{'labels': ['a'], 'probabilities': one} for one in found]\n"
        "mlflow.models.set_model(Lengths())\n"
    )
    folder = tmp_path / "model"
    mlflow.pyfunc.save_model(folder, python_model=str(code), pip_requirements=[])
    return str(folder)


@pytest.fixture
def store(migrated_store: Path, tmp_path: Path) -> Tracker:
    return Tracker(f"sqlite:///{shutil.copy(migrated_store, tmp_path / 'mlflow.db')}")


def test_a_model_that_answers_as_expected_passes_within_the_tolerance(
    model: str,
    store: Tracker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    real_processes: None,
) -> None:
    (tmp_path / "tasks.py").write_text("raise SystemExit('a stray file was run')\n")
    monkeypatch.chdir(tmp_path)
    verify_in_fresh_process(store, model, TEXTS, answers(0.3, 0.6 + 0.5 * TOLERANCE))


def test_a_tampered_expectation_fails_with_the_difference(model: str, store: Tracker) -> None:
    with pytest.raises(ThawError, match="not registered: its figures differ by up to 2e-05"):
        verify_in_fresh_process(store, model, TEXTS, answers(0.3, 0.6 + 2 * TOLERANCE))


def test_a_model_that_does_not_load_fails_with_the_reason(store: Tracker, tmp_path: Path) -> None:
    with pytest.raises(ThawError, match=r"failed its check in a fresh process.*nothing"):
        verify_in_fresh_process(store, str(tmp_path / "nothing"), TEXTS, answers(0.3))
