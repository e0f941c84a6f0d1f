"""Names of flow runs that tell them apart: the case, what trains, on which data, since when.

    genre: full, freeze_2 and 3 more on genre.csv, 2026-03-01 03:00:12

A name that somebody typed in the form stays. Prefect's forms fill in two words of their own, the
first a star's (`sigma3-wasat`), the second an animal's (`Sleek-Bombay`): a name of that look stays,
too, and says in brackets what the run does.
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import coolname.data
from prefect.context import FlowRunContext

from flows.form import chosen_fields
from tasks.config import CaseConfig
from tasks.config.chains import load_any
from tasks.errors import RequestError
from tasks.wording import cut

_FILLED_IN = re.compile(r"[^\W\d_]+\d*(-[^\W\d_]+\d*)+")
SHOWN = 3
"""Strategies that a name lists."""


def run_name_of(case: str) -> Callable[[], str]:
    """What Prefect asks for the name of a run of the case's or the chain's flow."""

    def run_name() -> str:
        context = FlowRunContext.get()
        given = str(context.flow_run.name) if context and context.flow_run else ""
        does = named(case, (context.parameters if context else None) or {}, datetime.now())
        return with_given(given, does)

    return run_name


def named(case: str, parameters: dict[str, Any], now: datetime) -> str:
    """The name of a run with those parameters.

    What they ask for may be wrong; the run says so itself, and needs a name for that.
    """
    when = now.isoformat(sep=" ", timespec="seconds")
    try:
        config = load_any(case, parameters.get("profile"), chosen_fields(parameters))
    except RequestError:
        return f"{case}, {when}"
    if not isinstance(config, CaseConfig):
        return f"{config.case}: {config.last.profile}, {when}"
    trained = [str(strategy) for strategy in config.strategies]
    more = f" and {len(trained) - SHOWN} more" if len(trained) > SHOWN else ""
    data = cut(PurePosixPath(config.data.source.split(" ")[-1]).name, 40)
    return f"{config.case}: {', '.join(trained[:SHOWN])}{more} on {data}, {when}"


def with_given(given: str, does: str) -> str:
    """The name of a run that was given one, by a person or by Prefect.

    Args:
        given: that name; empty where there is none.
        does: what the run does.
    """
    if not given or is_generated(given):
        return does
    return f"{given} ({does})" if _FILLED_IN.fullmatch(given) else given


def is_generated(name: str) -> bool:
    """Whether Prefect made the name up: two of the words that it draws from."""
    words = name.split("-")
    return len(words) == 2 and _words("2").issuperset(words)


@cache
def _words(drawn_from: str) -> frozenset[str]:
    """The words of one of coolname's lists, and of all lists that it is made of."""
    config: Any = coolname.data.config
    given = config[drawn_from]
    lists = (_words(name) for name in given.get("lists", ()))
    return frozenset(given.get("words", ())).union(*lists)
