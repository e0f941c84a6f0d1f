"""What keeps the tests of training quick."""

import gc

import pytest


@pytest.fixture(autouse=True, scope="session")
def _cheap_collection() -> None:
    """Each arm starts with a full garbage collection, which libraries' own objects make slow."""
    import tasks.training.run  # noqa: F401 - so that its libraries are loaded by now

    gc.collect()
    gc.freeze()
