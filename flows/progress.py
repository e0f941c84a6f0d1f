"""How far a sweep is: arms done, and about how long the rest takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LEAST = 1.0
"""Seconds an arm, below which nobody has to be told how long the others will take."""


class Progress:
    """Counts arms of a sweep that train one after another, and says how many are left.

    Args:
        total: arms.
        tell: takes a line.
    """

    def __init__(self, total: int, tell: Callable[[str], None]) -> None:
        self.total, self.tell = total, tell
        self.count, self.begun = 0, time.monotonic()

    def done(self, arm: T) -> T:
        """Count an arm, say how far the sweep is, and hand the arm on."""
        self.count += 1
        passed = time.monotonic() - self.begun
        each, left = passed / self.count, self.total - self.count
        rest = f", about {lasting(each * left)} left" if left and each >= LEAST else ""
        self.tell(f"{self.count} of {self.total} arms done after {lasting(passed)}{rest}")
        return arm


def lasting(seconds: float) -> str:
    """A time as people say it: `8 s`, `3 min 12 s`, `2 h 5 min`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
