"""Which cases of a table the ordinary tests take; the others are slow tests, all of one kind."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import pytest


def each_once(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    """All pairs; ordinary ones are so many that every value of both is met."""
    longest = max(len(first), len(second))
    met = {(first[n % len(first)], second[n % len(second)]) for n in range(longest)}
    return [_case(pair in met, *pair) for pair in product(first, second)]


def mostly(ordinary: Iterable[Any], slow: Iterable[Any]) -> list[Any]:
    """Cases of one value each."""
    return [*(_case(True, each) for each in ordinary), *(_case(False, each) for each in slow)]


def _case(ordinary: bool, *values: Any) -> Any:
    return pytest.param(*values, marks=() if ordinary else pytest.mark.slow)
