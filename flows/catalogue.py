"""The flows by case name; the one place where a new case is added."""

from functools import cache
from importlib import import_module
from typing import Any

from tasks.config.loading import CHAINS, case_names, proper_name
from tasks.errors import RequestError
from tasks.wording import nearest

FLOWS = (
    "genre",
    "spam",
    "imdb",
    "reviews",
    "urgency",
    "acceptability",
    "latex",
    "sft",
    "sawyer_reward",
    "sawyer_rl",
    "sawyer",
    "summaries",
    "vqa",
)


def flow_of(case: str) -> Any:
    """The case's Prefect flow.

    Raises:
        RequestError: there is no such case.
    """
    case = proper_name(case)
    if case not in FLOWS:
        raise RequestError(
            f"There is no case {case!r}{nearest(case, FLOWS)}; the cases are {', '.join(FLOWS)}."
        )
    return getattr(import_module(f"flows.{case}"), case)


@cache
def runnable_cases() -> tuple[str, ...]:
    """Cases that have both a configuration and a flow."""
    return tuple(case for case in case_names() if case in FLOWS)


def runnable_chains() -> tuple[str, ...]:
    """The flows that chain cases."""
    return tuple(chain for chain in CHAINS if chain in FLOWS)
