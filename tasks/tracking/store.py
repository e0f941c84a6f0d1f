"""An MLflow store: how it is opened, its experiments, and a lock that it lends."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import cast

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tasks import limits
from tasks.address import Address
from tasks.config.running import store_address
from tasks.errors import RequestError, ThawError
from tasks.locks import locked, locked_in_database
from tasks.network.reaching import check_somebody_answers
from tasks.paths import runs_dir, store_dir
from tasks.secrets import without_secrets
from tasks.signals import Undisturbed
from tasks.storage import require_writable

RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"


class Store:
    """One MLflow store.

    Attributes:
        address: the store's, for people and for other processes of the run.
        uri: the same with its secrets, for MLflow alone.
    """

    def __init__(self, uri: Address | str | None = None) -> None:
        self.address = store_address(uri)
        self.uri = self.address.reveal()
        if self.uri.startswith(f"sqlite:///{runs_dir().resolve()}"):
            require_writable(runs_dir())
        try:
            check_somebody_answers(self.uri)
            if self.uri.startswith("sqlite:///"):
                Path(self.uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
            # Some of MLflow's calls follow a `models:/` address through the process-wide store.
            with _environment_kept("MLFLOW_TRACKING_URI"):
                mlflow.set_tracking_uri(self.uri)
                mlflow.set_registry_uri(self.uri)
            # The first to open a database makes its tables, which MLflow lets two do at once.
            with nullcontext() if self.uri.startswith("http") else self.alone_with("tables"):
                client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
                # A server keeps its transactions whole itself, and may take minutes to answer.
                whole = client if self.uri.startswith("http") else Undisturbed(client)
                self.client = cast(MlflowClient, whole)
                self.client.search_experiments(max_results=1)
        except ThawError:
            raise
        except ModuleNotFoundError as error:
            raise ThawError(
                f"The MLflow store needs the database driver {error.name}, which is not "
                "installed: pip install 'thaw[postgres]' brings PostgreSQL's; check tracking.uri."
            ) from error
        except Exception as error:  # SQLAlchemy's, requests' and MLflow's own, by URI
            raise ThawError(
                f"The MLflow store at {self.address} cannot be reached ({first_line(error)}); "
                "check tracking.uri."
            ) from error

    def experiment(self, name: str) -> str:
        """The id of the experiment `name`, made if it is new.

        Raises:
            RequestError: MLflow cannot keep its name, or the address of its artifacts.
        """
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        if len(name) > limits.EXPERIMENT:
            raise RequestError(
                f"MLflow's names of experiments have {limits.EXPERIMENT} characters at most, and "
                f"{limits.cut(name, 60)} has {len(name)}: give the case a shorter name."
            )
        location = None
        if not self.uri.startswith("http"):  # a server has a place of its own
            location = (runs_dir() / "artifacts" / name).resolve().as_uri()
            self._require_short(location)
        try:
            return str(self.client.create_experiment(name, artifact_location=location))
        except MlflowException:  # another process made it meanwhile
            return str(self.client.get_experiment_by_name(name).experiment_id)

    def experiments(self) -> dict[str, str]:
        """Name of each experiment that Thaw has made -> its id."""
        found = self.client.search_experiments()
        own = [one for one in found if "mlflow.sharedViewState.thaw" in one.tags]
        return {str(one.name): str(one.experiment_id) for one in own}

    def present(self, experiment_id: str, about: str, views: Mapping[str, str]) -> None:
        """Let an experiment open as model training, with a description and views.

        Args:
            experiment_id: of the experiment.
            about: Markdown.
            views: key -> JSON of the page's state, to be opened by an address with that key.
        """
        wanted = {
            "mlflow.experimentKind": "custom_model_development",
            "mlflow.note.content": limits.cut(without_secrets(about), limits.DESCRIPTION),
            **{f"mlflow.sharedViewState.{key}": view for key, view in views.items()},
        }
        there = self.client.get_experiment(experiment_id).tags
        for name, value in wanted.items():
            if there.get(name) != value:
                self.client.set_experiment_tag(experiment_id, name, value)

    def _require_short(self, location: str) -> None:
        length = len(location) + limits.RUN_FOLDER
        if length > limits.ARTIFACT_ADDRESS and not self.uri.startswith("sqlite"):
            raise RequestError(
                f"A run's artifacts below {location} would have an address of {length} characters, "
                f"and MLflow's databases keep {limits.ARTIFACT_ADDRESS}: set THAW_RUNS to a folder "
                "with a shorter path."
            )

    @contextmanager
    def alone_with(self, what: str) -> Iterator[None]:
        """Hold something of this store, a registered model say, against all who would change it.

        It holds between processes that share the data store, and on PostgreSQL between all that
        use the database. MLflow's server has no such lock: two machines that share neither a data
        store nor a PostgreSQL address are not kept apart.
        """
        file = self.uri.removeprefix("sqlite:///")
        place = str(self.address) if file == self.uri else str(Path(file).resolve())
        name = hashlib.sha256(f"{place}\n{what}".encode()).hexdigest()[:24]
        with locked(store_dir() / "locks" / name), locked_in_database(self.uri, f"thaw {what}"):
            yield


@contextmanager
def _environment_kept(name: str) -> Iterator[None]:
    """Undo what MLflow writes into the environment: it would overrule the next configuration."""
    before = os.environ.get(name)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def first_line(error: Exception) -> str:
    """Of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
