"""The flow of a case of a user's own: his file is all that it needs.

    thaw run tickets.yaml
    THAW_CONF=work thaw run tickets

It is called as the case is. Prefect loads it like any other by its entrypoint, which for the case
`tickets` is `flows/own.py:tickets`: the folder of its file has to be in THAW_CONF then.
"""

from functools import cache
from typing import Any

from flows.case_flow import case_flow
from tasks.config.case_files import proper_name
from tasks.errors import RequestError


@cache
def flow_of_file(case: str) -> Any:
    """The flow of a case.

    Args:
        case: its name, or the path of its file.

    Raises:
        RequestError: there is no such case.
    """
    return case_flow(case, f"Compare strategies on {proper_name(case)}", __name__)


def __getattr__(name: str) -> Any:
    try:
        return flow_of_file(name)
    except RequestError as error:
        raise AttributeError(str(error)) from error
