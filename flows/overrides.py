"""The type of a flow's `overrides` parameter: every field of the configuration, none required.

Made from `CaseConfig` itself, so that the form in the Prefect UI, `prefect deployment run` and
the command line know the same fields, and an unknown one is refused before the run starts.
"""

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from tasks.config import CaseConfig

NOT_OVERRIDDEN = {"case", "title", "task", "profile", "reference"}


def _without_default(schema: dict[str, Any]) -> None:
    # The form would send a shown default back as if the user had chosen it.
    schema.pop("default", None)


def _partial(model: type[BaseModel], skip: frozenset[str] = frozenset()) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if name in skip:
            continue
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel) and _is_group(kind):
            kind = _partial(kind)
        fields[name] = (kind, _optional(info))
    return create_model(
        f"{model.__name__.removesuffix('Config')}Overrides",
        __config__=ConfigDict(extra="forbid", frozen=True),
        __doc__=model.__doc__,
        **fields,
    )


def _is_group(kind: type[BaseModel]) -> bool:
    return kind.__module__ == CaseConfig.__module__


def _optional(info: FieldInfo) -> Any:
    return Field(
        default=None,
        description=info.description,
        json_schema_extra=_without_default,
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


Overrides: Any = _partial(CaseConfig, frozenset(NOT_OVERRIDDEN))
Overrides.__name__ = "Overrides"


def as_mapping(overrides: BaseModel) -> dict[str, Any]:
    """The fields that were set, nested, ready for `load_case`."""
    return overrides.model_dump(exclude_unset=True, mode="json")
