"""Deployments: the schedule of conf/, the form's fields, and the same overrides from everywhere."""

import shutil
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from genre_runs import ROOT, Store, options, thaw
from prefect import task
from prefect.client.orchestration import get_client
from prefect.exceptions import (
    ParameterTypeError,
    PrefectHTTPStatusError,
    SignatureMismatchError,
)
from prefect.utilities.callables import get_call_parameters
from prefect.utilities.names import generate_slug

from flows.catalogue import flow_of, runnable_cases
from flows.form import chosen_fields
from flows.genre import genre
from flows.hosted import run_hosted, start_job
from flows.overrides import NOT_OVERRIDDEN, overrides_of
from flows.preparing import fetch, ingest_data
from flows.run_names import named, with_given
from flows.schedules import deployment_name
from flows.serving import deployment_of
from flows.unattended import TRIES
from tasks.config import CaseConfig
from tasks.config.case_files import read_case_file
from tasks.config.chains import load_any, stage_cases
from tasks.config.loading import case_model, known_fields, load_case, parse_overrides
from tasks.errors import RequestError, ThawError


def config_of(**parameters: Any) -> CaseConfig:
    """What a run of the genre flow makes of its parameters."""
    given = genre.validate_parameters(get_call_parameters(genre.fn, (), parameters))
    return load_case("genre", given["profile"], chosen_fields(given))


def schema_of(case: str) -> dict[str, Any]:
    schema: dict[str, Any] = deployment_of(case)._parameter_openapi_schema.model_dump()
    return schema


@pytest.mark.parametrize("case", [*runnable_cases(), "sawyer"])
def test_a_shipped_case_is_served_on_request_under_its_name(case: str) -> None:
    deployment = deployment_of(case)
    assert (deployment.name, deployment.schedules) == (case, [])
    assert deployment.entrypoint.endswith(f"flows/{case}.py:{case}")
    assert {"thaw", case, read_case_file(case).get("task", "policy")} == set(deployment.tags)


@pytest.fixture
def scheduled_genre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of conf/ in which the file of genre gives a schedule."""
    conf = shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.setenv("THAW_CONF", str(conf))
    with (conf / "genre.yaml").open("a") as file:
        file.write('\nschedule:\n  cron: "0 3 * * *"\n  timezone: Europe/Vienna\n')
    return conf / "genre.yaml"


def test_a_case_whose_file_has_a_schedule_is_served_on_it(scheduled_genre: Path) -> None:
    deployment = deployment_of("genre")
    assert deployment.name == "genre-nightly"
    (schedule,) = deployment.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 3 * * *", "Europe/Vienna")


@pytest.mark.parametrize(
    ("cron", "word"),
    [
        ("15 23 * * *", "nightly"),
        ("0 12 * * *", "daily"),
        ("0 * * * *", "hourly"),
        ("0 2 * * 0", "weekly"),
        ("0 2 1 * *", "monthly"),
        ("*/5 1-3 * * 1-5", "scheduled"),
    ],
)
def test_a_deployment_says_how_often_it_runs(cron: str, word: str) -> None:
    assert deployment_name("genre", cron) == f"genre-{word}"


def test_serving_says_at_once_what_is_served(
    scheduled_genre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[str, ...]] = []
    monkeypatch.setattr("flows.serving.serve_cases", lambda cases, limit: served.append(cases))
    answer = thaw("serve", "genre", "spam")
    assert answer.out.split("\n")[0].split() == [
        *("genre/genre-nightly", "0", "3", "*", "*", "*", "Europe/Vienna")
    ]
    assert answer.out.split("\n")[1].split() == ["spam/spam", "on", "request"]
    thaw("serve")
    assert served == [("genre", "spam"), (*runnable_cases(), "sawyer")]


def fields_of(schema: dict[str, Any], definitions: dict[str, Any], above: str = "") -> list[Any]:
    """(name, schema) of every field of a form, in its order; a group's are `group.field`."""
    found = []
    for name, field in schema["properties"].items():
        group = definitions.get(field.get("$ref", "").rpartition("/")[2], {})
        if "properties" in group:
            assert field.get("default", {}) == {}  # nothing is chosen until somebody does
            assert group["additionalProperties"] is False
            assert "required" not in group  # nothing has to be filled in
            found += fields_of(group, definitions, f"{above}{name}.")
        else:
            found.append((f"{above}{name}", field))
    return found


