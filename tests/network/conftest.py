"""A loopback server and a cache of its own for each test of the network."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Site, serving
from network.openai_server import server, settings  # noqa: F401 - fixtures

from tasks.network import transfer


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, retries without waiting, and no offline switch or proxy."""
    for name in ("THAW_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(transfer, "FIRST_WAIT", 0.001)
    return tmp_path / "cache"
