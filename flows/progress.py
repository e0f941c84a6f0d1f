"""How far a sweep is: arms done, and about how long the rest takes."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
LEAST = 3.0
"""Seconds left, below which nobody has to be told."""


class Progress:
    """Counts arms of a sweep that train one after another, and says how many are left.

    Args:
        work: of each arm, in the order in which they train, in a unit of your choice.
        tell: takes a line.
    """

    def __init__(self, work: Sequence[float], tell: Callable[[str], None]) -> None:
        self.work, self.tell = tuple(work), tell
        self.count, self.begun = 0, time.monotonic()

    def done(self, arm: T) -> T:
        """Count an arm, say how far the sweep is, and hand the arm on."""
        self.count += 1
        passed = time.monotonic() - self.begun
        left = passed * sum(self.work[self.count :]) / sum(self.work[: self.count])
        rest = f", about {lasting(left)} left" if left >= LEAST else ""
        self.tell(f"{self.count} of {len(self.work)} arms done after {lasting(passed)}{rest}")
        return arm


def lasting(seconds: float) -> str:
    """A time as people say it: `8 s`, `3 min 12 s`, `2 h 5 min`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
