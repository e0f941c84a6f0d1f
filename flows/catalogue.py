"""The flows by case name; the one place where a new shipped case is added.

A case of a user's own needs no module: `flows/own.py` makes its flow from its file.
"""

from functools import cache
from importlib import import_module
from typing import Any

from tasks.config.case_files import CHAINS, case_names, find_case

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
    """The Prefect flow of a case or a chain, by its name or the path of its file.

    Raises:
        RequestError: there is no such case.
    """
    found = find_case(case)
    if found.name in FLOWS:
        return getattr(import_module(f"flows.{found.name}"), found.name)
    from flows.own import flow_of_file

    return flow_of_file(case)


@cache
def runnable_cases() -> tuple[str, ...]:
    """Thaw's own cases, which have both a configuration and a flow."""
    return tuple(case for case in case_names() if case in FLOWS)


def own_cases() -> tuple[str, ...]:
    """The cases in folders of `THAW_CONF` that are none of Thaw's."""
    return tuple(case for case in case_names() if case not in FLOWS)


def runnable_chains() -> tuple[str, ...]:
    """The flows that chain cases."""
    return tuple(chain for chain in CHAINS if chain in FLOWS)
