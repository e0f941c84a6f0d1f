"""Values as a file writes them: numbers of JSON, and lists and objects that stand in a text.

A data frame that is saved as CSV writes its lists as Python does (`['a', 'b']`), one of numpy
arrays without commas (`['a' 'b']`), PostgreSQL in braces (`{a,b}`), Stack Overflow each in angle
brackets (`<a><b>`), other tools as JSON does.
"""

import ast
import csv
import io
import json
import re
import tokenize
from typing import Any

_ARRAY = re.compile(r"\{[^{}:]*\}")
_TAGS = re.compile(r"(?:<[^<>\s/]+>)+")
_BROKEN = re.compile("[\ud800-\udfff]")
BROKEN_TEXT = "half a surrogate pair is no Unicode text"


class Number(str):
    """A number of a JSON file: the text that it is there, since 1.10 must not become 1.1."""

    __slots__ = ()


DECODER = json.JSONDecoder(
    parse_int=Number,
    parse_float=Number,
    parse_constant=lambda name: None if name == "NaN" else name,
)


def as_json(value: Any) -> str:
    """`value` as JSON writes it, numbers of a file as they stand there."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        inside = (
            f"{json.dumps(str(k), ensure_ascii=False)}: {as_json(v)}" for k, v in value.items()
        )
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_json, value))}]"
    return json.dumps(value, ensure_ascii=False, default=str)


def listed(text: str) -> list[Any] | dict[Any, Any] | None:
    """The list or object that a text writes, in JSON's or Python's way; None for any other text."""
    text = text.strip()
    if _TAGS.fullmatch(text):
        return re.findall(r"<([^<>]+)>", text)
    if text[:1] + text[-1:] not in ("[]", "{}", "()"):
        return None
    try:
        found = DECODER.decode(text)
    except (ValueError, RecursionError):
        found = _python(text)
        if found is None and _ARRAY.fullmatch(text):
            inside = next(csv.reader([text[1:-1]], skipinitialspace=True), [])
            return [each for each in inside if each]
    found = unwrapped(found)
    if isinstance(found, set | tuple):
        found = sorted(found, key=str) if isinstance(found, set) else list(found)
    return found if isinstance(found, list | dict) else None


def unwrapped(value: Any) -> Any:
    """The list that is all an object holds (`{"choices": ["a", "b"]}`), and of a list of objects
    that have names (`[{"id": 5, "name": "a"}]`, as GitHub writes labels) these; anything else as it
    is."""
    inside = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else None
    found = inside if isinstance(inside, list) else value
    if isinstance(found, list) and found and all(map(_has_a_name, found)):
        return [each["name"] for each in found]
    return found


def _has_a_name(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _python(text: str) -> Any:
    try:
        found = ast.literal_eval(text)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            return found
        # Python joins 'a' 'b' to 'ab'; an array of numpy means two items.
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        return [ast.literal_eval(each.string) for each in tokens if each.type == tokenize.STRING]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError):
        return None


def is_broken(value: Any) -> bool:
    """Whether a text, or one of a list or tuple, holds half a surrogate pair.

    JSON can write one (`"\\ud83d"`), and JavaScript does where it cuts a text inside an emoji.
    """
    if isinstance(value, str):
        return _BROKEN.search(value) is not None
    return isinstance(value, list | tuple) and any(map(is_broken, value))
