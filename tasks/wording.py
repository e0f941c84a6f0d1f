"""How messages help: the name that was meant, and no more of a text than can be read."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any


def nearest(name: str, names: Sequence[str] | Mapping[str, Any]) -> str:
    """` (did you mean X?)` for the closest known name, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def shown(label: str) -> str:
    """A label in quotes, with an escape for every character of it that cannot be seen."""
    return repr(cut(label)).replace("\u3164", r"\u3164").replace("\u2800", r"\u2800")  # blanks


def cut(text: str, length: int = 80) -> str:
    """The beginning of a text that a message quotes."""
    return text if len(text) <= length else f"{text[:length]}…"
