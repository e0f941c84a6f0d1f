"""How far a sweep is: arms done, and about how long the rest takes."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

T = TypeVar("T")
LEAST = 3.0
"""Seconds left, below which nobody has to be told."""


class Progress:
    """Counts arms of a sweep that train one after another, and says how many are left.

    Args:
        work: of each arm, in the order in which they train, in a unit of your choice.
        tell: takes a line.
        show: takes the share of the work that is done, and what it comes to.
    """

    def __init__(
        self,
        work: Sequence[float],
        tell: Callable[[str], None],
        show: Callable[[float, str], None] = lambda share, line: None,
    ) -> None:
        self.work, self.tell, self.show = tuple(work), tell, show
        self.count, self.begun = 0, time.monotonic()
        self.show(0.0, f"0 of {len(self.work)} arms done")

    def done(self, arm: T) -> T:
        """Count an arm, say how far the sweep is, and hand the arm on."""
        self.count += 1
        passed = time.monotonic() - self.begun
        left = passed * sum(self.work[self.count :]) / sum(self.work[: self.count])
        rest = f", about {lasting(left)} left" if left >= LEAST else ""
        line = f"{self.count} of {len(self.work)} arms done after {lasting(passed)}{rest}"
        self.tell(line)
        self.show(sum(self.work[: self.count]) / sum(self.work), line)
        return arm


def bar(key: str) -> Callable[[float, str], None]:
    """A bar among the artifacts of a flow run in the Prefect UI, and the line beside it.

    Args:
        key: of lower-case letters, digits and dashes.
    """
    made: list[UUID] = []

    def show(share: float, line: str) -> None:
        percent = 100.0 * share
        if made:
            update_progress_artifact(made[0], percent, line)
        else:
            made.append(cast(UUID, create_progress_artifact(percent, key, line)))

    return show


def lasting(seconds: float) -> str:
    """A time as people say it: `8 s`, `3 min 12 s`, `2 h 5 min`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
