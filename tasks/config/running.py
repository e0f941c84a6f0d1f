"""Where and when a case runs, what it tries, and what becomes of the result."""

import os
import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from tasks.address import Address
from tasks.config.base import Frozen
from tasks.errors import RequestError
from tasks.paths import runs_dir


class RegistryConfig(Frozen):
    """What happens to the best arm."""

    enabled: bool = True
    """Register the best arm and let it stand for champion."""
    name: str | None = None
    """Registered model name (default: the case's name; of another profile than its first,
    CASE-PROFILE, so that `sft` and `sft-book` have champions of their own)."""
    beats: Literal["reference", "floor"] = "reference"
    """What a champion has to be better than: the baseline that is strongest on validation, by the
    table's own verdict; or (`floor`, to try a case out on a few rows) the trivial answer, by its
    figure alone."""


class ExecutionConfig(Frozen):
    """Where arms run."""

    runner: Literal["sequential", "processes", "dask", "ray"] = "sequential"
    """Over what arms fan out: processes of this machine, or the workers of a Dask or Ray cluster,
    which have to share the data store and the MLflow store with it."""
    workers: Annotated[int, Field(ge=1)] = 1
    """Arms at a time (`processes`, and `dask` and `ray` without an address)."""
    hours: Annotated[float, Field(gt=0)] | None = None
    """Longest that a run may take (none: any time); then it fails, and the same command goes on
    from there."""
    address: Address | None = None
    """Address of an existing Dask or Ray cluster (secrets in it as ${NAME}, see `data.url`)."""

    @field_validator("runner", mode="before")
    @classmethod
    def _former_name(cls, value: Any) -> Any:
        # Arms ran in threads of one process once, and disturbed each other's random states.
        return "processes" if value == "threads" else value


class TrackingConfig(Frozen):
    """MLflow's address."""

    uri: Address | None = None
    """Tracking and registry URI (default: sqlite in `mlruns/`). A password in it is written as
    ${NAME}, the name of an environment variable."""
    system_metrics: bool = False
    """Log what the machine does while an arm trains: processor, memory, GPU."""


class ScheduleConfig(Frozen):
    """When `thaw serve` runs the case by itself."""

    cron: str | None = None
    """Five-field cron expression (none: only on request)."""
    timezone: str = "UTC"
    """IANA time zone of the expression."""


class GridConfig(Frozen):
    """Values to try: arms are strategies x seeds x grid points."""

    training: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Training field -> values."""
    model: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    """Model field -> values."""


def default_uri() -> str:
    """SQLite in `mlruns/`, which needs no server.

    Raises:
        RequestError: the folder's name cannot stand in a database's address.
    """
    folder = runs_dir().resolve()
    # The address would end at the first, and the second be read as another character.
    if found := re.search(r"\?|%[0-9A-Fa-f]{2}", str(folder)):
        raise RequestError(
            f"The folder of the runs is {folder}, and {found[0]!r} in it would be read as a part "
            "of the database's address: set THAW_RUNS to a folder without it."
        )
    return f"sqlite:///{folder / 'mlflow.db'}"


def store_address(uri: Address | str | None = None) -> Address:
    """Where runs are kept: what the case says, else MLFLOW_TRACKING_URI, else the default."""
    given = uri or os.environ.get("MLFLOW_TRACKING_URI") or default_uri()
    return given if isinstance(given, Address) else Address(given)
