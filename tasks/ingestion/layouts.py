"""The layouts that dialogues come in: what each record says, as questions and answers in turn."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.errors import RequestError

Record = dict[str, Any]

COLUMNS = (
    "instruction",
    "input",
    "output",
    "prompt",
    "completion",
    "response",
    "messages",
    "text",
    "source",
    "metadata",
)
"""Every column that a layout reads."""
_MARK = re.compile(r"^<(human|bot)>:[ \t]*", re.MULTILINE)
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "bot": "assistant"}


class BadRecordError(Exception):
    """Why one record cannot be used, as the end of a sentence."""


def layout_of(path: Path | str, record: Record) -> str:
    """The layout whose columns the record has."""
    names = record.keys()
    if "messages" in names:
        return "messages"
    if {"instruction", "output"} <= names:
        return "instruction"
    if "prompt" in names and names & {"completion", "response"}:
        return "prompt"
    if "text" in names:
        return "oig"
    raise RequestError(
        f"{path} has the columns {', '.join(names) or '(none)'}: instruction and output, prompt "
        "and completion, messages, or text with <human>: and <bot>: are needed (data.columns "
        "says which column is which)."
    )


def _text(record: Record, name: str) -> str:
    """A field that must be there and hold text."""
    value = record.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise BadRecordError(f"{name} is empty")
    if not isinstance(value, str):
        raise BadRecordError(f"{name} is not a text")
    return value.strip()


def source_of(record: Record) -> str | None:
    """Where the record came from; OIG keeps it in `metadata`."""
    metadata = record.get("metadata")
    source = record.get("source") or (metadata.get("source") if isinstance(metadata, dict) else "")
    return str(source) if source else None


def _instruction(record: Record) -> list[str]:
    prompt = _text(record, "instruction")
    if isinstance(record.get("input"), str) and record["input"].strip():
        prompt = f"{prompt}\n\n{record['input'].strip()}"
    return [prompt, _text(record, "output")]


def _prompt(record: Record) -> list[str]:
    answer = "completion" if "completion" in record else "response"
    return [_text(record, "prompt"), _text(record, answer)]


def _messages(record: Record) -> list[str]:
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise BadRecordError("messages is not a list of objects with role and content")
    return _from_turns([(str(one.get("role")), _text(one, "content")) for one in messages])


def _oig(record: Record) -> list[str]:
    before, *rest = _MARK.split(_text(record, "text"))
    if not rest:
        raise BadRecordError("text has no line that begins with <human>: or <bot>:")
    turns = [("system", before.strip())] if before.strip() else []
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return _from_turns(turns + [(role, said.strip()) for role, said in pairs])


def _from_turns(turns: list[tuple[str, str]]) -> list[str]:
    """Questions and answers in turn, the last an answer; a system message opens the first."""
    system = f"{turns.pop(0)[1]}\n\n" if turns and turns[0][0] == "system" else ""
    roles = [_ROLES.get(role, role) for role, _ in turns]
    for turn, role in enumerate(roles):
        if role not in ("user", "assistant"):
            where = " after the beginning" if role == "system" else ""
            raise BadRecordError(f"there is a turn of {role!r}{where}")
        if turn and role == roles[turn - 1]:
            raise BadRecordError(f"two turns of {role!r} follow each other")
        if not turns[turn][1]:
            raise BadRecordError(f"a turn of {role!r} is empty")
    if not roles or roles[-1] != "assistant":
        raise BadRecordError("it does not end with an answer of 'assistant'")
    if roles[0] != "user":
        raise BadRecordError("it begins with an answer instead of a question")
    said = [text for _, text in turns]
    return [system + said[0], *said[1:]]


READERS: dict[str, Callable[[Record], list[str]]] = {
    "instruction": _instruction,
    "prompt": _prompt,
    "messages": _messages,
    "oig": _oig,
}
