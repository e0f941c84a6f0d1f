"""Models are made one at a time in a process.

While transformers loads a model it replaces `PreTrainedModel.tie_weights` by a function that does
nothing, and puts back what it found. Two threads that load at once can put back the wrong one, and
from then on no model of the process has its output layer tied to its embeddings. Arms that fan out
over threads load at once.
"""

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.RLock()


def one_at_a_time(make: Callable[P, R]) -> Callable[P, R]:
    """Let no other function under this decorator run meanwhile."""

    @wraps(make)
    def held(*args: P.args, **kwargs: P.kwargs) -> R:
        with _lock:
            return make(*args, **kwargs)

    return held
