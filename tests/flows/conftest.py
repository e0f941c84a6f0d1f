"""A Prefect server for the session, and a store with its tables for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness
from genre_runs import home, synopses, write_csv


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[None]:
    """One temporary server with a database of its own: starting one costs seconds."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(autouse=True)
def own_home(isolated_store: Path, migrated_store: Path) -> Iterator[Path]:
    """Runs, store and cache of this test alone."""
    with home(isolated_store, migrated_store) as folder:
        yield folder


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 series with three genres that a tiny model can learn."""
    return write_csv(tmp_path_factory.mktemp("data") / "series.csv", synopses())


@pytest.fixture(scope="session")
def quick(tiny_bert: Path) -> tuple[str, ...]:
    """Overrides that make a run take seconds; nothing is registered."""
    return (
        f"model.base={tiny_bert}",
        "model.pooling=mean",
        "model.max_length=32",
        "training.epochs=1",
        "strategies=[full,freeze_2]",
        "evaluation.bootstrap=100",
        "evaluation.baseline_c=[1.0]",
        "data.min_label_count=5",
        "registry.enabled=false",
    )


@pytest.fixture(scope="session")
def small(quick: tuple[str, ...], small_csv: Path) -> tuple[str, ...]:
    """The same on 72 rows instead of the sample."""
    return (*quick, f"data.path={small_csv}")
