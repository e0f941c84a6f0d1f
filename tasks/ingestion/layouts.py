"""The layouts that dialogues come in: what each record says, as questions and answers in turn."""

import re
from collections.abc import Callable
from pathlib import Path

from tasks.errors import RequestError
from tasks.ingestion.numbered import BadRecordError, Record, text_of, with_input

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


def source_of(record: Record) -> str | None:
    """Where the record came from; OIG keeps it in `metadata`."""
    metadata = record.get("metadata")
    source = record.get("source") or (metadata.get("source") if isinstance(metadata, dict) else "")
    return str(source) if source else None


def _instruction(record: Record) -> list[str]:
    return [with_input(record), text_of(record, "output")]


def _prompt(record: Record) -> list[str]:
    answer = "completion" if "completion" in record else "response"
    return [text_of(record, "prompt"), text_of(record, answer)]


def _messages(record: Record) -> list[str]:
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise BadRecordError("messages is not a list of objects with role and content")
    return _from_turns([(str(one.get("role")), text_of(one, "content")) for one in messages])


def _oig(record: Record) -> list[str]:
    before, *rest = _MARK.split(text_of(record, "text"))
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
