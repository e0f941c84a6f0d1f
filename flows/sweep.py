"""A sweep's parent run: open while its data are still read, found again after a kill, and closed
for what it came to.

    with open_sweep(config, force) as claim:
        ...                                     fetch and ingest: what fails here, the run says
        sweep = claim(config, digests)          which sweep it is: a new one, or one that there is
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID

from mlflow.entities import Run
from prefect.logging import get_run_logger

from flows.endings import close
from flows.pages import flow_run_tags, link_run, present
from tasks.config import CaseConfig
from tasks.locks import locked
from tasks.paths import store_dir
from tasks.tracking import FAILED, FINISHED, Tracker

# Fields that change where or when a sweep runs, but nothing that it finds.
CIRCUMSTANCES = {"execution", "tracking", "schedule", "title", "registry"}


@dataclass(frozen=True)
class Sweep:
    """An open sweep.

    Attributes:
        run_id: the MLflow parent run.
        finished: it was completed before; nothing has to be logged again.
    """

    tracker: Tracker
    experiment_id: str
    run_id: str
    finished: bool = False


Claim = Callable[[CaseConfig, Sequence[str]], Sweep]
"""The resolved configuration and the digests of data and models -> the sweep that they make."""


@contextmanager
def open_sweep(config: CaseConfig, force: bool = False) -> Iterator[Claim]:
    """The parent run of a sweep, open from before its data are read.

    Only the data say which sweep it is: the one that was cut short, the finished one, or a new
    one. Where this request has made a sweep before, that stands by untouched until they are known.
    Two processes never work on the same sweep at once: the second waits, and then finds it
    finished. Whatever leaves the block, the run ends in a state that says so.
    """
    tracker = Tracker(config.tracking.uri)
    request = _digest(config)
    with ExitStack() as locks:
        locks.enter_context(_lock(f"request-{request}"))
        experiment_id = tracker.experiment(config.case)
        present(tracker, experiment_id, config)
        opening = _Opening(tracker, experiment_id, config, request, force)
        opening.begin()

        def claim(resolved: CaseConfig, digests: Sequence[str]) -> Sweep:
            key = sweep_key(resolved, digests)
            locks.enter_context(_lock(f"sweep-{key}"))
            return opening.claim(key, resolved, digests)

        try:
            yield claim
        except BaseException as error:
            opening.end(error)
            raise
        opening.end(None)


def sweep_key(config: CaseConfig, digests: Sequence[str]) -> str:
    """Digest of everything that a sweep's report depends on.

    Args:
        config: with versions in place of aliases.
        digests: of the data, and of the models that it starts from.
    """
    # The same rows elsewhere are the same sweep.
    elsewhere = config.data.model_copy(update={"path": None})
    return _digest(config.model_copy(update={"data": elsewhere}), digests)


def _digest(config: CaseConfig, digests: Sequence[str] = ()) -> str:
    content = config.model_dump(mode="json", exclude=CIRCUMSTANCES)
    content["digests"], content["code"] = list(digests), _sources()
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


@cache
def _sources() -> str:
    sha = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for source in sorted([*root.glob("flows/**/*.py"), *root.glob("tasks/**/*.py")]):
        sha.update(source.relative_to(root).as_posix().encode())
        sha.update(source.read_bytes())
    return sha.hexdigest()


def _lock(name: str) -> AbstractContextManager[None]:
    return locked(store_dir() / "locks" / name)


@dataclass
class _Opening:
    """A parent run before and after it is known which sweep it is.

    Attributes:
        request: digest of what was asked for, data aside.
        run_id: the open run; None while an earlier one stands by.
        made: it was made for this opening.
        finished: the sweep was completed before: its run stays as it is.
        link: from the flow run's page to the run.
    """

    tracker: Tracker
    experiment_id: str
    config: CaseConfig
    request: str
    force: bool
    run_id: str | None = None
    made: bool = False
    finished: bool = False
    link: UUID | None = None

    def begin(self) -> None:
        """Open a run, unless the request has made a sweep that may be this one."""
        last = self._newest({"thaw.request": self.request})
        if last is None or self._is_over(last):
            self._make()
        elif "thaw.sweep" not in last.data.tags:  # it ended before its data were known
            self.run_id = str(last.info.run_id)
            self.tracker.reopen(self.run_id)
            self.tracker.set_tags(self.run_id, flow_run_tags())
            self._link(self.run_id)

    def claim(self, key: str, config: CaseConfig, digests: Sequence[str]) -> Sweep:
        """Take the sweep of that key, or let the open run be it."""
        found = self._newest({"thaw.sweep": key})
        if found is None or self._is_over(found):
            run_id = self.run_id or self._make()
            self._describe(key, config, digests[0])
            return Sweep(self.tracker, self.experiment_id, run_id)
        self._let_go()
        self.run_id = run_id = str(found.info.run_id)
        self._link(run_id)
        self.finished = found.info.status == FINISHED
        if not self.finished:
            self.tracker.reopen(run_id)
            self.tracker.set_tags(run_id, flow_run_tags())
            get_run_logger().info("Resuming sweep %s, which was cut short", run_id)
        return Sweep(self.tracker, self.experiment_id, run_id, self.finished)

    def end(self, error: BaseException | None) -> None:
        """Close the run; what failed while an earlier one stood by gets a run that says so.

        What was stopped then needs none.
        """
        if self.finished or (self.run_id is None and not isinstance(error, Exception)):
            return
        close(self.tracker, self.run_id or self._make(), error)

    def _newest(self, tags: dict[str, str]) -> Run | None:
        found = self.tracker.find_runs(self.config.case, {"thaw.kind": "sweep", **tags})
        return found[0] if found else None

    def _is_over(self, run: Run) -> bool:
        """Whether it is finished and shall not be taken for it."""
        return self.force and run.info.status == FINISHED

    def _make(self) -> str:
        config = self.config
        self.run_id = self.tracker.start_run(
            self.experiment_id,
            f"{config.case} sweep {self.request[:6]}",
            tags={
                "thaw.kind": "sweep",
                "thaw.request": self.request,
                "thaw.case": config.case,
                "thaw.profile": config.profile,
                **flow_run_tags(),
            },
            params={},
        )
        self.made = True
        self._link(self.run_id)
        self.tracker.log_text(self.run_id, config.model_dump_json(indent=2), "config.json")
        return self.run_id

    def _link(self, run_id: str) -> None:
        self.link = link_run(self.tracker, self.config.case, self.experiment_id, run_id, self.link)

    def _let_go(self) -> None:
        """Of an open run that is not the sweep: the same rows were asked for elsewhere."""
        if self.run_id is not None and self.made:
            self.tracker.delete_run(self.run_id)
        elif self.run_id is not None:
            self.tracker.finish(self.run_id, FAILED)

    def _describe(self, key: str, config: CaseConfig, data: str) -> None:
        """What is known once the data are read."""
        run_id = str(self.run_id)
        self.tracker.set_tags(run_id, {"thaw.sweep": key, "thaw.data_digest": data[:32]})
        self.tracker.log_params(
            run_id,
            {
                "base_model": config.base_model,
                "source": config.data.source,
                "strategies": ",".join(str(strategy) for strategy in config.strategies),
                "seeds": ",".join(str(seed) for seed in config.seeds),
                "epochs": config.training.epochs,
                "learning_rate": config.training.learning_rate,
                "max_length": config.model.max_length,
            },
        )
        if config != self.config:
            self.tracker.log_text(run_id, config.model_dump_json(indent=2), "config.json")
