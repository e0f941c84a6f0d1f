"""The type of a flow's `overrides` parameter: every field of the configuration, none required.

Made from `CaseConfig` itself, so that the form in the Prefect UI, `prefect deployment run` and
the command line know the same fields, and an unknown one is refused before the run starts.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from tasks.address import REVEALED
from tasks.config import CaseConfig, Frozen
from tasks.config.chains import is_chain, stage_cases
from tasks.config.loading import case_model, parse_overrides
from tasks.errors import RequestError

NOT_OVERRIDDEN = {"case", "title", "task", "profile", "reference"}


class _Partial(BaseModel):
    """Base of the types made here: frozen, no unknown field, and only what was set is written.

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


YES_OR_NO = {"title": "yes or no", "type": "string", "enum": ["yes", "no"]}


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


def _partial(model: type[BaseModel], skip: frozenset[str] = frozenset()) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if name in skip:
            continue
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Frozen):
            group = _partial(kind)
            fields[name] = (group, Field(default_factory=group, description=info.description))
        else:
            fields[name] = (kind, _optional(info))
    return create_model(
        f"{model.__name__.removesuffix('Config')}Overrides",
        __base__=_Partial,
        __doc__=model.__doc__,
        **fields,
    )


def _optional(info: FieldInfo) -> Any:
    return Field(
        default=None,
        description=info.description,
        json_schema_extra=_for_the_form,
        # Constraints such as gt=0 hold in the form as they do in the file.
        **_constraints(info),
    )


def _constraints(info: FieldInfo) -> dict[str, Any]:
    if get_origin(info.annotation) is not None and type(None) in get_args(info.annotation):
        return {}
    names = ("gt", "ge", "lt", "le")
    return {
        name: getattr(item, name)
        for item in info.metadata
        for name in names
        if getattr(item, name, None) is not None
    }


@cache
def case_overrides(case: str) -> Any:
    """The type of a case's `overrides` parameter: the fields of its kind, none of them needed."""
    return _overrides(case_model(case))


@cache
def _overrides(model: type[CaseConfig]) -> Any:
    return _partial(model, frozenset(NOT_OVERRIDDEN))


@cache
def chain_overrides(chain: str) -> Any:
    """The type of a chain's `overrides` parameter: those of each stage's case, by stage."""
    fields: dict[str, Any] = {}
    for stage, case in stage_cases(chain).items():
        form = case_overrides(case)
        fields[stage] = (form, Field(default_factory=form, description=f"Of {case}."))
    return create_model(f"{chain.capitalize()}Overrides", __base__=_Partial, **fields)


def overrides_of(texts: Sequence[str], case: str) -> Any:
    """The command line's `field=value` texts, which `load_case` accepts, as `Overrides`.

    Args:
        texts: of a chain they begin with a stage.
        case: the case's or the chain's name.

    Raises:
        RequestError: a text is not of that form, or names what the case's file alone decides.
    """
    tree = parse_overrides(texts)
    for fields in tree.values() if is_chain(case) else [tree]:
        for name in fields:
            if name in NOT_OVERRIDDEN:
                hint = "give --profile instead" if name == "profile" else "change it in conf/"
                raise RequestError(f"No override changes {name}: {hint}.")
    return (chain_overrides(case) if is_chain(case) else case_overrides(case)).model_validate(tree)


def as_mapping(overrides: BaseModel) -> dict[str, Any]:
    """The fields that were set, nested, ready for `load_case`; addresses with their secrets."""
    return overrides.model_dump(mode="json", context=REVEALED)
