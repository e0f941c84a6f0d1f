"""Addresses that may hold a password or a key: used with them, shown and kept without.

They are best written with the names of environment variables, which are looked up where the
address is used:

    data.url='https://${DATA_USER}:${DATA_PASSWORD}@host/f.csv?token=${DATA_TOKEN}'

Runs, forms and schedules then keep the names, and whoever repeats one needs the same variables. A
secret that is written out works this once; what is kept of the address has *** in its place.
"""

import os
import re
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from tasks.errors import RequestError
from tasks.secrets import HIDDEN, meet, remember, shown

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Address:
    """An address that is shown, compared and kept without its secrets, and used with them."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        remember(text)

    def reveal(self) -> str:
        """The whole address, for the library that opens it.

        Raises:
            RequestError: an environment variable that it names is not set, or a secret was left
                out when it was kept.
        """
        if HIDDEN in self._text:
            raise RequestError(
                f"The address {self} was kept without its secrets: write ${{NAME}} in their place, "
                "the name of an environment variable."
            )
        missing = [name for name in _REFERENCE.findall(self._text) if not os.environ.get(name)]
        if missing:
            raise RequestError(
                f"The address {self} needs the environment variable {missing[0]}, which is not set."
            )
        found = _REFERENCE.sub(lambda named: os.environ[named[1]], self._text)
        for name in _REFERENCE.findall(self._text):
            meet(os.environ[name])
        remember(found)
        return found

    def __str__(self) -> str:
        return shown(self._text)

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self._text == other
        return isinstance(other, Address) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[type["Address"], tuple[str]]:
        return Address, (self._text,)  # another process of the run meets the secrets too

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        text = core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
        return core_schema.json_or_python_schema(
            json_schema=text,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), text]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _written,
                info_arg=True,
                return_schema=core_schema.any_schema(),
                when_used="unless-none",  # the form's fields have no value where none was chosen
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string"}


REVEALED = {"revealed": True}
"""Context of a `model_dump` that stays in this process."""


def _written(address: Address, info: core_schema.SerializationInfo) -> Any:
    if info.mode != "json":
        return address
    return address._text if info.context == REVEALED else str(address)
