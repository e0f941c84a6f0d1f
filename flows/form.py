"""The form of a flow in the Prefect UI: the fields that people change, the commonest first.

    strategies, seeds, training.epochs, …       a field each, under their configuration's names
    overrides: ["training.warmup=0.2"]          lines for everything else (`flows/overrides.py`)

Which fields those are, a case's kind says (`CaseConfig.on_the_form`). Every description
ends with the value that holds in this case. It is no default of the form: Prefect would post that
back as chosen. `prefect deployment run --param 'training={"epochs": 2}'` takes the same.
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from flows.overrides import Overrides, overrides_type
from tasks.address import REVEALED
from tasks.config import CaseConfig
from tasks.config.case_files import proper_name, read_case_file
from tasks.config.chains import is_chain, stage_cases
from tasks.config.loading import case_model, load_case
from tasks.errors import RequestError
from tasks.wording import cut

LISTS = ("strategies", "seeds")
"""Fields outside of any section; an empty list leaves them as the case has them."""
YES_OR_NO = {"title": "yes or no", "type": "string", "enum": ["yes", "no"]}
PROFILE = "Of what ships with Thaw (`sample`), or the chapter's models and data (`book`)."
FORCE = "Train finished arms anew."
OTHERS = (
    "Any other field of the configuration, a line each: `training.extra.adam_beta2=0.98`. "
    "`thaw show CASE` lists them all."
)


class Group(BaseModel):
    """Base of the form's sections: frozen, no unknown field, and only what was set is written.

    Prefect keeps a run's parameters and offers them for the next one: nulls for all that was
    not set would come back as values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _as_the_form_writes(cls, given: Any) -> Any:
        """Read the form's JSON fields, which Prefect keeps of a schedule as they were posted.

        Of a run it reads them itself. A field that nobody touched has no value.
        """
        if not isinstance(given, dict):
            return given
        fields = {}
        for name, value in given.items():
            written = isinstance(value, dict) and value.get("__prefect_kind") == "json"
            if not written:
                fields[name] = value
            elif value.get("value"):
                fields[name] = json.loads(value["value"])
        return fields

    @model_serializer(mode="wrap")
    def _only_what_was_set(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if name in self.model_fields_set}

    def chosen(self) -> dict[str, Any]:
        """The fields that were set, nested, without empty groups; addresses with their secrets."""
        written = self.model_dump(mode="json", context=REVEALED)
        groups = {name for name in written if isinstance(getattr(self, name), Group)}
        return {
            name: getattr(self, name).chosen() if name in groups else value
            for name, value in written.items()
            if value not in ({}, [])
        }


def parameters_of(case: str) -> list[inspect.Parameter]:
    """The parameters of the flow of a case or a chain, in the order of its form.

    Raises:
        RequestError: there is no such case.
    """
    if is_chain(case):
        stages = stage_cases(case)
        groups = [
            (stage, _stage_group(stage, of), f"Of the case {of}.") for stage, of in stages.items()
        ]
        profiles = tuple(read_case_file(next(iter(stages.values()))).get("profiles") or ())
    else:
        groups = _of_case(case)
        profiles = tuple(read_case_file(case).get("profiles") or ())
    choice: Any = Literal[profiles] if profiles else None
    made = [_parameter("profile", choice, profiles[0], PROFILE)] if profiles else []
    made += [_parameter(name, type_, _start_of(type_), told) for name, type_, told in groups]
    made.append(_parameter("overrides", overrides_type(case), (), OTHERS))
    return [*made, _parameter("force", bool, False, FORCE)]


def _parameter(name: str, type_: Any, default: Any, told: str) -> inspect.Parameter:
    field = Field(default=default, description=told)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field, annotation=type_)


def _start_of(type_: Any) -> Any:
    """What a parameter is where the form was not touched."""
    return type_() if isinstance(type_, type) else ()


def chosen_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a flow's parameters change, ready for `load_case` (or `load_chain`).

    Raises:
        RequestError: a line of `overrides` is of another form, or names what a field says, too.
    """
    tree: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, Group):
            tree[name] = value.chosen()
        elif name in LISTS and value:
            tree[name] = list(value)
    overrides: Overrides = given["overrides"]
    return _both(tree, overrides.as_mapping())


def _both(form: Mapping[str, Any], lines: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    joined = {name: value for name, value in form.items() if value != {}}
    for name, value in lines.items():
        if isinstance(value, Mapping) and isinstance(joined.get(name), Mapping):
            joined[name] = _both(joined[name], value, f"{prefix}{name}.")
        elif name in joined:
            raise RequestError(
                f"{prefix}{name} is given twice, by its own field of the form and by a line of "
                "`overrides`: leave one of them."
            )
        else:
            joined[name] = value
    return joined


# --- how the fields are made ----------------------------------------------------------------------


def _of_case(case: str) -> list[tuple[str, Any, str]]:
    """(name, type, description) of each parameter that a case's configuration stands behind."""
    model, values = case_model(case), _Values(case)
    lists = [
        (name, Annotated[_section(model, name), AfterValidator(_plain)], _told(model, name, values))
        for name in LISTS
    ]
    fields = model.on_the_form()
    return [
        *lists,
        *(
            (section, _group(model, section, fields, values), str(_section(model, section).__doc__))
            for section in dict.fromkeys(name.partition(".")[0] for name in fields)
        ),
    ]


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """A checked list as it was written, which Prefect can keep."""
    return tuple(value if isinstance(value, int) else str(value) for value in values)


