"""Importing large libraries without looking for garbage among what they bring."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Collect no garbage within, and never look at what came in: an import makes objects by the
    million that stay, and to look through them again and again takes a fifth of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
