"""Logging for people: an error that is a sentence is shown as one, without a traceback."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from tasks.errors import ThawError

CHATTY = ("httpx", "alembic", "mlflow", "great_expectations", "datasets", "filelock", "asyncio")


class SentenceFilter(logging.Filter):
    """Drops the traceback of a record whose exception is meant for the user."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record; shorten it where its exception is a `ThawError`."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, ThawError):
            record.exc_info = None
            record.exc_text = None
            record.msg, record.args = f"{type(error).__name__}: {error}", ()
            record.said_by_command = True
            return record.name != "prefect.task_runs"  # the flow run says it again
        return True


class OnceFilter(logging.Filter):
    """Keeps from the terminal what the command says itself at its end: why the run failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the terminal shows the record."""
        if record.name.startswith(("prefect.flow_runs", "prefect.task_runs")):
            return not (
                getattr(record, "said_by_command", False)
                or record.getMessage().startswith("Finished in state Failed")
            )
        return True


@contextmanager
def spoken(loudness: str | None) -> Iterator[None]:
    """Let a run say on the terminal no more than was asked for, and why it failed only once.

    Args:
        loudness: `quiet`, `verbose`, or None.
    """
    # Prefect's configuration puts the terminal's handler on the root; a user's own may not.
    handlers = [*logging.getLogger().handlers, *logging.getLogger("prefect").handlers]
    chatty = [logging.getLogger(name) for name in CHATTY]
    levels, once = [logger.level for logger in chatty], OnceFilter()
    for handler in handlers:
        handler.addFilter(once)
        if loudness == "quiet":
            handler.addFilter(_warnings)
    if loudness == "verbose":
        for logger in chatty:
            logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(once)
            handler.removeFilter(_warnings)
        for logger, before in zip(chatty, levels, strict=True):
            logger.setLevel(before)


def _warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


@cache
def install() -> None:
    """Quieten the libraries and shorten user errors in Prefect's logs."""
    import transformers

    for name in ("prefect.flow_runs", "prefect.task_runs", "prefect.engine", "prefect.task_engine"):
        logging.getLogger(name).addFilter(SentenceFilter())
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("py.warnings").setLevel(logging.ERROR)  # where Prefect sends warnings
    # mlflow and great_expectations warn about their own deprecated calls.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(mlflow|pydantic|torch)\b")
