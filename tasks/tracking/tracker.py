"""Runs and registered models of one MLflow store."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from tasks import limits
from tasks.errors import ThawError
from tasks.secrets import without_secrets
from tasks.tracking.entries import kept
from tasks.tracking.store import RUNNING, first_line
from tasks.tracking.writing import RunWriter

MODEL_CARD = "model_card.md"  # the whole of a card that is longer than a description may be


class Tracker(RunWriter):
    """Runs and registered models of one MLflow store."""

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
        with warnings.catch_warnings(), _not_compared(), mlflow.start_run(run_id=run_id):
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
                f"({first_line(error)})."
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
                f"The files of {model_uri} cannot be read ({first_line(error)})."
            ) from error
        return Path(local)

    def load_pyfunc(self, model_uri: str) -> Any:
        """A registered or logged model, loaded from this store."""
        return mlflow.pyfunc.load_model(model_uri)


@contextmanager
def _not_compared() -> Iterator[None]:
    """Let MLflow not look through all that is installed, for seconds, to warn of requirements that
    differ from it: they were written down from there a moment ago."""
    asked, name = mlflow.utils.environment, "warn_dependency_requirement_mismatches"
    before = getattr(asked, name)
    setattr(asked, name, lambda _: None)
    try:
        yield
    finally:
        setattr(asked, name, before)


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Turn a registry's refusal into a sentence."""
    try:
        yield
    except MlflowException as error:
        raise ThawError(
            f"The registry refused a change to the model {name} ({first_line(error)}); "
            "it is left as it was."
        ) from error


def _version_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {limits.key(name): kept(value, limits.VERSION_TAG) for name, value in tags.items()}
