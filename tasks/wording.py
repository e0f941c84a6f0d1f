"""How messages help: the name that was meant."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any


def nearest(name: str, names: Sequence[str] | Mapping[str, Any]) -> str:
    """` (did you mean X?)` for the closest known name, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""