@pytest.mark.parametrize("case", [*runnable_cases(), "sawyer"])
def test_the_form_has_what_people_change_and_lines_for_the_rest(case: str) -> None:
    schema = schema_of(case)
    fields = fields_of(schema, schema["definitions"])
    names = [name for name, _ in fields]
    assert len(names) <= 60
    assert len({field["title"] for _, field in fields}) == len(names)  # none stands twice
    assert (names[0], names[-2:]) == ("profile", ["overrides", "force"])
    stages = stage_cases(case) if case == "sawyer" else {"": case}
    for stage, of in stages.items():
        model = case_model(of)
        known = set(known_fields(model))
        here = [name.removeprefix(f"{stage}.") for name in names[1:-2] if name.startswith(stage)]
        assert set(here) <= known - NOT_OVERRIDDEN
        assert here[:10] == ["strategies", "seeds", *model.commonest]
    for name, field in fields[1:-2]:
        assert "Here: " in field["description"], name
        assert field.get("default", []) == [], name  # the form would send it back as chosen
        # Nor a switch: the form would send false for one that nobody touched.
        assert field.get("anyOf", [field])[0].get("type") != "boolean", name


def test_a_field_says_what_it_is_in_this_case() -> None:
    schema = schema_of("genre")
    told = dict(fields_of(schema, schema["definitions"]))
    assert (told["training.epochs"]["type"], told["training.epochs"]["exclusiveMinimum"]) == (
        "number",
        0,
    )
    epochs = [f"`{load_case('genre', each).training.epochs:.1f}`" for each in ("sample", "book")]
    here = epochs[0] if len(set(epochs)) == 1 else f"{epochs[0]} (sample), {epochs[1]} (book)"
    said = told["training.epochs"]["description"]
    assert said == f"Passes over the training part. Here: {here}."
    assert told["registry.enabled"]["description"].endswith("Here: yes.")


def test_a_schedule_that_cron_does_not_know(scheduled_genre: Path) -> None:
    original = scheduled_genre.read_text()
    scheduled_genre.write_text(original.replace('"0 3 * * *"', '"every night"'))
    with pytest.raises(RequestError, match=r"schedule\.cron: Invalid cron string"):
        deployment_of("genre")
    scheduled_genre.write_text(original.replace("Europe/Vienna", "Mars/Base"))
    with pytest.raises(RequestError, match=r"schedule\.timezone: Invalid timezone"):
        deployment_of("genre")


def test_serving_needs_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        answer = thaw("serve")
    assert answer.code == 2
    assert "prefect server start" in answer.sentence


def test_a_run_from_the_deployment_takes_fields_and_lines_and_refuses_others() -> None:
    deployment_id = deployment_of("genre").apply()
    chosen = {
        "strategies": ["full", "head"],
        "seeds": [7],
        "training": {"epochs": 1},
        "overrides": ["training.extra.adam_beta2=0.98", "data.separator=;"],
    }
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(
            deployment_id, parameters={"profile": "sample", **chosen}
        )
        assert client.read_flow_run(run.id).parameters == {"profile": "sample", **chosen}
        for wrong in (
            {"training": {"epoch": 1}},
            {"training": {"epochs": "many"}},
            {"overrides": ["training.epochs"]},
        ):
            with pytest.raises(PrefectHTTPStatusError) as refusal:
                client.create_flow_run_from_deployment(deployment_id, parameters=wrong)
            assert refusal.value.response.status_code in (409, 422)
        # What Prefect keeps of a run can be sent again as it is ("copy to new run").
        given = get_call_parameters(genre.fn, (), chosen)
        kept = genre.serialize_parameters(genre.validate_parameters(given))
        assert {name: value for name, value in kept.items() if value not in ({}, [], False)} == {
            "profile": "sample",
            **chosen,
        }
        client.create_flow_run_from_deployment(deployment_id, parameters=kept)
    texts = ["strategies=[full,head]", "seeds=[7]", "training.epochs=1", *chosen["overrides"]]
    assert config_of(**kept) == load_case("genre", "sample", texts)


