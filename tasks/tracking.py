"""Tracking: the only module that talks to MLflow's tracking store and registry.

Runs are addressed by id and never through MLflow's notion of an active run: that one belongs to
a thread, and a metric logged outside it mints a phantom run. A sweep is a parent run, an arm a
child run of it. The modules that MLflow itself loads, `packaged.py` and `packaged_writer.py` in
`tasks/registry/`, are the only others that import mlflow.
"""

import hashlib
import json
import logging
import math
import os
import re
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, cast

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
)
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

from tasks import limits
from tasks.address import Address
from tasks.config.running import store_address
from tasks.errors import RequestError, ThawError
from tasks.locks import locked, locked_in_database
from tasks.network.reaching import check_somebody_answers
from tasks.paths import project_root, runs_dir, store_dir
from tasks.secrets import without_secrets
from tasks.signals import Undisturbed
from tasks.storage import TableRef, require_writable

MODEL_CARD = "model_card.md"  # the whole of a card that is longer than a description may be
RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
CONTEXT = "mlflow.data.context"
SHOWN = ("strategy", "seed")
"""Parameters of a run that its model has, too."""
_PARTS_OF_FIGURES = {"val": "validation", "test": "test"}
CURVE_SECONDS = 1.0
"""Between two requests with the figures of steps."""


