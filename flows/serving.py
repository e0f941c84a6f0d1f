"""Every case as a scheduled deployment of one serving process."""

from prefect import serve
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError

from flows.catalogue import flow_of, runnable_cases, runnable_chains
from flows.server import check_answers
from tasks.config.chains import load_any
from tasks.errors import RequestError


def deployment_of(case: str) -> RunnerDeployment:
    """The case's deployment, on the schedule of its configuration if it has one.

    Raises:
        RequestError: there is no such case, or its schedule is none that cron understands.
    """
    given = load_any(case).schedule
    try:
        schedules = [CronSchedule(cron=given.cron, timezone=given.timezone)] if given.cron else []
    except ValidationError as error:
        wrong = error.errors()[0]
        field, what = wrong["loc"][0], wrong["msg"].removeprefix("Value error, ")
        raise RequestError(f"conf/{case}.yaml, schedule.{field}: {what}.") from error
    return flow_of(case).to_deployment(name="scheduled", schedules=schedules, tags=["thaw", case])


def serve_all(limit: int = 1) -> None:
    """Serve until stopped.

    Args:
        limit: flow runs at a time; two on one machine share its cores.

    Raises:
        RequestError: no Prefect server is configured.
        ThawError: the one that is does not answer.
    """
    if not PREFECT_API_URL.value():
        raise RequestError(
            "Schedules need a Prefect server: start one with `prefect server start` and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api."
        )
    check_answers()
    every = (*runnable_cases(), *runnable_chains())
    serve(*(deployment_of(case) for case in every), limit=limit)
