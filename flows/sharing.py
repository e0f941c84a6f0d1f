"""What the machine that plans a sweep and the workers that train its arms have to share.

    with shared_with_workers(sweep) as common:      where the sweep is planned
        ...
    common.check(spec, tracker.address)             where an arm is trained, before anything else

Tables, checkpoints and outcomes travel through the data store, runs through the MLflow store, and
the key of an arm depends on the code. A worker that has others would train for nothing, or what
nobody finds; it says so instead.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from flows.sweep import Sweep
from tasks.address import Address
from tasks.errors import RequestError
from tasks.paths import store_dir
from tasks.storage import write_text
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec, code_version


@dataclass(frozen=True)
class Common:
    """How a worker knows that it is at the same sweep.

    Attributes:
        host: the machine that plans.
        store: its data store.
        run_id: the sweep's parent run.
        token: what a file of the data store says while the arms are trained.
        code: version of the code that trains them.
    """

    host: str
    store: Path
    run_id: str
    token: str
    code: str

    def check(self, spec: ArmSpec, tracking: Address) -> None:
        """See, on a worker, that it has the sweep's code, data store and MLflow store.

        Args:
            spec: the arm that it is to train.
            tracking: of the MLflow store.

        Raises:
            RequestError: what it lacks, and the variable to set.
        """
        here = socket.gethostname()
        if code_version() != self.code:
            raise RequestError(
                f"The worker on {here} has another release of Thaw than {self.host}, which planned "
                "the sweep, and would train other arms: install the same one on both."
            )
        self._check_store(spec, here)
        self._check_tracking(tracking, here)

    def _check_store(self, spec: ArmSpec, here: str) -> None:
        tables = (spec.train, spec.validation, spec.test)
        try:
            seen = _token(store_dir(), self.run_id).read_text(encoding="utf-8") == self.token
        except OSError:
            seen = False
        if not (seen and all(table.path.exists() for table in tables)):
            raise RequestError(
                f"The worker on {here} does not see the data store of the sweep, which is "
                f"{self.store} on {self.host}; its own is {store_dir().absolute()}. Share that "
                "folder with all workers, and start each with THAW_STORE set to it."
            )

    def _check_tracking(self, tracking: Address, here: str) -> None:
        advice = (
            "Let all of them use a server: start one (`mlflow server`), and set tracking.uri or "
            f"MLFLOW_TRACKING_URI to its address where {self.host} plans."
        )
        file = _local_file(tracking.reveal())
        # MLflow would make a database that is not there.
        if file is not None and not file.exists():
            raise RequestError(
                f"The worker on {here} does not see the MLflow store of the sweep, {tracking} on "
                f"{self.host}. {advice}"
            )
        tracker = Tracker(tracking)
        if tracker.status(self.run_id) is None:
            raise RequestError(
                f"The worker on {here} finds another MLflow store at {tracking} than "
                f"{self.host}: there is no run {self.run_id}. {advice}"
            )
        artifacts = _local_file(tracker.artifact_address(self.run_id))
        if artifacts is not None and not artifacts.is_dir():
            raise RequestError(
                f"The worker on {here} does not see the folder of the run's artifacts, {artifacts} "
                f"on {self.host}. Share the folder that THAW_RUNS names there. Or: "
                f"{advice[0].lower()}{advice[1:]}"
            )


@contextmanager
def shared_with_workers(sweep: Sweep) -> Iterator[Common]:
    """Leave a token in the data store while workers train the arms of a sweep."""
    common = Common(
        host=socket.gethostname(),
        store=store_dir().absolute(),
        run_id=sweep.run_id,
        token=uuid4().hex,
        code=code_version(),
    )
    path = write_text(_token(store_dir(), sweep.run_id), common.token)
    try:
        yield common
    finally:
        path.unlink(missing_ok=True)


def _token(store: Path, run_id: str) -> Path:
    return store / "locks" / f"workers-{run_id}"


def _local_file(address: str) -> Path | None:
    """The file or folder that an address means on whatever machine asks; None for a server's."""
    parts = urlsplit(address)
    if parts.scheme == "sqlite":
        return Path(address.partition("///")[2].partition("?")[0])
    if parts.scheme in ("", "file"):
        return Path(unquote(parts.path))
    return None
