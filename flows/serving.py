"""Cases as scheduled deployments of one serving process."""

import os
from collections.abc import Sequence

from prefect import serve
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError

from flows.catalogue import flow_of
from flows.schedules import deployment_name
from flows.server import check_answers
from tasks.config.case_files import find_case
from tasks.config.chains import ChainConfig, load_any
from tasks.errors import RequestError


def deployment_of(case: str) -> RunnerDeployment:
    """The case's deployment, on the schedule of its file if it has one.

    Raises:
        RequestError: there is no such case, or its schedule is none that cron understands.
    """
    config = load_any(case)
    given, name = config.schedule, config.case
    try:
        schedules = [CronSchedule(cron=given.cron, timezone=given.timezone)] if given.cron else []
    except ValidationError as error:
        wrong = error.errors()[0]
        field, what = wrong["loc"][0], wrong["msg"].removeprefix("Value error, ")
        raise RequestError(f"{find_case(case).path}, schedule.{field}: {what}.") from error
    tags = ["thaw", name, config.last.task if isinstance(config, ChainConfig) else config.task]
    return flow_of(case).to_deployment(
        name=deployment_name(name, given.cron),
        schedules=schedules,
        tags=tags,
        description=config.title,
    )


def serve_cases(cases: Sequence[str], limit: int = 1) -> None:
    """Serve until stopped.

    Args:
        cases: names, or paths of cases' files.
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
    # A run is a process of its own, which finds a user's case by its name.
    folders = [str(found.path.parent) for case in cases if not (found := find_case(case)).ships]
    if folders:
        given = os.environ.get("THAW_CONF")
        kept = [given] if given else []
        os.environ["THAW_CONF"] = os.pathsep.join(dict.fromkeys([*folders, *kept]))
    serve(*(deployment_of(case) for case in cases), limit=limit)
