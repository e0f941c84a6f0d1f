"""What an MLflow store keeps of runs."""

import json
import logging
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

from tasks import limits
from tasks.secrets import without_secrets
from tasks.storage import TableRef
from tasks.tracking.commit import git_commit
from tasks.tracking.entries import characters, columns_of, kept, points_of
from tasks.tracking.reading import RunReader
from tasks.tracking.store import FINISHED, RUNNING

CONTEXT = "mlflow.data.context"
SHOWN = ("strategy", "seed")
"""Parameters of a run that its model has, too."""
_PARTS_OF_FIGURES = {"val": "validation", "test": "test"}
CURVE_SECONDS = 1.0
"""Between two requests with the figures of steps."""


class RunWriter(RunReader):
    """Writes runs; they are read as `RunReader` says."""

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
        all_tags |= {limits.key(tag): kept(value, limits.TAG) for tag, value in tags.items()}
        run = self.client.create_run(experiment_id, tags=all_tags, run_name=name)
        run_id = str(run.info.run_id)
        self.log_params(run_id, params)
        return run_id

    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Log parameters; a value that is too long for MLflow is cut."""
        entries = [
            Param(limits.key(name), kept(value, limits.PARAM)) for name, value in params.items()
        ]
        for batch in limits.batches(entries, limits.PARAMS_AT_ONCE, characters):
            self.client.log_batch(run_id, params=batch)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log finite figures; one that is not a number is left out rather than shown as 0."""
        self._send(run_id, points_of(metrics, step))

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
        for point in points_of(metrics, step):
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
            waiting.extend(points_of(metrics, step))
            if time.monotonic() - sent >= CURVE_SECONDS:
                send()

        try:
            yield log
        finally:
            send()

    def _send(self, run_id: str, points: Sequence[Metric]) -> None:
        for batch in limits.batches(points, limits.METRICS_AT_ONCE, lambda each: len(each.key)):
            self.client.log_batch(run_id, metrics=batch)

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags on a run; a value that is too long for MLflow is cut."""
        entries = [
            RunTag(limits.key(name), kept(value, limits.TAG)) for name, value in tags.items()
        ]
        for batch in limits.batches(entries, limits.TAGS_AT_ONCE, characters):
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
        schema = json.dumps({"mlflow_colspec": columns_of(table)})
        dataset = Dataset(
            name=limits.cut(name, limits.DATASET_NAME),
            digest=table.digest[:32],
            source_type="local",
            source=json.dumps({"uri": str(table.path), "origin": kept(table.origin, 6_000)}),
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

    def forget_tag(self, run_id: str, name: str) -> None:
        """Take a tag from a run, if it has it."""
        if name in self.tags(run_id):
            self.client.delete_tag(run_id, name)
