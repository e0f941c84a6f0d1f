"""What a user sees of a finished run: in MLflow, in Prefect, and on the report's own page.

One small sweep against a real Prefect server, and MLflow's pages as `thaw ui` serves them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from genre_runs import LEARNING, ROOT, Store, options, synopses, write_csv
from own_server import free_port, wait_for
from playwright.sync_api import expect

Shot = Callable[[Any, str], None]
expect.set_options(timeout=120_000)  # a busy machine takes its time to show a page
SMALL = (
    "model.pooling=mean",
    "model.max_length=32",
    "strategies=[full,freeze_2]",
    "top_seeds=1",
    "evaluation.bootstrap=100",
    "evaluation.baseline_c=[1.0]",
    "data.min_label_count=5",
    "registry.beats=floor",
    *LEARNING,
)


@dataclass(frozen=True)
class Seen:
    """Where a finished run is shown.

    Attributes:
        view: the address that `thaw ui` prints.
        flow_run: of Prefect's page.
        tags: of MLflow's parent run.
        figures: its metrics.
        report: a file.
    """

    view: str
    flow_run: str
    tags: dict[str, str]
    figures: dict[str, float]
    report: Path


@pytest.fixture(scope="module")
def seen(server: str, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("pages")
    data = write_csv(folder / "series.csv", synopses())
    places = {"THAW_RUNS": str(folder / "mlruns"), "THAW_STORE": str(folder / "store")}
    own = {**places, "PREFECT_API_URL": f"{server}/api", "PREFECT_HOME": str(folder / "prefect")}
    asked = options(f"model.base={tiny_bert}", f"data.path={data}", *SMALL)
    command = [sys.executable, "-m", "flows.cli", "run", "genre", *asked]
    subprocess.run(command, cwd=ROOT, env=os.environ | own, check=True, capture_output=True)
    with patch.dict(os.environ, places):
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        store = Store()
        (sweep,) = store.sweeps()
        report = folder / "report.html"
        report.write_text(store.text(sweep.info.run_id, "comparison/report.html"), "utf-8")
    port, log = free_port(), folder / "ui.log"
    command = [sys.executable, "-u", "-m", "flows.cli", "ui", "genre", "--port", port]
    with log.open("wb") as words:
        # A session of its own: MLflow's server is a process below the command.
        ui = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | own, stdout=words, stderr=words, process_group=0
        )
    try:
        wait_for(ui, f"http://127.0.0.1:{port}/health", log)
        (view,) = re.findall(r"genre\s+(http\S+)", log.read_text())
        tags = dict(sweep.data.tags)
        yield Seen(view, tags["prefect.flow_run_page"], tags, dict(sweep.data.metrics), report)
    finally:
        os.killpg(ui.pid, 15)
        ui.wait()


def see(page: Any, *texts: str | re.Pattern[str]) -> None:
    """Wait until each of the texts is shown."""
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible()


def address_of_run(seen: Seen, run_id: str) -> str:
    return seen.view.replace("/runs?", f"/runs/{run_id}?")


# --- MLflow --------------------------------------------------------------------------------------


def test_mlflows_view_begins_with_what_answers(seen: Seen, page: Any, shot: Shot) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(seen.view)
    see(page, "Model registry")  # the menu of model training, where GenAI's has agents
    columns = ("thaw.best", "primary", "thaw.verdict", "primary_low", "primary_high")
    see(page, *columns)
    heads = [page.locator(f'.ag-header-cell[col-id*="{name}`"]') for name in columns]
    places = [head.bounding_box()["x"] for head in heads]
    assert places == sorted(places)
    rows = page.locator(".ag-row")
    see(rows, seen.tags["thaw.best"], f"{seen.figures['primary']:.9f}"[:8])
    see(rows, seen.tags["thaw.verdict"][:40])
    shot(page, "mlflow-view")


def test_mlflows_rows_unfold_to_arms_with_their_verdicts(seen: Seen, page: Any, shot: Shot) -> None:
    page.set_viewport_size({"width": 2400, "height": 900})
    page.goto(seen.view)
    page.locator(".ag-row button").first.click()
    see(page, "full seed=42", "freeze_2 seed=42", "untrained head", "chosen on validation")
    see(page, re.compile(f"not distinguishable from {seen.tags['thaw.best']}"))
    see(page, "cost/train_seconds", "cost/trainable_share", seen.tags["thaw.headline"])
    shot(page, "mlflow-arms")


def test_the_sweeps_page_says_what_it_came_to_and_links_the_flow_run(
    seen: Seen, page: Any, shot: Shot
) -> None:
    page.set_viewport_size({"width": 1440, "height": 1200})
    (run_id,) = re.findall(r"/runs/(\w+)", link_in(page, seen))
    page.goto(address_of_run(seen, run_id))
    see(page, seen.tags["thaw.headline"][:60], "Datasets", re.compile("genre-train"))
    shot(page, "mlflow-sweep")
    page.get_by_text("Show more").first.click()
    see(page, "Quality on the test part", "Against")
    link = page.get_by_role("link", name="The flow run in Prefect")
    assert link.get_attribute("href") == seen.flow_run
    shot(page, "mlflow-sweep-whole")


def test_every_arm_is_a_model_beside_the_data_it_was_measured_on(
    seen: Seen, page: Any, shot: Shot
) -> None:
    page.set_viewport_size({"width": 1920, "height": 900})
    page.goto(seen.view.partition("/runs?")[0] + "/models?workflowType=machine_learning")
    see(page, "full seed=42", "freeze_2 seed=42", re.compile("genre-test"))
    shot(page, "mlflow-models")


def test_the_registered_models_page_shows_its_card(seen: Seen, page: Any, shot: Shot) -> None:
    page.set_viewport_size({"width": 1440, "height": 1200})
    page.goto(f"{seen.view.partition('#')[0]}#/models/genre/versions/1")
    see(page, "champion", "Selection.", "Evidence.", "Quality on the test part")
    shot(page, "mlflow-version")


# --- Prefect -------------------------------------------------------------------------------------


def link_in(page: Any, seen: Seen) -> str:
    """Where the flow run's artifact leads."""
    page.goto(seen.flow_run)
    page.get_by_role("tab", name="Artifacts").or_(
        page.get_by_text("Artifacts", exact=True)
    ).last.click()
    page.get_by_text("genre-run").first.click()
    link = page.get_by_role("link", name="MLflow run")
    return str(link.get_attribute("href"))


