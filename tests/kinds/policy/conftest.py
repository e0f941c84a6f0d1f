"""Tiny policies and their prompts: see `rl_parts.py`."""

from typing import TYPE_CHECKING

import pytest
from kinds.policy.rl_parts import PROMPTS, MakePolicy, build_policy, make_queries

if TYPE_CHECKING:
    from tasks.kinds.policy.rollout import Query


@pytest.fixture
def make_policy() -> MakePolicy:
    """`build_policy`."""
    return build_policy


@pytest.fixture
def queries() -> "list[Query]":
    """One for each of the prompts."""
    return make_queries(PROMPTS)
