"""Signals that wait: whoever stops a run stops it between two writes, and not within one."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is left.

    Python raises what they come to at any instruction, and a database's transaction that is left in
    the middle of its own cleaning up keeps its lock as long as the error is held.
    """
    if threading.current_thread() is not threading.main_thread():  # it hears of no signal
        yield
        return
    waiting: list[int] = []
    before = {each: signal.getsignal(each) for each in STOPPING}
    handled = {each: handler for each, handler in before.items() if callable(handler)}
    for each in handled:
        signal.signal(each, lambda number, _: waiting.append(number))
    try:
        yield
    finally:
        for each, handler in handled.items():
            signal.signal(each, handler)
        if waiting:
            handled[signal.Signals(waiting[0])](waiting[0], None)


class Undisturbed:
    """An object whose methods run undisturbed."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return _undisturbed(found) if callable(found) else found


def _undisturbed(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        with undisturbed():
            return method(*args, **kwargs)

    return run
