"""The `overrides` parameter of every flow: lines as after `-o` on the command line.

    overrides: ["training.epochs=1", "training.extra.adam_beta2=0.98"]

Every field of the configuration can be overridden so, from the Prefect UI, `prefect deployment
run --param` and the command line alike. An unknown one is refused before the run starts, with the
nearest that there is; its value, when the flow reads its configuration, before anything else.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, RootModel, WithJsonSchema, model_validator

from tasks.config.chains import check_stages, is_chain, stage_cases
from tasks.config.loading import case_model, check_names, parse_overrides
from tasks.errors import RequestError
from tasks.secrets import hidden_addresses

NOT_OVERRIDDEN = {"case", "title", "task", "profile", "reference"}
Line = Annotated[str, PlainSerializer(hidden_addresses, when_used="json")]


class Overrides(RootModel[tuple[Line, ...]], frozen=True):
    """Lines `field=value`; a nested mapping of fields, as programs write it, becomes such lines.

    Prefect keeps them without the secrets of addresses in them.
    """

    root: tuple[Line, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _as_lines(cls, given: Any) -> Any:
        return lines_of(given) if isinstance(given, Mapping) else given

    def as_mapping(self) -> dict[str, Any]:
        """The same nested, ready for `load_case`.

        Raises:
            RequestError: a line is not of the form `field=value`.
        """
        return parse_overrides(self.root)


def lines_of(tree: Mapping[str, Any]) -> list[str]:
    """A nested mapping of fields as lines; values are JSON, which is YAML."""
    return [
        f"{name}={json.dumps(value, ensure_ascii=False, default=str)}"
        for section, fields in tree.items()
        for name, value in (
            [(f"{section}.{field}", value) for field, value in fields.items()]
            if isinstance(fields, Mapping)
            else [(section, fields)]
        )
    ]


def overrides_type(case: str) -> Any:
    """The type of the parameter in the flow of a case or a chain."""
    return Annotated[
        Overrides,
        AfterValidator(partial(_checked, case)),
        WithJsonSchema(
            {"type": "array", "items": {"type": "string", "pattern": r"^\s*[\w.]+\s*=[\s\S]*$"}}
        ),
    ]


def _checked(case: str, overrides: Overrides) -> Overrides:
    try:
        check_overrides(overrides.as_mapping(), case)
    except RequestError as error:
        raise ValueError(str(error)) from error  # what Prefect takes for a wrong parameter
    return overrides


def overrides_of(texts: Sequence[str], case: str) -> Overrides:
    """The command line's `field=value` texts as the flow takes them.

    Args:
        texts: of a chain they begin with a stage.
        case: the case's or the chain's name.

    Raises:
        RequestError: a text is not of that form, or names what the case's file alone decides.
    """
    overrides = Overrides(tuple(texts))
    check_overrides(overrides.as_mapping(), case)
    return overrides


def check_overrides(tree: Mapping[str, Any], case: str) -> None:
    """Refuse names that the case does not have, and those that its file alone decides.

    Raises:
        RequestError: the first such name.
    """
    if is_chain(case):
        check_stages(tree, case)
        for stage, fields in tree.items():
            check_overrides(fields, stage_cases(case)[stage])
        return
    for name in tree:
        if name in NOT_OVERRIDDEN:
            hint = "give --profile instead" if name == "profile" else "change it in conf/"
            raise RequestError(f"No override changes {name}: {hint}.")
    check_names(tree, case_model(case))
