"""Synthetic sweeps: predictions of known quality, as arms and baselines would leave them."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks.config import CaseConfig
from tasks.evaluation.metrics import multi_label_metrics, tune_thresholds
from tasks.evaluation.outcomes import CurvePoint, Outcome, put_predictions
from tasks.loading import load_case

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
        validation, test = worlds[rows, labels]
        # The noise of a name's seed is the same every time, and differs between names.
        stream = sum(map(ord, name)) + 1000 * (seed or 0)
        chances = [part.probabilities(noise, stream) for part in (validation, test)]
        thresholds = tune_thresholds(validation.truth, chances[0])
        metrics = {
            f"{prefix}/{metric}": value
            for prefix, part, chance in zip(
                ("val", "test"), (validation, test), chances, strict=True
            )
            for metric, value in multi_label_metrics(
                part.truth, chance.astype(np.float64), thresholds
            ).items()
        }
        if seconds is not None:
            metrics |= {
                "cost/trainable_parameters": parameters,
                "cost/trainable_share": parameters / 1e6,
                "cost/train_seconds": seconds,
                "cost/examples_per_second": 4000 / seconds,
                "cost/peak_memory_mb": 300 + parameters / 2000,
            }
        ids = [f"row{row}" for row in range(rows)]
        tables = [
            put_predictions(ids, part.truth, chance, name)
            for part, chance in zip((validation, test), chances, strict=True)
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
