"""A case's flow, made from its file: what the modules of shipped cases are a line of."""

import inspect
from collections.abc import Callable
from typing import Any

from prefect import Flow

from flows.chain import SweepResult, run_case
from flows.form import chosen_fields, parameters_of
from flows.run_names import run_name_of
from flows.server import served
from tasks.config.case_files import proper_name
from tasks.config.loading import load_case


def case_flow(case: str, does: str, module: str) -> Flow[..., SweepResult]:
    """The flow of a case, as an entrypoint of its own: `flows/<case>.py:<case>`.

    Args:
        case: its name, or the path of its file.
        does: what it compares, as the Prefect UI shows it.
        module: the name of the module that holds it.

    Raises:
        RequestError: there is no such case.
    """

    def run(**given: Any) -> SweepResult:
        config = load_case(case, given.get("profile"), chosen_fields(given))
        return run_case(config, given["force"])

    run.__doc__ = f"{does} and register the best arm."
    return flow_like(case, run, module)


def flow_like(case: str, run: Callable[..., SweepResult], module: str) -> Flow[..., SweepResult]:
    """A function as the flow of a case or a chain, with the form of that."""
    name: Any = proper_name(case)
    run.__name__ = run.__qualname__ = name
    run.__module__ = module
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        parameters_of(case), return_annotation=SweepResult
    )
    return served(name, run_name_of(case))(run)
