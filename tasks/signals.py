"""Signals that wait: whoever stops a run stops it between two writes, and not within one. And the
alarm that stops what takes too long.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from tasks.errors import ThawError

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


class OverdueError(BaseException):
    """Raised where the time is up; no `except Exception` on the way takes it for a fault of its
    own, and none tries again."""


@contextmanager
def within(seconds: float | None, told: str) -> Iterator[None]:
    """Fail if the block takes longer; a thread other than the main one hears of no alarm.

    Args:
        seconds: that it may take; None for any time.
        told: the sentence of the failure.

    Raises:
        ThawError: the time is up.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise OverdueError(told)

    before = signal.signal(signal.SIGALRM, ring)
    others, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except OverdueError as error:
        raise ThawError(str(error)) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, others)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and the alarm wait until the block is left.

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
