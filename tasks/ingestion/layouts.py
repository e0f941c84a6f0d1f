"""The layouts that dialogues come in: what each record says, as questions and answers in turn."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.errors import RequestError
from tasks.ingestion.delimited import shown_columns
from tasks.ingestion.numbered import BadRecordError, Record, text_of, with_input
from tasks.ingestion.turns import Turn, in_turn, is_chat, side_of, turns_of, up_to_learned
from tasks.ingestion.written import listed

_CHATS = ("messages", "conversations", "conversation")
_ANSWERS = ("completion", "response")
_ALWAYS = ("system", "source", "metadata")
_FIELDS: dict[str, tuple[str, ...]] = {
    "instruction": ("instruction", "input", "output", "history"),
    "prompt": ("prompt", *_ANSWERS),
    "messages": _CHATS,
    "oig": ("text",),
}
COLUMNS = (*(name for names in _FIELDS.values() for name in names), *_ALWAYS)
"""Every column that a layout reads."""

_MARK = re.compile(r"^<(human|bot)>:[ \t]*", re.MULTILINE)


def layout_of(path: Path | str, record: Record) -> str:
    """The layout whose columns the record has."""
    names = record.keys()
    if names & set(_CHATS):
        return "messages"
    if {"instruction", "output"} <= names:
        return "instruction"
    if "prompt" in names and names & set(_ANSWERS):
        return "prompt"
    if "text" in names:
        return "oig"
    raise RequestError(
        f"{path} has the columns {shown_columns(names) or '(none)'}: instruction and output, "
        "prompt and completion, messages (or conversations), or text with <human>: and <bot>: are "
        "needed (data.columns says which column is which)."
    )


def fields_of(layout: str, record: Record) -> set[str]:
    """The names of the fields that are read of a record in this layout."""
    read, names = set(_ALWAYS), _FIELDS[layout]
    if layout == "messages":
        return read | {_first(record, names)}
    if layout == "prompt":
        return read | {"prompt", _first(record, _ANSWERS)}
    return read | set(names)


def source_of(record: Record) -> str | None:
    """Where the record came from; OIG keeps it in `metadata`."""
    metadata = record.get("metadata")
    source = record.get("source") or (metadata.get("source") if isinstance(metadata, dict) else "")
    return str(source) if source else None


def opening(record: Record) -> str:
    """The field `system`, where a record has one: what is said before the first question."""
    return text_of(record, "system") if record.get("system") not in (None, "") else ""


def _first(record: Record, names: tuple[str, ...]) -> str:
    """The first of `names` that the record has (of a whole file every record has the same)."""
    return next((name for name in names if record.get(name) is not None), names[0])


def _instruction(record: Record) -> list[Turn]:
    asked, answer = with_input(record), text_of(record, "output")
    return [*_history(record.get("history")), Turn("user", asked), Turn("assistant", answer)]


def _history(given: Any) -> list[Turn]:
    """Earlier turns: a list of pairs of a question and an answer."""
    pairs = listed(given) if isinstance(given, str) and given.strip() else given
    turns = []
    for pair in pairs or ():
        if not isinstance(pair, list | tuple) or len(pair) != 2 or isinstance(pairs, dict):
            raise BadRecordError("history is not a list of pairs of a question and an answer")
        named = dict(zip(("a question of history", "an answer of history"), pair, strict=True))
        texts = [text_of(named, name) for name in named]
        turns += [Turn("user", texts[0]), Turn("assistant", texts[1])]
    if given and pairs is None:
        raise BadRecordError("history is not a list of pairs of a question and an answer")
    return turns


def _prompt(record: Record) -> list[Turn]:
    turns = []
    for side, name in (("user", "prompt"), ("assistant", _first(record, _ANSWERS))):
        if is_chat(record.get(name)) and not isinstance(record.get(name), dict):
            turns += turns_of(record, name)
        else:
            turns.append(Turn(side, text_of(record, name)))
    return turns


def _messages(record: Record) -> list[Turn]:
    return turns_of(record, _first(record, _CHATS))


def _oig(record: Record) -> list[Turn]:
    before, *rest = _MARK.split(text_of(record, "text"))
    if not rest:
        raise BadRecordError("text has no line that begins with <human>: or <bot>:")
    turns = [Turn("system", before.strip())] if before.strip() else []
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return turns + [Turn(side_of(who), said.strip()) for who, said in pairs]


_READERS: dict[str, Callable[[Record], list[Turn]]] = {
    "instruction": _instruction,
    "prompt": _prompt,
    "messages": _messages,
    "oig": _oig,
}


def said_in(record: Record, layout: str) -> tuple[list[str], int]:
    """Questions and answers in turn, and how many turns behind the last answer to learn went.

    Raises:
        BadRecordError: the record does not fit the layout.
    """
    turns = _READERS[layout](record)
    learned = up_to_learned(turns)
    return in_turn(learned, opening(record)), len(turns) - len(learned)
