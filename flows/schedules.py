"""What is served, and when it runs by itself; known from the cases' files alone.

A case's deployment is named for what it runs: `genre`, or with a schedule `genre-nightly`.
"""

from collections.abc import Sequence

from flows.catalogue import own_cases, runnable_cases, runnable_chains
from tasks.config.chains import load_any

_DAY_BEGINS, _DAY_ENDS = 7, 20


def served_cases(given: Sequence[str] = ()) -> tuple[str, ...]:
    """The cases that are asked for; by default every case that there is."""
    return tuple(given) or (*runnable_cases(), *runnable_chains(), *own_cases())


def deployment_name(case: str, cron: str | None) -> str:
    """What the deployment of a case with that schedule is called."""
    return f"{case}-{rhythm(cron)}" if cron else case


def rhythm(cron: str) -> str:
    """How often that is, in a word: `nightly`; `scheduled` where there is none for it."""
    fields = cron.split()
    if len(fields) != 5:
        return "scheduled"
    _, hour, day, month, weekday = fields
    if month != "*":
        return "scheduled"
    if weekday != "*" or day != "*":
        if weekday.isalnum() and day == "*":
            return "weekly"
        return "monthly" if day.isdecimal() and weekday == "*" else "scheduled"
    if hour == "*":
        return "hourly"
    if not hour.isdecimal():
        return "scheduled"
    return "daily" if _DAY_BEGINS <= int(hour) < _DAY_ENDS else "nightly"


def told(case: str) -> str:
    """A line that says how a case is served.

    Raises:
        RequestError: there is no such case.
    """
    config = load_any(case)
    given = config.schedule
    when = f"{given.cron} {given.timezone}" if given.cron else "on request"
    return f"{config.case}/{deployment_name(config.case, given.cron):<24} {when}"
