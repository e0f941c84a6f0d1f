"""A number is learned on its own scale, and comes back in units: arms, references, packages."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kinds.numbers.numbered import make_parts, texts
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from tiny import MakeSpec

from tasks.config import NumbersConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.evaluation.numeric import NUMBER, PREDICTED
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import read_scored
from tasks.kinds.kind import kind_of
from tasks.kinds.numbers.classical_package import ClassicalNumber
from tasks.kinds.numbers.figures import Scale, losses
from tasks.kinds.numbers.package import NumberPackage
from tasks.kinds.numbers.references import (
    CHARACTERS,
    MEAN,
    TFIDF,
    fit_words,
    measure_reference,
    words_package,
)
from tasks.kinds.numbers.training import LOSSES, NumberLearner
from tasks.registry.verify import TOLERANCE, largest_difference
from tasks.training.arms import ArmSpec
from tasks.training.run import train_arm

CONFIG = load_case("urgency", "sample", ["data.text_role=message", "model.max_length=24"])
LEARNS: dict[str, Any] = {
    "epochs": 8,
    "learning_rate": 1e-3,
    "head_learning_rate": 3e-2,
    "select_by": "val/mae",
}
PLAIN = {"dropout": 0.0, "backbone_dropout": 0.0, "pooling": "mean"}


def spec_of(make_spec: MakeSpec, **changes: Any) -> ArmSpec:
    fields: dict[str, Any] = {
        "case": "urgency",
        "task": "regression",
        "labels": ("number",),
        "numbers": NumbersConfig(),
        "model": PLAIN,
        "training": LEARNS | changes.pop("training", {}),
        **make_parts(changes.pop("said", None)),
    }
    return make_spec(**(fields | changes))


def trained(spec: ArmSpec) -> Outcome:
    return train_arm(spec, "run", NumberLearner, lambda metrics, step: None)


def test_a_tiny_model_learns_and_its_package_answers_in_units(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    """Of numbers far from 0: what is learned is their distance from the mean."""
    said = [(text, 50_000.0 + 100 * number) for text, number in texts()]
    spec = spec_of(make_spec, strategy="full", said=said)
    outcome = trained(spec)
    rows = read_scored(outcome.test).frame
    assert outcome.metrics["test/r2"] > 0.5
    assert outcome.metrics["test/r2"] == pytest.approx(r2_score(rows[NUMBER], rows[PREDICTED]))
    assert outcome.metrics["test/mae"] == pytest.approx(
        mean_absolute_error(rows[NUMBER], rows[PREDICTED])
    )
    epochs = [p.metrics["val/mae"] for p in outcome.curve if "val/mae" in p.metrics]
    assert outcome.metrics["val/mae"] == pytest.approx(min(epochs), rel=1e-3)
    config = CONFIG.model_copy(update={"numbers": NumbersConfig(unit="EUR")})
    package = kind_of("regression").package(outcome, config)
    folder = package.save(tmp_path / "package")
    read = NumberPackage.load(folder)
    answers = read.predict(rows["text"].tolist(), rendered=True)
    assert [each["number"] for each in answers] == pytest.approx(rows[PREDICTED].tolist(), rel=1e-5)
    assert {each["unit"] for each in answers} == {"EUR"}
    assert kind_of("regression").line({"number": 52_345.6, "unit": "EUR"}) == "52,346 EUR"
    # Thousands differ by rounding from batch to batch: what is told apart is told in deviations.
    assert read.spread == pytest.approx(Scale.of(spec.train).deviation)
    moved = [{**each, "number": each["number"] + 0.01} for each in answers]
    assert TOLERANCE < largest_difference(moved, answers) < TOLERANCE * read.spread


@pytest.mark.parametrize("strategy", ["head", "freeze_2", "lora_2"])
def test_every_way_of_training_lowers_the_error(make_spec: MakeSpec, strategy: str) -> None:
    changed = {"epochs": 3, "lora_learning_rate": 5e-3}
    outcome = trained(spec_of(make_spec, strategy=strategy, training=changed))
    first, *_, last = [p.metrics["val/loss"] for p in outcome.curve if "val/loss" in p.metrics]
    assert last < first
    assert outcome.metrics["test/r2"] > 0


def test_hubers_loss_is_torchs_and_minds_an_error_far_out_less(make_spec: MakeSpec) -> None:
    errors = np.array([-3.0, -0.5, 0.0, 1.0, 4.0])
    for name, loss in LOSSES.items():
        config = NumbersConfig(loss=name)
        wanted = loss(torch.tensor(errors), torch.zeros(5, dtype=torch.float64)).item()
        assert losses(errors, config).mean() == pytest.approx(wanted)
    said = texts()
    said[0] = (said[0][0], 5_000.0)  # a slip in the training part
    training = {"epochs": 4, "select_by": "val/loss"}
    errors_of = {
        name: trained(
            spec_of(
                make_spec,
                strategy="head",
                said=said,
                training=training,
                numbers=NumbersConfig(loss=name),
            )
        ).metrics["test/mae"]
        for name in LOSSES
    }
    assert errors_of["huber"] < errors_of["squared"]


class Champion:
    """A standing champion, asked in this process."""

    def __init__(self, package: NumberPackage) -> None:
        self.package = package

    def predict(self, rows: list[str], params: dict[str, bool]) -> list[dict[str, Any]]:
        return self.package.predict(rows, **params)


def test_a_standing_champion_is_measured_on_the_same_rows_in_units(make_spec: MakeSpec) -> None:
    """Its own scale is that of the data that it was trained on, years ago."""
    kind = kind_of("regression")
    old = trained(spec_of(make_spec, strategy="head", said=texts(seed=8)))
    best = trained(spec_of(make_spec, strategy="head", training={"epochs": 1}))
    package, test = kind.package(old, CONFIG), make_parts()["test"]
    rows = test.read(["text", "labels"])
    answers = package.predict(rows["text"].tolist(), rendered=True)
    expected = mean_absolute_error(
        [float(labels[0]) for labels in rows["labels"]], [each["number"] for each in answers]
    )
    figure = kind.champion_figure(Champion(package), best, CONFIG, test)  # type: ignore[arg-type]
    assert figure == pytest.approx(expected)
    assert kind.figure(best, best, CONFIG) == pytest.approx(best.metrics["test/mae"])


class Log:
    """Where parameters of a run go."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}

    def log_params(self, run_id: str, params: dict[str, Any]) -> None:
        self.params |= params


