"""What a run that nobody watches tries again: steps that reach outside, where the outside failed.

At a terminal the sentence comes at once, since whoever reads it can do something about it. The
transfers themselves try again within seconds in either case (`tasks/network/transfer.py`).
"""

from typing import Any

from prefect.context import FlowRunContext

from tasks.errors import RequestError, ThawError

DELAYS = [60.0, 600.0]
"""Seconds before each try: a server that restarts, and a network that is down for a while."""


def is_worth_another_try(task: Any, task_run: Any, state: Any) -> bool:
    """Whether a run of a deployment failed for what may pass: not for a wrong request."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return False
    error = state.result(raise_on_failure=False)
    return isinstance(error, ThawError) and not isinstance(error, RequestError)


TRIES: dict[str, Any] = {
    "retries": len(DELAYS),
    "retry_delay_seconds": DELAYS,
    "retry_condition_fn": is_worth_another_try,
}
"""Of a task that reaches outside."""
