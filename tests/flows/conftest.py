"""A Prefect server for the session, a store with its tables for every test, and one champion."""

import gc
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.sax.saxutils import escape

import matplotlib.figure
import pytest
from genre_runs import LEARNING, Swept, home, run_genre, synopses, write_csv
from matplotlib.text import Text
from PIL import Image
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness
from reward_runs import records, run_reward, write

from tasks.errors import ThawError

EVENTS = "prefect.events.utilities.should_emit_events"


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[None]:
    """One temporary server with a database of its own: starting one costs seconds.

    What costs every run seconds is done without: heartbeats, the log lines and the events of each
    task that Prefect's pages show (see `prefect_told`), reading the machine's certificates for
    every client, asking this very server whether it answers, and collecting the objects that the
    libraries made when they were imported.
    """
    import flows.chain  # noqa: F401
    from flows.server import check_answers

    def check_another() -> None:
        if PREFECT_API_URL.value() != own:
            check_answers()

    gc.freeze()
    with (
        prefect_test_harness(server_startup_timeout=300),
        temporary_settings(
            {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_TO_API_ENABLED: False}
        ),
        patch(EVENTS, lambda: False),
        patch("ssl.create_default_context", cache(ssl.create_default_context)),
        patch("flows.server.check_answers", check_another),
    ):
        own = PREFECT_API_URL.value()
        yield
    gc.unfreeze()


@pytest.fixture
def prefect_told() -> Iterator[None]:
    """Prefect's server hears of tasks, and of what is logged, as it does for users."""
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}), patch(EVENTS, lambda: True):
        yield


@pytest.fixture(scope="module", autouse=True)
def sketched_pictures() -> Iterator[None]:
    """Of pictures only what is written in them is drawn here: tests/evaluation looks at the rest.

    A module's, since a wider scope would last while the same worker runs those tests: a folder
    without an `__init__.py` is no package to pytest, whose fixtures would last for the session.
    """

    def sketch(picture: matplotlib.figure.Figure, file: Any, format: str, **_: Any) -> None:
        if format == "svg":
            written = [each.get_text() for each in picture.findobj(Text)]
            file.write(f"<svg>{''.join(f'<text>{escape(text)}</text>' for text in written)}</svg>")
        else:
            Image.new("L", (1, 1)).save(file, format)

    with (
        patch.object(matplotlib.figure.Figure, "savefig", sketch),
        patch("tasks.evaluation.plots.label_points", lambda *_: None),
    ):
        yield


@pytest.fixture(scope="module", autouse=True)
def hurried_clocks() -> Iterator[None]:
    """What a champion needs for an answer is asked a few times alone."""
    with patch.multiple("tasks.registry.speed", CALLS=2, BATCHES=1):
        yield


@pytest.fixture(autouse=True)
def own_home(isolated_store: Path, migrated_store: Path) -> Iterator[Path]:
    """Runs, store and cache of this test alone."""
    with home(isolated_store, migrated_store) as folder:
        yield folder


@pytest.fixture
def to_training() -> Iterator[str]:
    """A run ends before its first arm, with this sentence: for what is decided before."""
    said = "It goes no further than its training."
    with patch("flows.chain.run_arms", side_effect=ThawError(said)):
        yield said


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
        "top_seeds=1",
        "evaluation.bootstrap=100",
        "evaluation.baseline_c=[1.0]",
        "data.min_label_count=5",
        "registry.enabled=false",
    )


@pytest.fixture(scope="session")
def small(quick: tuple[str, ...], small_csv: Path) -> tuple[str, ...]:
    """The same on 72 rows instead of the sample."""
    return (*quick, f"data.path={small_csv}")


@pytest.fixture(scope="session")
def session_sweep(
    small: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Swept:
    """One run for all, because registering a model costs seconds."""
    prices = ("costs.machine_hour=1", "costs.input_tokens=5", "costs.prompt_tokens=200")
    overrides = (*small, *LEARNING, *prices, "registry.enabled=true", "registry.beats=floor")
    with home(tmp_path_factory.mktemp("swept"), migrated_store) as folder:
        return Swept(folder, overrides, run_genre(*overrides))


@pytest.fixture
def swept(own_home: Path, session_sweep: Swept, migrated_store: Path) -> Iterator[Swept]:
    """The finished sweep, with its store in the environment instead of an empty one."""
    assert session_sweep.answer.code == 0, session_sweep.answer.err
    with home(session_sweep.folder, migrated_store):
        yield session_sweep


@pytest.fixture(scope="session")
def tiny_reward(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """72 pairs, and settings with which the tiny model learns them in seconds."""
    return (
        f"data.path={write(tmp_path_factory.mktemp('pairs') / 'pairs.jsonl', records())}",
        f"model.base={tiny_bert}",
        "model.max_length=32",
        "model.dropout=0",
        "split.near_duplicates=null",  # its rows are of one template
        "model.backbone_dropout=0",
        "strategies=[full,freeze_2]",
        "top_seeds=1",
        "training.epochs=7",
        "training.batch_size=8",
        "training.learning_rate=2e-3",
        "training.head_learning_rate=1e-2",
        "evaluation.bootstrap=100",
        "evaluation.baseline_c=[1.0]",
        "registry.enabled=false",
    )


@pytest.fixture(scope="session")
def session_reward(
    tiny_reward: tuple[str, ...], migrated_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Swept:
    """One run with a champion for all tests that only look at it."""
    overrides = (*tiny_reward, "registry.enabled=true", "registry.beats=floor")
    with home(tmp_path_factory.mktemp("reward"), migrated_store) as folder:
        return Swept(folder, overrides, run_reward(*overrides))


@pytest.fixture
def judge(own_home: Path, session_reward: Swept, migrated_store: Path) -> Iterator[Swept]:
    """The finished sweep, with its store in the environment instead of an empty one."""
    assert session_reward.answer.code == 0, session_reward.answer.err
    with home(session_reward.folder, migrated_store):
        yield session_reward
