"""Logging for people: an error that is a sentence is shown as one, without a traceback."""

import logging
import warnings
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
            return record.name != "prefect.task_runs"  # the flow run says it again
        return True


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