def test_a_flow_runs_page_shows_tasks_and_artifacts(seen: Seen, page: Any, shot: Shot) -> None:
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(seen.flow_run)
    see(page, re.compile(r"genre: full, freeze_2 on series\.csv"), "Completed")
    see(page, re.compile("2 of 2 arms done"))
    shot(page, "prefect-flow-run")
    page.get_by_text("Task Runs", exact=True).last.click()
    see(page, "full seed=42", "freeze_2 seed=42", "TF-IDF + logistic regression")
    shot(page, "prefect-tasks")
    page.get_by_text("Artifacts", exact=True).last.click()
    see(
        page,
        *(f"genre-{what}" for what in ("run", "progress", "validation", "comparison", "figures")),
    )
    shot(page, "prefect-artifacts")
    page.get_by_text("genre-figures").first.click()
    see(page, "verdict", "chosen on validation", "seconds", seen.tags["thaw.headline"][:40])
    shot(page, "prefect-figures")


# --- the report ----------------------------------------------------------------------------------

PARTS_OF_PICTURES = """[...document.querySelectorAll('svg')].map(svg => ({
    right: svg.getBoundingClientRect().right,
    scrolls: svg.closest('.wide') !== null,
    letters: Math.min(...[...svg.querySelectorAll('text')]
        .filter(text => text.textContent.trim().length > 3)
        .map(text => Math.min(text.getBoundingClientRect().height,
                              text.getBoundingClientRect().width))),
}))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_can_be_read_on_a_telephone(
    scheme: str, seen: Seen, page: Any, shot: Shot
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    page.goto(seen.report.as_uri())
    see(page, seen.tags["thaw.headline"][:60], "Quality on the test part")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    pictures = page.evaluate(PARTS_OF_PICTURES)
    assert len(pictures) > 5
    assert all(picture["right"] <= 390 or picture["scrolls"] for picture in pictures), pictures
    assert all(picture["letters"] >= 8 for picture in pictures), pictures
    figure = page.locator("tbody td").first.bounding_box()
    assert figure["x"] + figure["width"] <= 390  # the first figure beside its name, unscrolled
    shot(page, f"report-390-{scheme}")