def _stage_group(stage: str, case: str) -> type[Group]:
    """A stage of a chain: a group of the commonest fields of its case."""
    model, values = case_model(case), _Values(case)
    fields: dict[str, Any] = {}
    for name in LISTS:
        told = _told(model, name, values)
        fields[name] = (_section(model, name), _field(told, f"{stage}.{name}"))
    for section in dict.fromkeys(name.partition(".")[0] for name in model.commonest):
        group = _group(model, section, model.commonest, values, f"{stage}.")
        fields[section] = (group, Field(default_factory=group))
    return create_model(stage.capitalize(), __base__=Group, **fields)


def _group(
    model: type[CaseConfig],
    section: str,
    names: Sequence[str],
    values: "_Values",
    prefix: str = "",
) -> type[Group]:
    of, fields = _section(model, section), {}
    for name in names:
        if not name.startswith(f"{section}."):
            continue
        info = of.model_fields[name.partition(".")[2]]
        told = f"{info.description} {values.sentence(name)}"
        field = _field(told, f"{prefix}{name}", **_constraints(info))
        fields[name.partition(".")[2]] = (info.annotation, field)
    title = f"{prefix}{section}".replace(".", "_")
    create: Any = create_model
    made: type[Group] = create(title, __base__=Group, __doc__=of.__doc__, **fields)
    return made


def _section(model: type[CaseConfig], name: str) -> Any:
    return model.model_fields[name].annotation


def _told(model: type[CaseConfig], name: str, values: "_Values") -> str:
    return f"{model.model_fields[name].description} {values.sentence(name)}"


def _field(told: str, title: str, **constraints: Any) -> Any:
    """A field without a value, which the form shows under its configuration's name."""
    return Field(
        default=None, title=title, description=told, json_schema_extra=_for_the_form, **constraints
    )


def _for_the_form(schema: dict[str, Any]) -> None:
    """Take from a field's schema what Prefect's page would send back though nobody chose it.

    That is a shown default, and the `false` of a switch that was never touched (Prefect issue
    12645): yes or no is chosen from a list that starts empty. The boolean stays behind it, for
    files, `--param` and runs that are repeated; both mean the same to Pydantic.
    """
    schema.pop("default", None)
    if schema.get("type") == "boolean":
        schema["anyOf"] = [{"type": schema.pop("type")}]
    shapes = schema.get("anyOf", [])
    if {"type": "boolean"} in shapes:
        shapes.insert(shapes.index({"type": "boolean"}), YES_OR_NO)


def _constraints(info: FieldInfo) -> dict[str, Any]:
    """Constraints such as gt=0, which hold in the form as they do in the file."""
    if get_origin(info.annotation) is not None and type(None) in get_args(info.annotation):
        return {}
    names = ("gt", "ge", "lt", "le")
    return {
        name: getattr(item, name)
        for item in info.metadata
        for name in names
        if getattr(item, name, None) is not None
    }


class _Values:
    """The values of a case's fields, by profile."""

    def __init__(self, case: str) -> None:
        profiles = tuple(read_case_file(case).get("profiles") or ()) or (None,)
        self.by_profile = {}
        for profile in profiles:
            try:
                config = load_case(case, profile)
            except RequestError:  # it needs an override: that is said when it runs
                continue
            self.by_profile[profile or proper_name(case)] = config.model_dump(mode="json")

    def sentence(self, name: str) -> str:
        """What a field says where nobody changes it; differing profiles each by name."""
        found = {profile: self._shown(tree, name) for profile, tree in self.by_profile.items()}
        if len(set(found.values())) == 1:
            return f"Here: {next(iter(found.values()))}."
        each = ", ".join(f"{value} ({profile})" for profile, value in found.items())
        return f"Here: {each}." if each else ""

    @staticmethod
    def _shown(tree: Any, name: str) -> str:
        for part in name.split("."):
            tree = tree[part]
        if tree in (None, "", [], {}):
            return "not set"
        if isinstance(tree, bool):
            return "yes" if tree else "no"
        written = tree if isinstance(tree, str) else json.dumps(tree, ensure_ascii=False)
        return f"`{cut(written)}`"
