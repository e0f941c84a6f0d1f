"""What the two sides of a dialogue say in turn, in the forms that chats are written in.

| form | one turn |
|---|---|
| messages | `{"role": "user", "content": "..."}`; content may be a list of parts with a `text` |
| ShareGPT | `{"from": "human", "value": "..."}` |
| transcript | a line that begins with `Human:` or `Assistant:` |

A list of turns may also be a text that writes one, as CSV files have it.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tasks.ingestion.numbered import BadRecordError, Record, text_of
from tasks.ingestion.written import listed

_SIDES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "model", "chatgpt"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
"""What a file calls a side -> the side. Any other (`tool`, `function_call`) is refused by name."""
_SPOKEN = re.compile(r"^(Human|User|Assistant|Bot):[ \t]*", re.MULTILINE)
_CALLS = ("tool_calls", "function_call")


class Turn(NamedTuple):
    """What one side says; `learned` is False for an answer of weight 0."""

    side: str
    said: str
    learned: bool = True


def is_chat(value: Any) -> bool:
    """Whether a field holds turns: a list or one object, or a text that writes such a list."""
    if isinstance(value, str):
        value = listed(value) if value.lstrip()[:2] in ("[{", "{'", '{"') else None
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
    )


def is_transcript(value: Any) -> bool:
    """Whether a text begins with a turn of `Human:`."""
    found = _SPOKEN.match(value.lstrip()) if isinstance(value, str) else None
    return found is not None and _SIDES[found[1].lower()] == "user"


def turns_of(record: Record, name: str) -> list[Turn]:
    """The turns of a field that holds messages.

    Raises:
        BadRecordError: it holds none, or one that is no text.
    """
    value = record.get(name)
    if isinstance(value, str):
        value = listed(value)
    messages = [value] if isinstance(value, dict) else value
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise BadRecordError(f"{name} is not a list of objects with role and content")
    return [_turn(one) for one in messages]


def transcript(text: str) -> list[Turn]:
    """The turns of a text whose lines begin with `Human:` and `Assistant:`."""
    before, *rest = _SPOKEN.split(text)
    turns = [Turn("system", before.strip())] if before.strip() else []
    spoken = zip(rest[::2], rest[1::2], strict=True)
    return turns + [Turn(side_of(who), said.strip()) for who, said in spoken]


def side_of(name: str) -> str:
    """`user`, `assistant` or `system`; any other name stays what it is."""
    return _SIDES.get(name.lower(), name)


def in_turn(turns: Sequence[Turn], opening: str = "") -> list[str]:
    """Questions and answers in turn, the last of them an answer to learn.

    Args:
        turns: of one dialogue.
        opening: what a field of its own says before the first question, as a system message does.

    Raises:
        BadRecordError: the two sides do not take turns, or there is nothing to learn.
    """
    turns = list(turns)
    openings = [opening] if opening else []
    while turns and turns[0].side == "system":
        openings.append(turns.pop(0).said)
    for number, turn in enumerate(turns):
        if turn.side not in ("user", "assistant"):
            where = " after the beginning" if turn.side == "system" else ""
            raise BadRecordError(f"there is a turn of {turn.side!r}{where}")
        if number and turn.side == turns[number - 1].side:
            raise BadRecordError(f"two turns of {turn.side!r} follow each other")
        if not turn.said:
            raise BadRecordError(f"a turn of {turn.side!r} is empty")
    if not turns or turns[-1].side != "assistant":
        raise BadRecordError("it does not end with an answer of 'assistant'")
    if turns[0].side != "user":
        raise BadRecordError("it begins with an answer instead of a question")
    if not turns[-1].learned:
        raise BadRecordError("no answer has a weight other than 0, so there is none to learn")
    return ["\n\n".join([*openings, turns[0].said]), *(turn.said for turn in turns[1:])]


def up_to_learned(turns: Sequence[Turn]) -> list[Turn]:
    """`turns` up to the last answer that is to be learned; all of them where there is none."""
    last = max((n for n, turn in enumerate(turns, 1) if _to_learn(turn)), default=len(turns))
    unlearned = any(not turn.learned for turn in turns[last:])
    return list(turns[:last] if unlearned else turns)


def _to_learn(turn: Turn) -> bool:
    return turn.side == "assistant" and turn.learned


def with_history(said: Sequence[str], names: tuple[str, str]) -> str:
    """The last question behind what was said before it (question, answer, ..., question).

    The prompt format writes `Question: ` before and `Response:` behind the whole, so that only
    what stands between the turns is added here, and the dialogue reads on.

    Args:
        said: an odd number of texts.
        names: of a question and of an answer.
    """
    *before, question = said
    prompt = ""
    for earlier, answer in zip(before[::2], before[1::2], strict=True):
        prompt += f"{earlier}\n{names[1]}: {answer}\n{names[0]}: "
    return prompt + question


def _turn(message: Record) -> Turn:
    who, what = ("from", "value") if message.get("role") is None and "from" in message else (
        "role",
        "content",
    )  # fmt: skip
    side = side_of(str(message.get(who)))
    called = next((name for name in _CALLS if message.get(name)), None)
    if called:
        raise BadRecordError(f"a turn of {side!r} has {called}, and only texts are learned")
    return Turn(side, _said(message, what), _learned(message))


def _said(message: Record, name: str) -> str:
    parts = message.get(name)
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return text_of(message, name)
    for part in parts:
        if not isinstance(part.get("text"), str):
            kind = part.get("type", "no type")
            raise BadRecordError(f"{name} has a part of {kind!r}, and only texts are read")
    return text_of({name: "\n".join(part["text"].strip() for part in parts)}, name)


def _learned(message: Record) -> bool:
    weight = message.get("weight")
    if weight is None:
        return True
    try:
        return float(weight) != 0
    except (TypeError, ValueError) as error:
        raise BadRecordError(f"a weight is {weight!r}, which is no number") from error
