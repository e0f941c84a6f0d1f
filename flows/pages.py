"""What MLflow's and Prefect's pages show of a case, and the links between them.

    thaw ui                                 prints the address of the experiment's view
    genre-run                               the artifact of a flow run that links MLflow's run
    prefect.flow_run_page                   the tag of MLflow's run that names the flow run's page
    thaw.champion                           the event of a new champion, for automations of Prefect

The view is kept with the experiment, where MLflow's page finds it by the key in its address
(`mlflow.sharedViewState.<key>` in MLflow 3.17's `server/js`).
"""

import json
import re
from typing import cast
from uuid import UUID

from prefect.artifacts import LinkArtifact, create_link_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

from tasks.config import CaseConfig
from tasks.registry.promotion import Promotion
from tasks.tracking import Tracker

VIEW = "thaw"
"""The key of the view."""
COLUMNS = {
    "tags.`thaw.best`": 90,
    "metrics.`primary`": 80,
    "tags.`thaw.verdict`": 220,
    "metrics.`primary_low`": 100,
    "metrics.`primary_high`": 105,
    "metrics.`cost/train_seconds`": 150,
    "metrics.`cost/trainable_share`": 160,
    "tags.`thaw.headline`": 360,
    "params.`strategy`": 180,
    "params.`seed`": 70,
}
"""Those of the view, in this order, and how many pixels wide: what fits beside MLflow's assistant,
which opens by itself, answers."""
AS_TRAINING = "workflowType=machine_learning"
"""In an address, lets MLflow's pages open as model training rather than as generative AI."""
LOCAL_UI = "http://127.0.0.1:5000"
"""Where `thaw ui` serves, unless it is told otherwise."""
PAGE_TAG = "prefect.flow_run_page"


def present(tracker: Tracker, experiment_id: str, config: CaseConfig) -> None:
    """Say on the experiment's page what it is, and let it open as training with our columns."""
    about = (
        f"{config.title}\n\nEach row is a sweep of `thaw run {config.case}`, `thaw.headline` what "
        "it came to; below it are its arms and baselines. `primary` is "
        f"`{config.evaluation.primary}`, `primary_low` and `primary_high` its interval on the test "
        "part, `thaw.verdict` what the table says of an arm, and of a sweep why its model is "
        "champion or not. A sweep's artifacts hold `comparison/report.html`."
    )
    columns = {"selectedColumns": list(COLUMNS), "columnOrder": list(COLUMNS)}
    view = {**columns, "columnWidths": COLUMNS, "compareRunsMode": "TABLE"}
    tracker.present(experiment_id, about, {VIEW: json.dumps(view)})


def address_of(server: str, experiment_id: str, run_id: str | None = None) -> str:
    """Where a server's page shows an experiment's view, or one run."""
    page = f"{server}/#/experiments/{experiment_id}/runs"
    if run_id:
        return f"{page}/{run_id}?{AS_TRAINING}"
    return f"{page}?viewStateShareKey={VIEW}&{AS_TRAINING}"


def artifact_key(case: str, what: str) -> str:
    """An artifact's key: Prefect takes lower-case letters, digits and dashes alone."""
    return re.sub("[^a-z0-9-]", "-", f"{case}-{what}".lower())


def link_run(
    tracker: Tracker, case: str, experiment_id: str, run_id: str, made: UUID | None = None
) -> UUID | None:
    """Link MLflow's run of a sweep from the flow run that works on it, if there is one.

    Args:
        made: the link that it has so far, to another run: it leads to this one from now on.

    Returns:
        The link.
    """
    if FlowRunContext.get() is None:
        return None
    server, how = str(tracker.address), "The sweep in MLflow."
    if not tracker.uri.startswith("http"):
        server, how = LOCAL_UI, "The sweep in MLflow, while `thaw ui` runs."
    link, text = address_of(server, experiment_id, run_id), "MLflow run"
    if made is None:
        key = artifact_key(case, "run")
        return cast(UUID, create_link_artifact(link, text, key, description=how))
    shown = LinkArtifact(link=link, link_text=text).format(_sync=True)  # type: ignore[call-arg]
    with get_client(sync_client=True) as client:
        client.update_artifact(made, ArtifactUpdate(data=cast(str, shown)))
    return made


def tell_champion(promotion: Promotion, case: str) -> None:
    """Let Prefect's automations hear of a new champion; of anything else nothing is said."""
    version = promotion.version if promotion.status == "champion" else promotion.instead
    if version is None:
        return
    emit_event(
        "thaw.champion",
        resource={
            "prefect.resource.id": f"thaw.model.{promotion.name}",
            "prefect.resource.name": promotion.name,
        },
        payload={"case": case, "version": version, "reason": promotion.reason},
    )


def flow_run_tags() -> dict[str, str]:
    """Tags of MLflow's run that name the flow run, and its page where a server shows one."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None:
        return {}
    tags = {"prefect.flow_run_id": str(run.id), "prefect.flow_run_name": run.name}
    if pages := _prefect_ui():
        tags[PAGE_TAG] = f"{pages}/runs/flow-run/{run.id}"
    return tags


def _prefect_ui() -> str:
    """The address of Prefect's pages, where there is a server that outlives the run."""
    return str(PREFECT_UI_URL.value() or "") if PREFECT_API_URL.value() else ""
