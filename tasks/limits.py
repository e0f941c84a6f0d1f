"""What the databases of MLflow and Prefect take, and how what is longer is made to fit.

SQLite ignores the length of a column and PostgreSQL refuses what exceeds it, so that what passes
on one machine would fail on a server after all training. Everything that is sent is therefore
held to the strictest: MLflow 3.17's columns (`mlflow/store/*/dbmodels/models.py`, characters) and
its own checks (`mlflow/utils/validation.py`), Prefect 3.8's settings (bytes).
`tests/test_limits.py` compares these numbers with the installed packages.

Not limited by either: artifacts, Prefect's Markdown artifacts, names of flow and task runs.
"""

import hashlib
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from tasks.errors import RequestError

RUN_NAME = 250  # runs.name
KEY = 250  # of a parameter, a metric, a tag
PARAM = 6_000  # checked; the column has 8,000
TAG = 8_000  # tags.value
DESCRIPTION = 5_000  # model_versions.description
VERSION_TAG = 100_000  # checked; the column has no limit
MODEL_NAME = 256  # registered_models.name
EXPERIMENT = 256  # experiments.name; the check allows 500
ARTIFACT_ADDRESS = 200  # runs.artifact_uri: the experiment's, then <run id>/artifacts
RUN_FOLDER = len("/") + 32 + len("/artifacts")
DATASET_NAME = 500  # datasets.name
DATASET_SOURCE = 65_535  # checked
DATASET_SCHEMA = 1_048_575  # checked
METRICS_AT_ONCE, PARAMS_AT_ONCE, TAGS_AT_ONCE = 1_000, 100, 100  # in one request
REQUEST_BYTES = 1_000_000  # of such a request as JSON, where it goes to a server
FLOW_PARAMETERS = 524_288  # Prefect: of a flow run as JSON (PREFECT_SERVER_API_MAX_PARAMETER_SIZE)

Entry = TypeVar("Entry")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # NUL and half characters: no database keeps them


def clean(text: str) -> str:
    """The text with � for what a database cannot keep."""
    return _UNSTORABLE.sub("�", text)


def cut(text: str, limit: int, rest: str = "") -> str:
    """A text of at most `limit` characters.

    Args:
        text: that may be longer.
        limit: in characters.
        rest: a sentence that says where the whole text is. With it, the text is cut between two
            lines and the sentence follows as a paragraph; else it ends with an ellipsis.
    """
    text = clean(text)
    if len(text) <= limit:
        return text
    if not rest:
        return text[: limit - 1] + "…"
    kept = text[: limit - len(rest) - 2]
    return f"{kept[: kept.rfind(chr(10))] if chr(10) in kept else kept}\n\n{rest}"


def key(name: str) -> str:
    """A name that MLflow takes for a parameter, a metric or a tag: itself, where it is one.

    In any other, what is not allowed becomes `_`, and a piece of its digest keeps it from being
    taken for a similar one.
    """
    legal = re.sub(r"[^/\w.\- :]", "_", name)
    if legal == name == posixpath.normpath(name) and len(name) <= KEY and name[0] not in "/.":
        return name
    mark = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
    parts = [part for part in legal.split("/") if part.strip(".")]
    return f"{'/'.join(parts)[: KEY - len(mark) - 1]}-{mark}"


def batches(
    entries: Sequence[Entry], count: int, characters: Callable[[Entry], int]
) -> Iterator[list[Entry]]:
    """The entries in requests of at most `count` that fit into `REQUEST_BYTES`.

    `characters` counts an entry's; as JSON one takes six bytes at most, and an entry's frame 100.
    """
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        needed = 6 * characters(entry) + 100
        if batch and (len(batch) == count or size + needed > REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += needed
    if batch:
        yield batch


def model_name(name: str) -> str:
    """The name of a registered model, if it can be one.

    Raises:
        ValueError: says what it may be.
    """
    if not name.strip() or {"/", ":"} & set(name) or name in (".", "..") or len(name) > MODEL_NAME:
        raise ValueError(
            f"registry.name: {cut(name, 60)!r} cannot name a registered model: give 1 to "
            f"{MODEL_NAME} characters without / and :"
        )
    return name


def require_flow_parameters(parameters: dict[str, Any]) -> None:
    """Refuse what Prefect would refuse of a flow run's parameters, as they go into JSON.

    Raises:
        RequestError: they are too large.
    """
    size = len(json.dumps(parameters, separators=(",", ":")).encode())
    if size > FLOW_PARAMETERS:
        raise RequestError(
            f"The overrides of this run take {size:,} bytes as JSON, and Prefect keeps at most "
            f"{FLOW_PARAMETERS:,} of a flow run's parameters: put long values into the case's file."
        )
