"""Deployments: the schedule of conf/, the form's fields, and the same overrides from everywhere."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from genre_runs import ROOT, Store, options, thaw
from prefect.client.orchestration import get_client
from prefect.exceptions import ParameterTypeError, PrefectHTTPStatusError
from pydantic import ValidationError

from flows.catalogue import flow_of, runnable_cases
from flows.genre import genre
from flows.overrides import NOT_OVERRIDDEN, as_mapping, case_overrides, overrides_of
from flows.serving import deployment_of
from tasks.config.loading import case_model, load_case
from tasks.errors import RequestError

Overrides = case_overrides("genre")


def schema_of(case: str) -> dict[str, Any]:
    schema: dict[str, Any] = deployment_of(case)._parameter_openapi_schema.model_dump()
    return schema


@pytest.mark.parametrize("case", runnable_cases())
def test_a_case_is_served_on_the_schedule_of_its_file(case: str) -> None:
    given = load_case(case).schedule
    deployment = deployment_of(case)
    (schedule,) = deployment.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == (given.cron, given.timezone)
    assert deployment.entrypoint.endswith(f"flows/{case}.py:{case}")
    assert {"thaw", case} <= set(deployment.tags)


@pytest.mark.parametrize("case", runnable_cases())
def test_the_form_knows_every_field_and_no_other(case: str) -> None:
    schema = schema_of(case)
    assert set(schema["properties"]) == {"profile", "overrides", "force"}
    definitions = schema["definitions"]
    for kind, group in definitions.items():
        assert group["additionalProperties"] is False
        assert "required" not in group  # nothing has to be overridden
        if not kind.endswith("Overrides"):
            continue  # an item of a list (a reward) is written whole
        for name, field in group["properties"].items():
            assert "default" not in field, name  # the form would send it back as chosen
            # Nor a switch: the form would send false for one that nobody touched.
            assert field.get("anyOf", [field])[0].get("type") != "boolean", name
    epochs = definitions["TrainingOverrides"]["properties"]["epochs"]
    assert (epochs["type"], epochs["exclusiveMinimum"]) == ("number", 0)
    assert "Passes over the training part" in epochs["description"]
    model = case_model(case)
    of_case = set(definitions[f"{model.__name__}Overrides"]["properties"])
    assert of_case == set(model.model_fields) - NOT_OVERRIDDEN
    assert schema["properties"]["overrides"]["default"] == {}


def test_a_schedule_that_cron_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.setenv("THAW_CONF", str(conf))
    original = (conf / "genre.yaml").read_text()
    (conf / "genre.yaml").write_text(original.replace('"0 3 * * *"', '"every night"'))
    with pytest.raises(RequestError, match=r"schedule\.cron: Invalid cron string"):
        deployment_of("genre")
    (conf / "genre.yaml").write_text(original.replace("timezone: UTC", "timezone: Mars/Base"))
    with pytest.raises(RequestError, match=r"schedule\.timezone: Invalid timezone"):
        deployment_of("genre")


def test_serving_needs_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        answer = thaw("serve")
    assert answer.code == 2
    assert "prefect server start" in answer.sentence


def test_a_run_from_the_deployment_takes_overrides_and_refuses_others() -> None:
    deployment_id = deployment_of("genre").apply()
    overrides = {"training": {"epochs": 1}, "strategies": ["full", "head"], "seeds": [7]}
    with get_client(sync_client=True) as client:
        served = client.read_deployment(deployment_id)
        assert served.schedules[0].schedule.cron == load_case("genre").schedule.cron
        run = client.create_flow_run_from_deployment(
            deployment_id, parameters={"profile": "sample", "overrides": overrides}
        )
        assert client.read_flow_run(run.id).parameters["overrides"] == overrides
        for wrong in (
            {"training": {"epoch": 1}},
            {"training": {"epochs": "many"}},
            {"trainin": {}},
        ):
            with pytest.raises(PrefectHTTPStatusError) as refusal:
                client.create_flow_run_from_deployment(
                    deployment_id, parameters={"overrides": wrong}
                )
            assert refusal.value.response.status_code in (409, 422)
        # What Prefect keeps of a run can be sent again as it is ("copy to new run").
        kept = genre.serialize_parameters(genre.validate_parameters({"overrides": overrides}))
        assert kept["overrides"] == overrides
        client.create_flow_run_from_deployment(deployment_id, parameters=kept)
        client.create_flow_run_from_deployment(
            deployment_id,
            parameters=genre.serialize_parameters({"overrides": Overrides()}),
        )


@pytest.mark.parametrize(("said", "meant"), [("yes", True), ("no", False), (True, True), (0, None)])
def test_yes_and_no_of_the_form_are_true_and_false_of_files(
    said: str | bool | int, meant: bool | None
) -> None:
    deployment_id = deployment_of("genre").apply()
    given = {"overrides": {"registry": {"enabled": said}, "split": {"drop_duplicates": said}}}
    with get_client(sync_client=True) as client:
        if meant is None:
            with pytest.raises(PrefectHTTPStatusError):
                client.create_flow_run_from_deployment(deployment_id, parameters=given)
            return
        client.create_flow_run_from_deployment(deployment_id, parameters=given)
    overrides = as_mapping(genre.validate_parameters(given)["overrides"])
    assert overrides == {"registry": {"enabled": meant}, "split": {"drop_duplicates": meant}}
    texts = [f"registry.enabled={meant}".lower(), f"split.drop_duplicates={said}".lower()]
    assert load_case("genre", "sample", texts) == load_case("genre", "sample", overrides)


def test_what_the_form_posts_for_a_schedule_is_read_as_that_of_a_run() -> None:
    untouched = {"__prefect_kind": "json"}
    posted = {
        "strategies": ["head"],
        "data": {
            "columns": untouched,
            "rename_labels": untouched | {"value": '{"Sci-Fi": "Science"}'},
        },
        "training": {"epochs": 1, "shuffle": "no", "extra": untouched},
        "grid": untouched,
    }
    assert as_mapping(Overrides.model_validate(posted)) == {
        "strategies": ["head"],
        "data": {"rename_labels": {"Sci-Fi": "Science"}},
        "training": {"epochs": 1, "shuffle": False},
    }
    posted["grid"] = {"__prefect_kind": "json", "value": "{not JSON"}
    with pytest.raises(ValidationError, match="Expecting property name"):
        Overrides.model_validate(posted)


def test_a_flow_called_with_a_nested_mapping_runs_like_the_command(
    small: tuple[str, ...],
) -> None:
    texts = [*small, "strategies=[head]"]
    result = genre(overrides=as_mapping(overrides_of(texts, "genre")))
    assert {entry.name for entry in result.comparison.arms} == {"head"}
    again = thaw("run", "genre", *options(*texts))
    assert "nothing was trained" in again.out
    assert [run.info.run_id for run in Store().sweeps()] == [result.run_id]


def test_a_flow_refuses_an_unknown_override_before_it_runs() -> None:
    with pytest.raises(ParameterTypeError, match="epoch"):
        genre.validate_parameters({"overrides": {"training": {"epoch": 1}}})
    assert Store().sweeps() == []


def test_what_is_not_overridden_stays_as_conf_has_it() -> None:
    assert as_mapping(Overrides()) == {}
    assert as_mapping(Overrides.model_validate({"training": {}})) in (
        {},
        {"training": {}},
    )
    for profile in ("sample", "book"):
        assert load_case("genre", profile, as_mapping(Overrides())) == load_case("genre", profile)
    one = load_case("genre", "sample", as_mapping(overrides_of(["training.epochs=1"], "genre")))
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
    ],
)
def test_the_command_and_the_form_mean_the_same(texts: list[str]) -> None:
    from_command = load_case("genre", "sample", texts)
    assert load_case("genre", "sample", as_mapping(overrides_of(texts, "genre"))) == from_command
    form = Overrides.model_validate(
        as_mapping(overrides_of(texts, "genre"))
    )  # through JSON and back
    assert load_case("genre", "sample", as_mapping(form)) == from_command
    assert from_command != load_case("genre")


def test_prefect_yaml_names_flows_that_exist_and_parameters_that_they_take() -> None:
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    assert content["deployments"]
    for deployment in content["deployments"]:
        path, _, name = deployment["entrypoint"].partition(":")
        assert (ROOT / path).is_file()
        flow = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
        assert flow is flow_of(name)
        flow.validate_parameters(deployment.get("parameters", {}))
        (schedule,) = deployment["schedules"]
        assert schedule["cron"] == load_case(name).schedule.cron
        assert schedule["timezone"] == load_case(name).schedule.timezone