@pytest.mark.parametrize("name", [TFIDF, CHARACTERS])
def test_ridge_over_words_is_scikit_learns_and_its_package_answers_alike(
    name: str, make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec, config, log = spec_of(make_spec), CONFIG, Log()
    outcome = measure_reference(name, config, spec, log, "run")  # type: ignore[arg-type]
    rows = read_scored(outcome.test).frame
    seen = spec.train.read(["text", "labels"])
    numbers = np.array([float(labels[0]) for labels in seen["labels"]])
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    if name == CHARACTERS:
        most = 0.3 if len(seen) >= 100 else 1.0
        vectoriser = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2, max_df=most
        )
    model = Ridge(alpha=1 / log.params["C"], solver="cholesky")
    model.fit(vectoriser.fit_transform(seen["text"]).toarray(), numbers)
    expected = model.predict(vectoriser.transform(rows["text"]).toarray())
    # The same objective on standardised numbers has its minimum in the same place.
    assert rows[PREDICTED].to_numpy() == pytest.approx(expected, abs=1e-3)
    assert outcome.metrics["test/r2"] > 0.5
    folder = words_package(outcome, config, spec).save(tmp_path / "package")
    assert not list(folder.glob("*.pkl"))
    answers = ClassicalNumber.load(folder).predict(rows["text"].tolist(), rendered=True)
    assert [each["number"] for each in answers] == pytest.approx(rows[PREDICTED].tolist())


def test_texts_without_words_leave_the_mean(make_spec: MakeSpec) -> None:
    said = [(str(number % 9), float(number)) for number in range(40)]
    spec = spec_of(make_spec, said=said)
    words, mean = fit_words(CONFIG, spec), Scale.of(spec.train).mean  # type: ignore[arg-type]
    assert words.model.logits(["1", "2"])[:, 0] == pytest.approx([0, 0], abs=1e-9)
    outcome = measure_reference(MEAN, CONFIG, spec, Log(), "run")  # type: ignore[arg-type]
    assert read_scored(outcome.test).frame[PREDICTED].tolist() == pytest.approx([mean] * 10)
    assert "test/spearman" not in outcome.metrics


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("training.solve_head=false", "heads of labels alone are solved: leave it at true"),
        ("training.backend=hosted", "it trains here: leave it at local"),
        ("model.head=tokens", "model.head=tokens has no effect in urgency, since a number is no"),
        ("data.labels=[a,b]", "there are no labels"),
        ("data.min_label_count=5", "numbers need not occur twice"),
        ("data.label_role=null", "names no role that holds it"),
        ("evaluation.primary=test/spearman", "cannot decide which model stands"),
        ("evaluation.primary=test/f1", "which is not measured"),
        ("training.select_by=val/maee", r"did you mean val/mae\?"),
    ],
)
def test_what_means_nothing_for_numbers_is_refused(override: str, why: str) -> None:
    config = load_case("urgency", "sample", [override])
    with pytest.raises(RequestError, match=why):
        kind_of("regression").check(config)


def test_equal_numbers_are_nothing_to_learn_from(make_spec: MakeSpec) -> None:
    said = [(text, 5.0) for text, _ in texts(48)]
    with pytest.raises(RequestError, match="All 24 rows of the train part have the number 5"):
        kind_of("regression").check_parts(spec_of(make_spec, said=said), CONFIG)
    said = texts(48)[:36] + [(text, 5.0) for text, _ in texts(48)[36:]]
    spec = spec_of(make_spec, said=said)
    kind_of("regression").check_parts(spec, CONFIG)
    config = load_case("urgency", "sample", ["evaluation.primary=test/r2"])
    with pytest.raises(RequestError, match=r"evaluation\.primary=test/r2 has no value on it"):
        kind_of("regression").check_parts(spec, config)
