"""The flows by case name; the one place where a new case is added."""

from functools import cache
from importlib import import_module
from typing import Any

from tasks.config.loading import CHAINS, case_names, proper_name
from tasks.errors import RequestError
from tasks.wording import nearest

FLOWS = {
    "genre": "flows.genre",
    "spam": "flows.spam",
    "imdb": "flows.imdb",
    "reviews": "flows.reviews",
    "acceptability": "flows.acceptability",
    "latex": "flows.latex",
    "sft": "flows.sft",
    "sawyer_reward": "flows.sawyer_reward",
    "sawyer_rl": "flows.sawyer_rl",
    "sawyer": "flows.sawyer",
    "summaries": "flows.summaries",
    "vqa": "flows.vqa",
}


def flow_of(case: str) -> Any:
    """The case's Prefect flow.

    Raises:
        RequestError: there is no such case.
    """
    case = proper_name(case)
    if case not in FLOWS:
        raise RequestError(
            f"There is no case {case!r}{nearest(case, list(FLOWS))}; "
            f"the cases are {', '.join(FLOWS)}."
        )
    return getattr(import_module(FLOWS[case]), case)


@cache
def runnable_cases() -> tuple[str, ...]:
    """Cases that have both a configuration and a flow."""
    return tuple(case for case in case_names() if case in FLOWS)


def runnable_chains() -> tuple[str, ...]:
    """The flows that chain cases."""
    return tuple(chain for chain in CHAINS if chain in FLOWS)
