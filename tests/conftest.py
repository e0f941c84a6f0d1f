"""Fixtures that every test may use: an isolated store, and the real data where it is at hand."""

import gc
import os
import sqlite3
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

ROOT = Path(__file__).resolve().parent.parent

pytest_plugins = ["decoders", "forked", "postgres", "tiny"]

# A busy machine is no failure. More examples are for whoever changes what they are about.
settings.register_profile("thaw", deadline=None, max_examples=40)
settings.load_profile("thaw")


@event.listens_for(Engine, "connect")
def wait_for_no_disk(connection: Any, _: Any) -> None:
    """MLflow waits for the disk a thousand times a run, a third of a small run's time: for people
    whose power fails, which a test's does not."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


def pytest_collection_finish() -> None:
    """Full garbage collections, one at the start of each arm, pass over what imports have made; and
    accelerate, which looks through the installed packages at each step of training, longer than the
    step of a tiny model takes, does so once."""
    if "torch" in sys.modules:
        import accelerate.accelerator
        import accelerate.optimizer

        there = cache(accelerate.optimizer.is_lomo_available)
        accelerate.accelerator.is_lomo_available = accelerate.optimizer.is_lomo_available = there
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def isolated_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a data store and a runs folder of its own."""
    monkeypatch.setenv("THAW_RUNS", str(tmp_path / "mlruns"))
    monkeypatch.setenv("THAW_STORE", str(tmp_path / "store"))
    # A process remembers every secret that it has met; another test's is none here.
    monkeypatch.setattr("tasks.secrets._met", {})
    monkeypatch.setattr("tasks.secrets._perhaps", {})
    return tmp_path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, which is no part of the project: skip where it is absent."""
    folder = Path(os.environ.get("THAW_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the real data sets are not here (set THAW_REAL_DATA to their folder)")
    return folder


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database with its tables: copy it, because migrating one costs seconds."""
    from tasks.tracking import Tracker

    database = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Tracker(f"sqlite:///{database}")
    return database
