"""A case's flow, made from its file: what the modules of shipped cases are a line of."""

from typing import Any, Literal

from prefect import Flow

from flows.chain import SweepResult, run_case
from flows.overrides import as_mapping, case_overrides
from flows.server import served
from tasks.config.case_files import proper_name, read_case_file
from tasks.config.loading import load_case

_OF_PROFILE = (
    "\n    profile: `sample` (what ships with Thaw) or `book` (the chapter's models and data)."
)
_REST = """ and register the best arm.

Args:{profile}
    overrides: configuration fields to change for this run; others stay as {file} has them.
    force: train finished arms anew.
"""


def case_flow(case: str, does: str, module: str) -> Flow[..., SweepResult]:
    """The flow of a case, as an entrypoint of its own: `flows/<case>.py:<case>`.

    Args:
        case: its name, or the path of its file.
        does: what it compares, as the Prefect UI shows it.
        module: the name of the module that holds it.

    Raises:
        RequestError: there is no such case.
    """
    form: Any = case_overrides(case)
    name, profiles = proper_name(case), tuple(read_case_file(case).get("profiles") or ())
    run: Any
    if profiles:
        choice: Any = Literal[profiles]

        def run_profile(
            profile: choice = profiles[0],
            overrides: form = form(),  # noqa: B008 - frozen, and the form needs the default
            force: bool = False,
        ) -> SweepResult:
            return run_case(load_case(case, profile, as_mapping(overrides)), force)

        run = run_profile
    else:

        def run_own(
            overrides: form = form(),  # noqa: B008 - as above
            force: bool = False,
        ) -> SweepResult:
            return run_case(load_case(case, None, as_mapping(overrides)), force)

        run = run_own
    run.__name__ = run.__qualname__ = name
    told = (_OF_PROFILE, "`conf/`") if profiles else ("", "the case's file")
    run.__module__, run.__doc__ = module, does + _REST.format(profile=told[0], file=told[1])
    return served(name, f"{name}-{{profile}}" if profiles else name)(run)