class Tracker:
    """Runs and registered models of one MLflow store.

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
                f"The MLflow store at {self.address} cannot be reached ({_first_line(error)}); "
                "check tracking.uri."
            ) from error

    # --- runs ---------------------------------------------------------------------------------

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

    def start_run(
        self,
        experiment_id: str,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        parent: str | None = None,
    ) -> str:
        """Open a run and return its id; it stays RUNNING until `finish`."""
        name = limits.cut(name, limits.RUN_NAME)
        all_tags = {"mlflow.runName": name, "mlflow.source.name": "thaw"}
        if commit := git_commit():
            all_tags["mlflow.source.git.commit"] = commit
        if parent:
            all_tags["mlflow.parentRunId"] = parent
        all_tags |= {limits.key(tag): _kept(value, limits.TAG) for tag, value in tags.items()}
        run = self.client.create_run(experiment_id, tags=all_tags, run_name=name)
        run_id = str(run.info.run_id)
        self.log_params(run_id, params)
        return run_id

    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Log parameters; a value that is too long for MLflow is cut."""
        entries = [
            Param(limits.key(name), _kept(value, limits.PARAM)) for name, value in params.items()
        ]
        for batch in limits.batches(entries, limits.PARAMS_AT_ONCE, _characters):
            self.client.log_batch(run_id, params=batch)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log finite figures; one that is not a number is left out rather than shown as 0."""
        self._send(run_id, _points(metrics, step))

    def log_final(self, run_id: str, metrics: Mapping[str, float], step: int) -> None:
        """Log what came of a run. One that has data sets has trained a model: that is logged, too,
        and its figures are linked to it and to the part that they were measured on."""
        run = self.client.get_run(run_id)
        parts = {
            tag.value: given.dataset
            for given in (run.inputs.dataset_inputs if run.inputs else ())
            for tag in given.tags
            if tag.key == CONTEXT
        }
        if not parts:
            self.log_metrics(run_id, metrics, step)
            return
        model = self.client.create_logged_model(
            str(run.info.experiment_id),
            name=re.sub(r"[/:.%\"']", "-", str(run.info.run_name)),
            source_run_id=run_id,
            params={name: run.data.params[name] for name in SHOWN if name in run.data.params},
        )
        model_id = str(model.model_id)
        points = []
        for point in _points(metrics, step):
            part = parts.get(_PARTS_OF_FIGURES.get(point.key.partition("/")[0], ""))
            of = {"dataset_name": part.name, "dataset_digest": part.digest} if part else {}
            points.append(
                Metric(point.key, point.value, point.timestamp, step, model_id, run_id=run_id, **of)
            )
        self._send(run_id, points)
        self.client.log_outputs(run_id, [LoggedModelOutput(model_id, step)])
        self.client.finalize_logged_model(model_id, "READY")

    @contextmanager
    def machine_watched(self, run_id: str, wanted: bool = True) -> Iterator[None]:
        """Log what the machine does meanwhile (`system/…`: processor, memory, GPU), every ten
        seconds or as MLflow's own variables say."""
        if not wanted:
            yield
            return
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
        watching = SystemMetricsMonitor(run_id, resume_logging=True, tracking_uri=self.uri)
        watching.start()
        try:
            yield
        finally:
            watching.finish()

    @contextmanager
    def curve(self, run_id: str) -> Iterator[Callable[[Mapping[str, float], int], None]]:
        """What logs the figures of each step while they come: `log(metrics, step)`.

        A request costs as much as some steps of a small model. At most one a second is sent, with
        all that came since, and what is left at the end, however that comes about.
        """
        waiting: list[Metric] = []
        sent = -math.inf

        def send() -> None:
            nonlocal sent
            points, sent = waiting.copy(), time.monotonic()
            waiting.clear()
            self._send(run_id, points)

        def log(metrics: Mapping[str, float], step: int) -> None:
            waiting.extend(_points(metrics, step))
            if time.monotonic() - sent >= CURVE_SECONDS:
                send()

        try:
            yield log
        finally:
            send()

    def _send(self, run_id: str, points: Sequence[Metric]) -> None:
        for batch in limits.batches(points, limits.METRICS_AT_ONCE, lambda each: len(each.key)):
            self.client.log_batch(run_id, metrics=batch)

    def metrics(self, run_id: str) -> dict[str, float]:
        """The last value of each of a run's metrics."""
        return dict(self.client.get_run(run_id).data.metrics)

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags on a run; a value that is too long for MLflow is cut."""
        entries = [
            RunTag(limits.key(name), _kept(value, limits.TAG)) for name, value in tags.items()
        ]
        for batch in limits.batches(entries, limits.TAGS_AT_ONCE, _characters):
            self.client.log_batch(run_id, tags=batch)

    def describe_run(self, run_id: str, text: str, artifact: str) -> None:
        """Show Markdown on the run's page; `artifact` holds the whole of what is too long."""
        rest = f"The whole text is {artifact} among the artifacts of this run."
        self.set_tags(
            run_id, {"mlflow.note.content": limits.cut(without_secrets(text), limits.TAG, rest)}
        )

    def log_text(self, run_id: str, text: str, path: str) -> None:
        """Keep a text as an artifact of the run."""
        self.client.log_text(run_id, without_secrets(text), path)

    def log_rows(self, run_id: str, rows: str, path: str) -> None:
        """Keep a table, as JSON of `columns` and `data`, where MLflow's page of evaluations finds
        it; kept once more, it is replaced, where MLflow's own way would add its rows again."""
        self.log_text(run_id, rows, path)
        kept = json.dumps([{"path": path, "type": "table"}])
        self.client.set_tag(run_id, MLFLOW_LOGGED_ARTIFACTS, kept)

    def log_bytes(self, run_id: str, content: bytes, path: str, scratch: Path) -> None:
        """Keep bytes (a picture) as an artifact; `scratch` is a folder to write them in first."""
        local = scratch / Path(path).name
        local.write_bytes(content)
        self.client.log_artifact(run_id, str(local), str(Path(path).parent))

    def log_file(self, run_id: str, file: Path, folder: str) -> None:
        """Keep a local file as an artifact below `folder`."""
        self.client.log_artifact(run_id, str(file), folder)

    def log_table(self, run_id: str, table: TableRef, context: str, name: str) -> None:
        """Log a stored table as an MLflow dataset, under Thaw's own content digest.

        MLflow's own digest reads the first 10,000 rows only.
        """
        schema = json.dumps({"mlflow_colspec": _columns(table)})
        dataset = Dataset(
            name=limits.cut(name, limits.DATASET_NAME),
            digest=table.digest[:32],
            source_type="local",
            source=json.dumps({"uri": str(table.path), "origin": _kept(table.origin, 6_000)}),
            schema=limits.cut(schema, limits.DATASET_SCHEMA),
            profile=json.dumps({"num_rows": table.rows}),
        )
        tags = [InputTag(CONTEXT, context)]
        self.client.log_inputs(run_id, datasets=[DatasetInput(dataset, tags)])

    def finish(self, run_id: str, status: str = FINISHED) -> None:
        """Close a run."""
        self.client.set_terminated(run_id, status)

    def reopen(self, run_id: str) -> None:
        """Set a run that was cut short back to RUNNING."""
        self.client.update_run(run_id, status=RUNNING)

    def delete_run(self, run_id: str) -> None:
        """Put a run into MLflow's bin, where `mlflow gc` empties it."""
        self.client.delete_run(run_id)

    def status(self, run_id: str) -> str | None:
        """The run's status; None if it is gone or deleted."""
        run = self._run(run_id)
        return None if run is None else str(run.info.status)

    def artifact_address(self, run_id: str) -> str:
        """Where a run's artifacts lie: a folder's address, or a server's."""
        return str(self.client.get_run(run_id).info.artifact_uri)

    def _run(self, run_id: str) -> Run | None:
        try:
            run = self.client.get_run(run_id)
        except MlflowException:
            return None
        return run if run.info.lifecycle_stage == "active" else None

    def find_runs(self, experiment: str, tags: Mapping[str, str]) -> list[Run]:
        """Runs of an experiment that carry all of `tags`, newest first."""
        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            return []
        condition = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        return list(
            self.client.search_runs(
                [found.experiment_id], condition, order_by=["attributes.start_time DESC"]
            )
        )

    def latest_sweep(self, case: str, profile: str | None = None) -> str:
        """The id of the case's latest finished sweep, of one profile where it is given.

        Raises:
            RequestError: there is none yet; says what makes one.
        """
        for run in self.find_runs(case, {"thaw.kind": "sweep"}):
            wanted = profile in (None, run.data.tags.get("thaw.profile"))
            if wanted and run.info.status == FINISHED:
                return str(run.info.run_id)
        with_it = f" --profile {profile}" if profile else ""
        raise RequestError(
            f"No sweep of {case}{with_it} is finished yet: `thaw run {case}{with_it}` makes one."
        )

    def params(self, run_id: str) -> dict[str, str]:
        """A run's parameters; none where the run is gone."""
        run = self._run(run_id)
        return {} if run is None else dict(run.data.params)

    def tags(self, run_id: str) -> dict[str, str]:
        """A run's tags; none where the run is gone."""
        run = self._run(run_id)
        return {} if run is None else dict(run.data.tags)

    def forget_tag(self, run_id: str, name: str) -> None:
        """Take a tag from a run, if it has it."""
        if name in self.tags(run_id):
            self.client.delete_tag(run_id, name)

    def open_children(self, run_id: str) -> list[str]:
        """The ids of a run's child runs that have not ended."""
        experiment = self.client.get_run(run_id).info.experiment_id
        condition = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = '{RUNNING}'"
        return [str(run.info.run_id) for run in self.client.search_runs([experiment], condition)]

    def last_step(self, run_id: str, metric: str) -> int:
        """The last step at which `metric` was logged, or -1."""
        try:
            history = self.client.get_metric_history(run_id, limits.key(metric))
        except MlflowException:
            return -1
        return max((point.step for point in history), default=-1)

    def read_text(self, run_id: str, path: str) -> str:
        """An artifact's text.

        Raises:
            ThawError: the run has no such artifact.
        """
        try:
            local = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=path, tracking_uri=self.uri
            )
            return Path(local).read_text(encoding="utf-8")
        except (MlflowException, OSError) as error:
            raise ThawError(f"Run {run_id} has no artifact {path}.") from error

    # --- registered models --------------------------------------------------------------------

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

    def log_pyfunc(
        self, run_id: str, params_alone: Mapping[str, Any] | None = None, **fields: Any
    ) -> tuple[str, str]:
        """Log a pyfunc model under a run; returns its URI and its logged-model id.

        With `params_alone` the signature names parameters with their defaults, and no input: the
        model takes what it is given.

        MLflow has this only for the active run, and closes the run afterwards: one that was
        open before is opened again, since it belongs to the sweep.
        """
        status = self.status(run_id)
        if params_alone is not None:
            fields["signature"] = mlflow.models.infer_signature(params=dict(params_alone))
        with warnings.catch_warnings(), mlflow.start_run(run_id=run_id):
            if params_alone is not None:  # it advises an example, and types of one column
                warnings.filterwarnings("ignore", "(?s).*([Ii]nput example|type hint)")
            info = mlflow.pyfunc.log_model(**fields)
        if status == RUNNING:
            self.reopen(run_id)
        return str(info.model_uri), str(info.model_id)

    def create_version(
        self,
        name: str,
        model_uri: str,
        run_id: str,
        model_id: str,
        tags: Mapping[str, str],
        about: str = "",
        model_tags: Mapping[str, str] | None = None,
    ) -> str:
        """Add a version to the registered model `name`, which is made if it is new.

        Args:
            name, model_uri, run_id, model_id: of the registered model, and of the logged one.
            tags: of the version.
            about: Markdown about a model that is new.
            model_tags: of the same.

        Raises:
            ThawError: the registry refuses; nothing is left behind.
        """
        with _refusals(name):
            if not self.client.search_registered_models(f"name = '{name}'"):
                made_tags = _version_tags(model_tags or {})
                self.client.create_registered_model(name, made_tags, without_secrets(about))
        try:
            with _refusals(name):
                made = self.client.create_model_version(
                    name, model_uri, run_id=run_id, model_id=model_id, tags=_version_tags(tags)
                )
        except ThawError:
            self._forget_if_empty(name)
            raise
        return str(made.version)

    def delete_version(self, name: str, version: str) -> None:
        """Take a version back; the registered model goes too if nothing is left of it."""
        with _refusals(name):
            self.client.delete_model_version(name, version)
            self._forget_if_empty(name)

    def _forget_if_empty(self, name: str) -> None:
        if not self.client.search_model_versions(f"name = '{name}'"):
            self.client.delete_registered_model(name)

    def alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version that an alias names, if any."""
        try:
            return self.client.get_model_version_by_alias(name, alias)
        except MlflowException:
            return None

    def version(self, name: str, number: str) -> ModelVersion | None:
        """The version of that number, if any."""
        try:
            return self.client.get_model_version(name, number)
        except MlflowException:
            return None

    def model_artifact(self, version: ModelVersion, artifact: str) -> Path:
        """A local copy of a folder that was logged with a pyfunc model; read it, and no more.

        Raises:
            ThawError: the version has no such folder, or the store cannot be reached.
        """
        try:
            return Path(
                mlflow.artifacts.download_artifacts(
                    artifact_uri=f"models:/{version.name}/{version.version}/artifacts/{artifact}",
                    tracking_uri=self.uri,
                )
            )
        except (MlflowException, OSError) as error:
            raise ThawError(
                f"The files of {version.name} version {version.version} cannot be read "
                f"({_first_line(error)})."
            ) from error

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        with _refusals(name):
            self.client.set_registered_model_alias(name, alias, version)

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        with _refusals(name):
            self.client.delete_registered_model_alias(name, alias)

    def describe_version(
        self, name: str, version: str, text: str, tags: Mapping[str, str] | None = None
    ) -> None:
        """Set a version's description, which the UI shows as Markdown, and tags.

        A text that is too long is kept whole with the run that the version came from, and the
        description says so.
        """
        with _refusals(name):
            text = limits.clean(without_secrets(text))
            if len(text) > limits.DESCRIPTION:
                run_id = str(self.client.get_model_version(name, version).run_id)
                self.log_text(run_id, text, MODEL_CARD)
                rest = f"The whole card is {MODEL_CARD} among the artifacts of the run {run_id}."
                text = limits.cut(text, limits.DESCRIPTION, rest)
            self.client.update_model_version(name, version, description=text)
            for key, value in _version_tags(tags or {}).items():
                self.client.set_model_version_tag(name, version, key, value)

    def local_model(self, model_uri: str) -> Path:
        """The folder of a registered or logged model, a copy where the store is elsewhere.

        Raises:
            ThawError: it is not there, or cannot be read.
        """
        try:
            local = mlflow.artifacts.download_artifacts(
                artifact_uri=model_uri, tracking_uri=self.uri, registry_uri=self.uri
            )
        except (MlflowException, OSError) as error:
            raise ThawError(
                f"The files of {model_uri} cannot be read ({_first_line(error)})."
            ) from error
        return Path(local)

    def load_pyfunc(self, model_uri: str) -> Any:
        """A registered or logged model, loaded from this store."""
        return mlflow.pyfunc.load_model(model_uri)


_COLUMN_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "long"),
    (pa.types.is_floating, "double"),
    (pa.types.is_string, "string"),
    (pa.types.is_large_string, "string"),
    (pa.types.is_binary, "binary"),
)


def _columns(table: TableRef) -> list[dict[str, Any]]:
    """A table's columns in the form that MLflow's page of a data set reads."""
    try:
        fields = {field.name: field.type for field in pq.read_schema(table.path)}
    except (OSError, pa.ArrowInvalid):
        fields = {}
    return [
        {"name": name, "required": True, **_column_type(fields.get(name, pa.null()))}
        for name in table.columns
    ]


def _column_type(type_: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return {"type": "array", "items": _column_type(type_.value_type)}
    return {"type": next((name for is_it, name in _COLUMN_TYPES if is_it(type_)), "object")}


def _version_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {limits.key(name): _kept(value, limits.VERSION_TAG) for name, value in tags.items()}


def _kept(value: object, limit: int) -> str:
    """A value as MLflow may keep it: without secrets, and no longer than it takes."""
    return limits.cut(without_secrets(str(value)), limit)


def _points(metrics: Mapping[str, float], step: int) -> list[Metric]:
    now = int(time.time() * 1000)
    return [
        Metric(limits.key(name), float(value), now, step)
        for name, value in metrics.items()
        if math.isfinite(value)
    ]


def _characters(entry: Param | RunTag) -> int:
    return len(entry.key) + len(entry.value)


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


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Turn a registry's refusal into a sentence."""
    try:
        yield
    except MlflowException as error:
        raise ThawError(
            f"The registry refused a change to the model {name} ({_first_line(error)}); "
            "it is left as it was."
        ) from error


@cache
def git_commit() -> str | None:
    """The checkout's commit, with `-dirty` if files differ from it; None outside a checkout."""
    root = project_root()
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return done.stdout.strip()

    try:
        dirty = "-dirty" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "HEAD") + dirty
    except (OSError, subprocess.SubprocessError):
        return None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
