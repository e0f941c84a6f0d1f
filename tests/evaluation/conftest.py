"""Synthetic sweeps: predictions of known quality, as arms and baselines would leave them."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks.config import CaseConfig, ReferenceConfig
from tasks.config.loading import load_case
from tasks.evaluation.metrics import multi_label_metrics, tune_thresholds
from tasks.evaluation.outcomes import CurvePoint, Outcome, put_predictions
from tasks.evaluation.single_label import single_label_metrics

LABELS = ["Action", "Comedy", "Drama", "Fantasy", "Horror", "Mecha", "Music", "School"]

MakeOutcome = Callable[..., Outcome]


class World:
    """Texts whose labels are known, and predictors that see them through noise."""

    def __init__(self, rows: int, labels: int, seed: int = 0) -> None:
        self.generator = np.random.default_rng(seed)
        self.rows = rows
        self.signal = self.generator.normal(size=(rows, labels))
        bar = np.linspace(0.5, 1.6, labels)
        self.truth = (self.signal > bar).astype(np.int8)
        self.bar = bar

    def probabilities(self, noise: float, seed: int) -> np.ndarray:
        """Predictions that rank the labels the worse the more noise there is."""
        noisy = self.signal + noise * np.random.default_rng(seed).normal(size=self.signal.shape)
        return (1 / (1 + np.exp(-2.5 * (noisy - self.bar) + 0.4))).astype(np.float32)


class ClassWorld:
    """Texts of one class each, the last class the rarest, and predictors that see through noise."""

    def __init__(self, rows: int, classes: int, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        shares = np.linspace(3, 1, classes) / np.linspace(3, 1, classes).sum()
        drawn = generator.choice(classes, rows, p=shares)
        drawn[:classes] = np.arange(classes)  # none is missing
        self.truth = np.eye(classes, dtype=np.int8)[drawn]

    def probabilities(self, noise: float, seed: int) -> np.ndarray:
        """Rows that sum to 1 and favour the true class the less the more noise there is."""
        noisy = self.truth + noise * np.random.default_rng(seed).normal(size=self.truth.shape)
        raised = np.exp(3 * noisy)
        return (raised / raised.sum(1, keepdims=True)).astype(np.float32)


def as_outcome(
    name: str,
    noise: float,
    kind: str,
    seed: int | None,
    worlds: tuple[World, World] | tuple[ClassWorld, ClassWorld],
    seconds: float | None = 100.0,
    parameters: float = 1e6,
    point: dict[str, object] | None = None,
) -> Outcome:
    """What predictions of this noise would leave behind."""
    # The noise of a name's seed is the same every time, and differs between names.
    stream = sum(map(ord, name)) + 1000 * (seed or 0)
    chances = [part.probabilities(noise, stream) for part in worlds]
    truths = [part.truth for part in worlds]
    multi = isinstance(worlds[0], World)
    thresholds = tune_thresholds(truths[0], chances[0]) if multi else ()
    metrics = {}
    for prefix, truth, chance in zip(("val", "test"), truths, chances, strict=True):
        if multi:
            figures = multi_label_metrics(truth, chance.astype(np.float64), thresholds)
        else:
            figures = single_label_metrics(truth, chance, 1 if truth.shape[1] == 2 else None)
        metrics |= {f"{prefix}/{metric}": value for metric, value in figures.items()}
    if seconds is not None:
        metrics |= {
            "cost/trainable_parameters": parameters,
            "cost/trainable_share": parameters / 1e6,
            "cost/train_seconds": seconds,
            "cost/examples_per_second": 4000 / seconds,
            "cost/peak_memory_mb": 300 + parameters / 2000,
        }
    ids = [f"row{row}" for row in range(len(truths[0]))]
    tables = [
        put_predictions(ids, truth, chance, name)
        for truth, chance in zip(truths, chances, strict=True)
    ]
    curve = tuple(
        CurvePoint(
            epoch=epoch,
            step=10 * epoch,
            metrics={
                "train/loss": 0.4 / epoch + noise / 10,
                "val/loss": 0.4 / epoch**0.5 + noise / 8,
                "val/average_precision_micro": 0.8 - 0.3 / epoch - noise / 8,
            },
        )
        for epoch in range(1, 6)
    )
    return Outcome(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        strategy=name.split()[0] if kind == "arm" else None,
        seed=seed,
        point=point or {},
        metrics=metrics,
        thresholds=thresholds,
        validation=tables[0],
        test=tables[1],
        curve=curve if kind == "arm" else (),
    )


@pytest.fixture
def make_outcome(isolated_store: object) -> MakeOutcome:
    """Outcomes by name and noise: `make_outcome("full", noise=0.5, rows=400, labels=8)`."""
    worlds: dict[tuple[int, int], tuple[World, World]] = {}

    def make(
        name: str,
        noise: float = 0.5,
        *,
        kind: str = "arm",
        seed: int | None = 42,
        rows: int = 400,
        labels: int = 8,
        seconds: float | None = 100.0,
        parameters: float = 1e6,
        point: dict[str, object] | None = None,
    ) -> Outcome:
        if (rows, labels) not in worlds:
            worlds[rows, labels] = World(rows, labels, 1), World(rows, labels, 2)
        world = worlds[rows, labels]
        return as_outcome(name, noise, kind, seed, world, seconds, parameters, point)

    return make


@pytest.fixture
def sweep(make_outcome: MakeOutcome) -> list[Outcome]:
    """Four strategies and two baselines on 400 test rows, one seed."""
    return [
        make_outcome("full", 0.5, seconds=100, parameters=1e6),
        make_outcome("freeze_4", 0.51, seconds=41, parameters=4e5),
        make_outcome("last_1", 0.8, seconds=20, parameters=1e5),
        make_outcome("head", 1.3, seconds=4, parameters=3e3),
        make_outcome("tfidf_logistic", 1.1, kind="baseline", seed=None, seconds=None),
        make_outcome("majority", 30, kind="baseline", seed=None, seconds=None),
    ]


@pytest.fixture
def config() -> CaseConfig:
    """The genre case with few resamples."""
    return load_case("genre", overrides=["evaluation.bootstrap=200"])


@pytest.fixture
def make_classified(isolated_store: object) -> MakeOutcome:
    """Single-label outcomes: `make_classified("full", noise=0.5, rows=300, classes=2)`."""

    def make(
        name: str,
        noise: float = 0.5,
        *,
        kind: str = "arm",
        seed: int | None = 42,
        rows: int = 300,
        classes: int = 2,
    ) -> Outcome:
        worlds = ClassWorld(rows, classes, 1), ClassWorld(rows, classes, 2)
        return as_outcome(name, noise, kind, seed, worlds)

    return make


@pytest.fixture
def spam_config(config: CaseConfig) -> CaseConfig:
    """A case of two classes, spam the positive one."""
    return classes_of(config, "spam", "val/f1", ("f1", "balanced_accuracy", "average_precision"))


@pytest.fixture
def stars_config(config: CaseConfig) -> CaseConfig:
    """A case of five classes."""
    return classes_of(config, None, "val/accuracy", ("accuracy", "f1_macro", "f1_weighted"))


def classes_of(
    config: CaseConfig, positive: str | None, select_by: str, table: tuple[str, ...]
) -> CaseConfig:
    """The genre case made one of classes."""
    shown = {"primary": f"test/{table[0]}", "table": table}
    return config.model_copy(
        update={
            "task": "single_label",
            "data": config.data.model_copy(update={"positive": positive}),
            "training": config.training.model_copy(update={"select_by": select_by}),
            "evaluation": config.evaluation.model_copy(update=shown),
            "reference": ReferenceConfig(),
        }
    )
