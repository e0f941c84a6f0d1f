"""A hosted model's one-token answer, read from what the API sent.

A malformed answer is no error: what is missing stays empty, and the row counts as unparsable.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

Clean = Callable[[object], str]
"""Takes secrets out of a text."""


class Reply(BaseModel):
    """A model's one-token answer.

    Attributes:
        text: the token, empty where the server sent none.
        alternatives: the most probable tokens -> natural logarithm of their probability.
        prompt_tokens, completion_tokens: as the server counted (and bills) them.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    alternatives: dict[str, float] = {}
    prompt_tokens: int = 0
    completion_tokens: int = 0


def read_completion(found: Any, clean: Clean = str) -> Reply:
    """The reply in an answer of the completions API; what is missing or malformed stays empty."""
    choice, usage = _first_choice(found)
    logprobs = _mapping(choice.get("logprobs"))
    top = logprobs.get("top_logprobs")
    first = _mapping(top[0]) if isinstance(top, list) and top else {}
    return _reply(choice.get("text"), first, usage, clean)


def read_chat(found: Any, clean: Clean = str) -> Reply:
    """The reply in an answer of the chat API; what is missing or malformed stays empty."""
    choice, usage = _first_choice(found)
    content = _mapping(choice.get("logprobs")).get("content")
    first = _mapping(content[0]) if isinstance(content, list) and content else {}
    listed = first.get("top_logprobs")
    top: dict[Any, Any] = {}
    for item in listed if isinstance(listed, list) else []:
        top[_mapping(item).get("token")] = _mapping(item).get("logprob")
    return _reply(_mapping(choice.get("message")).get("content"), top, usage, clean)


def _first_choice(found: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = found.model_dump(warnings=False) if isinstance(found, BaseModel) else {}
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return _mapping(first), _mapping(answer.get("usage"))


def _reply(text: Any, top: dict[Any, Any], usage: dict[str, Any], clean: Clean) -> Reply:
    def count(name: str) -> int:
        value = usage.get(name)
        return value if isinstance(value, int) and value >= 0 else 0

    return Reply(
        text=clean(text) if isinstance(text, str) else "",
        alternatives={
            clean(token): float(value)
            for token, value in top.items()
            if isinstance(token, str) and isinstance(value, int | float) and value == value
        },
        prompt_tokens=count("prompt_tokens"),
        completion_tokens=count("completion_tokens"),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
