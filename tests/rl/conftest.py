"""Tiny policies: see `rl_parts.py`."""

import pytest
from rl.rl_parts import MakePolicy, build_policy


@pytest.fixture
def make_policy() -> MakePolicy:
    """`build_policy`."""
    return build_policy
