"""A strict reader of fine-tuning files, written from OpenAI's published format and not from Thaw.

Sources: the fine-tuning guide ("Preparing your dataset"), the API reference of the files and
fine-tuning endpoints, and the checks of the cookbook's "Data preparation and analysis for chat
model fine-tuning". One JSON object a line; a file is all prompts and completions or all chats.
"""

import json
from typing import Any

ROLES = {"system", "user", "assistant"}
MESSAGE_KEYS = {"role", "content", "name", "weight"}


class FormatError(ValueError):
    """The file is not in the format; the message names the line."""


def read_strictly(content: bytes) -> list[dict[str, Any]]:
    """All examples of a file.

    Raises:
        FormatError: at the first line that is not an example.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8: {error}") from error
    if text.startswith("\ufeff"):
        raise FormatError("a byte order mark")
    if not text.endswith("\n"):
        raise FormatError("the last line is not ended")
    found = [_example(line, number) for number, line in enumerate(text[:-1].split("\n"), 1)]
    kinds = {frozenset(example) for example in found}
    if len(kinds) != 1:
        raise FormatError("both formats in one file")
    return found


def _example(line: str, number: int) -> dict[str, Any]:
    def need(condition: object, problem: str) -> None:
        if not condition:
            raise FormatError(f"line {number}: {problem}")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len({key for key, _ in pairs}) == len(pairs), "a key stands twice")
        return dict(pairs)

    try:
        example = json.loads(line, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise FormatError(f"line {number}: not JSON: {error}") from error
    need(isinstance(example, dict), "not an object")
    if "messages" in example:
        need(example.keys() == {"messages"}, "unknown keys beside messages")
        messages = example["messages"]
        need(isinstance(messages, list) and messages, "no messages")
        for place, message in enumerate(messages):
            need(isinstance(message, dict), "a message is not an object")
            need(message.keys() <= MESSAGE_KEYS, "unknown keys in a message")
            need({"role", "content"} <= message.keys(), "a message lacks role or content")
            need(message["role"] in ROLES, f"unknown role {message['role']}")
            need(isinstance(message["content"], str), "content is not text")
            need(message["content"].strip(), "content is empty")
            need(message["role"] != "system" or place == 0, "system message not at the start")
            need(
                "weight" not in message
                or (message["role"] == "assistant" and message["weight"] in (0, 1)),
                "a weight that is not 0 or 1 of an assistant",
            )
        need(messages[-1]["role"] == "assistant", "the last message is not the assistant's")
        need(any(message["role"] == "user" for message in messages), "no user message")
    else:
        need(example.keys() == {"prompt", "completion"}, "not prompt and completion")
        for key in ("prompt", "completion"):
            need(isinstance(example[key], str), f"{key} is not text")
        need(example["completion"].strip(), "completion is empty")
    return example