@pytest.mark.parametrize(("said", "meant"), [("yes", True), ("no", False), (True, True), (0, None)])
def test_yes_and_no_of_the_form_are_true_and_false_of_files(
    said: str | bool | int, meant: bool | None
) -> None:
    deployment_id = deployment_of("genre").apply()
    given = {"registry": {"enabled": said}}
    with get_client(sync_client=True) as client:
        if meant is None:
            with pytest.raises(PrefectHTTPStatusError):
                client.create_flow_run_from_deployment(deployment_id, parameters=given)
            return
        client.create_flow_run_from_deployment(deployment_id, parameters=given)
    assert config_of(**given) == load_case("genre", "sample", [f"registry.enabled={meant}".lower()])


def test_what_the_form_posts_for_a_schedule_is_read_as_that_of_a_run() -> None:
    untouched = {"__prefect_kind": "json"}
    posted = {
        "strategies": ["head"],
        "data": {
            "columns": untouched,
            "rename_labels": untouched | {"value": '{"Sci-Fi": "Science"}'},
        },
        "training": {"epochs": 1},
        "registry": {"enabled": "no"},
    }
    texts = ["strategies=[head]", "data.rename_labels={Sci-Fi: Science}", "training.epochs=1"]
    assert config_of(**posted) == load_case("genre", None, [*texts, "registry.enabled=false"])
    posted["data"]["columns"] = untouched | {"value": "{not JSON"}
    with pytest.raises(ParameterTypeError, match="Expecting property name"):
        config_of(**posted)


def test_a_flow_called_with_a_nested_mapping_runs_like_the_command(
    small: tuple[str, ...],
) -> None:
    texts = [*small, "strategies=[head]"]
    result = genre(overrides=parse_overrides(texts))
    assert {entry.name for entry in result.comparison.arms} == {"head"}
    again = thaw("run", "genre", *options(*texts))
    assert "nothing was trained" in again.out
    assert [run.info.run_id for run in Store().sweeps()] == [result.run_id]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"training": {"epoch": 1}}, "epoch"),
        ({"overrides": ["training.epoch=1"]}, r"training\.epoch \(did you mean training\.epochs"),
        ({"overrides": ["epochs"]}, "not of the form field=value"),
        ({"overrides": ["case=spam"]}, "No override changes case"),
    ],
)
def test_a_flow_refuses_an_unknown_override_before_it_runs(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ParameterTypeError, match=sentence):
        config_of(**given)
    with pytest.raises(SignatureMismatchError, match="trainin"):
        genre.validate_parameters({"trainin": {}})
    assert Store().sweeps() == []


def test_a_field_is_not_given_twice() -> None:
    with pytest.raises(RequestError, match=r"training\.epochs is given twice"):
        config_of(training={"epochs": 1}, overrides=["training.epochs=2"])


def test_what_is_not_overridden_stays_as_conf_has_it() -> None:
    for profile in ("sample", "book"):
        assert config_of(profile=profile) == load_case("genre", profile)
        assert config_of(profile=profile, training={}, seeds=[]) == load_case("genre", profile)
    one = config_of(overrides=["training.epochs=1"])
    assert one.model_copy(update={"training": load_case("genre").training}) == load_case("genre")
    assert one.training.epochs == 1


