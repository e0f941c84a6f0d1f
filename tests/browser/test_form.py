"""The form of the Prefect UI in a real browser against a real server, both on loopback.

Prefect has two pages for a custom run, of its first and of its second interface. What is typed
into them is all that a run gets: everything else stays as the case has it.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import get_call_parameters

from flows.form import chosen_fields
from flows.genre import genre
from flows.run_names import with_given
from flows.serving import deployment_of
from tasks.config import CaseConfig, LabelsCase
from tasks.config.loading import load_case

PAGES = {"first": "", "second": "/v2"}


@pytest.fixture(scope="module")
def deployment(server: str) -> UUID:
    with temporary_settings({PREFECT_API_URL: f"{server}/api"}):
        made: UUID = deployment_of("genre").apply()
    return made


def field(page: Any, name: str) -> Any:
    """The first part of the form with that title: sections come in the order of the case's file."""
    classes = "concat(' ', @class, ' ')"
    around = f"contains({classes}, ' schema-form-property ') or contains({classes}, ' group ')"
    label = page.get_by_text(f"{name} (Optional)", exact=True).first
    return label.locator(f"xpath=ancestor::*[{around}][1]")


def fill_in(page: Any) -> None:
    """Two fields of the form, and a line for one that has none."""
    strategies = field(page, "strategies")
    strategies.get_by_role("button", name="Add item").click()
    strategies.locator("textarea, input").first.fill("full")
    field(page, "training.epochs").locator("input").fill("1")
    lines = field(page, "overrides")
    lines.get_by_role("button", name="Add item").click()
    lines.locator("textarea, input").first.fill("training.warmup=0.2")
    page.wait_for_timeout(500)  # the first page waits before it takes in what was typed


FILLED_IN = ["strategies=[full]", "training.epochs=1", "training.warmup=0.2"]


def config_of(parameters: dict[str, Any]) -> CaseConfig:
    """What a run of the flow makes of them."""
    given = get_call_parameters(genre.fn, (), parameters)
    return load_case("genre", "sample", chosen_fields(genre.validate_parameters(given)))


def pressed(page: Any, button: str, address: str) -> Any:
    """Press a button; what the server answers to what is then posted."""
    with page.expect_response(
        lambda answer: answer.url.endswith(address) and answer.request.method == "POST"
    ) as waiting:
        page.get_by_role("button", name=button, exact=True).last.click()
    answer = waiting.value
    assert answer.ok, answer.text()
    return answer.json()


def submitted(page: Any, server: str) -> dict[str, Any]:
    """Press the button; the parameters that the server then keeps of the run, empty parts aside."""
    run = pressed(page, "Submit", "/create_flow_run")
    assert with_given(run["name"], "what it does") != run["name"]  # nobody typed one
    kept = httpx.get(f"{server}/api/flow_runs/{run['id']}", trust_env=False, timeout=60)
    parameters: dict[str, Any] = kept.json()["parameters"]
    return {name: value for name, value in parameters.items() if value not in ({}, [])}


@pytest.mark.parametrize("which", PAGES)
def test_only_what_was_typed_is_changed(
    which: str, server: str, deployment: UUID, page: Any
) -> None:
    page.goto(f"{server}{PAGES[which]}/deployments/deployment/{deployment}/run")
    fill_in(page)
    posted = submitted(page, server)
    chosen = {
        "strategies": ["full"],
        "training": {"epochs": 1},
        "overrides": ["training.warmup=0.2"],
    }
    assert posted == {"profile": "sample", **chosen, "force": False}
    assert config_of(posted) == load_case("genre", "sample", FILLED_IN)


@pytest.mark.parametrize("which", PAGES)
def test_the_commonest_fields_come_first(
    which: str, server: str, deployment: UUID, page: Any, shot: Callable[[Any, str], None]
) -> None:
    page.set_viewport_size({"width": 1280, "height": 5400})  # the first page scrolls within
    page.goto(f"{server}{PAGES[which]}/deployments/deployment/{deployment}/run")
    field(page, "training.epochs").wait_for()
    text = page.inner_text("body")
    first = ("strategies", "seeds", *LabelsCase.commonest)
    places = [text.index(f"{name} (Optional)") for name in first]
    assert places == sorted(places)
    assert text.count(" (Optional)") <= 60
    shot(page, f"prefect-form-{which}")


@pytest.mark.parametrize("which", PAGES)
def test_a_schedule_changes_what_was_typed_and_no_more(
    which: str, server: str, deployment: UUID, page: Any
) -> None:
    page.goto(f"{server}{PAGES[which]}/deployments/deployment/{deployment}")
    page.get_by_role("button", name="Schedule", exact=True).click()
    if which == "first":  # its list closes when the window scrolls
        parameters = page.get_by_role("button", name="Select parameters to override")
        parameters.scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        parameters.click()
        page.keyboard.press("ArrowDown")
        offered = page.locator("[class*=pop-over-content]")
        for name in ("strategies", "training", "overrides"):
            offered.get_by_text(name, exact=True).first.click()
        page.get_by_text("Parameter Overrides", exact=True).click()
    fill_in(page)
    (kept,) = pressed(page, "Save", "/schedules")
    assert config_of(kept["parameters"]) == load_case("genre", "sample", FILLED_IN)


@pytest.mark.parametrize("which", PAGES)
def test_a_repeated_run_changes_the_same_and_no_more(
    which: str, server: str, deployment: UUID, page: Any
) -> None:
    chosen = {
        "strategies": ["head"],
        "training": {"epochs": 1},
        "registry": {"enabled": "no"},
        "overrides": ["training.shuffle=true"],
    }
    given = quote(json.dumps({"profile": "sample", **chosen, "force": False}))
    query = quote(given) if which == "first" else given  # as its link "Copy to new run" has it
    page.goto(f"{server}{PAGES[which]}/deployments/deployment/{deployment}/run?parameters={query}")
    field(page, "training.epochs").wait_for()
    page.wait_for_timeout(1000)
    assert submitted(page, server) == {"profile": "sample", **chosen, "force": False}
