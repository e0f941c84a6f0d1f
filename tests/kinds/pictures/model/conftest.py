"""Joined models out of tiny random parts."""

from collections.abc import Callable

import pytest
from kinds.pictures.model.joined_parts import Joined, build_joined


@pytest.fixture(scope="session")
def join() -> Callable[..., Joined]:
    """Joins tiny parts; arguments of `join_models` replace them."""
    return build_joined


@pytest.fixture(scope="session")
def joined(join: Callable[..., Joined]) -> Joined:
    """One that tests read and do not change."""
    return join()