@pytest.mark.parametrize(
    "texts",
    [
        ["training.epochs=1", "strategies=[full,freeze_4,head]", "seeds=[1,2]"],
        ["grid.training.learning_rate=[0.0001,0.001]", "grid.model.max_length=[64,128]"],
        ["data.path=some file.csv", "data.columns.synopsis=plot", "data.min_label_count=9"],
        ["data.columns={title: Name}", "data.rename_labels={Sci-Fi: ''}", "data.separator=;"],
        ["split.near_duplicates=null", "training.patience=null", "model.pooling=null"],
        ["training.extra={adam_beta1: 0.8}", "model.base=some/model", "data.hub=some/data"],
        ["training.learning_rate=1e-5", "data.separator=','", "hosted.system='yes: a \"word\"'"],
    ],
)
def test_the_command_the_form_and_programs_mean_the_same(texts: list[str]) -> None:
    from_command = load_case("genre", "sample", texts)
    assert from_command != load_case("genre")
    assert config_of(overrides=texts) == from_command
    assert config_of(overrides=overrides_of(texts, "genre")) == from_command
    assert config_of(overrides=parse_overrides(texts)) == from_command


def test_runs_are_named_for_what_they_do() -> None:
    def name(**parameters: Any) -> str:
        given = genre.validate_parameters(get_call_parameters(genre.fn, (), parameters))
        return named("genre", given, datetime(2026, 3, 1, 3, 0, 12))

    assert name(strategies=["head"]) == "genre: head on genre.jsonl, 2026-03-01 03:00:12"
    assert name(overrides=["data.path=a/films.csv"]) == (
        "genre: full, freeze_4, last_1 and 1 more on films.csv, 2026-03-01 03:00:12"
    )
    assert name(overrides=["strategies=[nothing]"]) == "genre, 2026-03-01 03:00:12"


def test_a_name_that_somebody_typed_stays() -> None:
    assert all(with_given(generate_slug(2), "does") == "does" for _ in range(50))
    assert with_given("", "does") == "does"
    for typed in ("nightly", "run 7", "otter", "For the boss", "genre: full on a.csv, 2026"):
        assert with_given(typed, "does") == typed
    # Prefect's two forms fill in such names, or somebody typed them.
    for filled_in in ("sigma3-wasat", "Sleek-Bombay", "Small-Vicuña"):
        assert with_given(filled_in, "does") == f"{filled_in} (does)"


@pytest.mark.parametrize("unattended", [True, False])
def test_what_reaches_outside_is_tried_again_where_nobody_watches(
    unattended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SimpleNamespace(deployment_id="nightly" if unattended else None)
    context = SimpleNamespace(get=lambda: SimpleNamespace(flow_run=run))
    monkeypatch.setattr("flows.unattended.FlowRunContext", context)
    tried: list[int] = []

    @task(**TRIES | {"retry_delay_seconds": 0})
    def reach(error: Exception) -> None:
        tried.append(1)
        raise error

    for error, times in ((ThawError("no network"), 3), (RequestError("no such hub data"), 1)):
        tried.clear()
        with pytest.raises(type(error)):
            reach(error)
        assert len(tried) == (times if unattended else 1)
    assert all(step.retries == 2 for step in (fetch, ingest_data, start_job, run_hosted))


def test_prefect_yaml_deploys_every_case_as_serving_does() -> None:
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    deployed = {each["name"]: each for each in content["deployments"]}
    assert set(deployed) == {*runnable_cases(), "sawyer"}
    for name, deployment in deployed.items():
        path, _, flow = deployment["entrypoint"].partition(":")
        module = import_module(path.removesuffix(".py").replace("/", "."))
        assert getattr(module, flow) is flow_of(name)
        assert set(deployment["tags"]) == set(deployment_of(name).tags)
        assert deployment["work_pool"]["work_queue_name"] == "gpu"
        assert not load_any(name).schedule.cron
