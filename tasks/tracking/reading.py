"""What an MLflow store tells of runs."""

from collections.abc import Mapping
from pathlib import Path

import mlflow
from mlflow.entities import (
    Run,
)
from mlflow.exceptions import MlflowException

from tasks import limits
from tasks.errors import RequestError, ThawError
from tasks.tracking.store import FINISHED, RUNNING, Store


class RunReader(Store):
    """Reads runs."""

    def metrics(self, run_id: str) -> dict[str, float]:
        """The last value of each of a run's metrics."""
        return dict(self.client.get_run(run_id).data.metrics)

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
