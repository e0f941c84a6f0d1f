"""What a kind of case has to know: the contract between the chain and six sorts of answers.

    kind = kind_of(config.task)
    config = kind.check(config)
    start = kind.start(config, tracker)

`flows/chain.py` runs every case by it and knows no kind by name. A kind is looked up by the YAML's
`task:` and imported then, since each pulls in libraries that the others can do without; what
travels between processes is that name, never the object.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Generic

import pandas as pd

from tasks.config.base import Task
from tasks.config.strategies import Strategy
from tasks.errors import RequestError, ThawError
from tasks.evaluation.findings import Comparison
from tasks.evaluation.naming import check_metric_names
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.pooling import pool_folds
from tasks.kinds.values import (
    Arms,
    C,
    Compared,
    Division,
    Extras,
    Measuring,
    R,
    Records,
    S,
)
from tasks.registry.fresh import FreshModel
from tasks.registry.judging import Candidate
from tasks.registry.packaging import Packaging
from tasks.splitting.units import Units
from tasks.storage import TableRef
from tasks.texts import PAIR
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec
from tasks.training.building import read_spec
from tasks.training.reading import Reading
from tasks.training.run import Learner

KINDS: dict[Task, str] = {
    "multi_label": "tasks.kinds.labels.kind:multi_label",
    "single_label": "tasks.kinds.labels.kind:single_label",
    "regression": "tasks.kinds.numbers.kind:numbers",
    "completion": "tasks.kinds.writing.kind:writing",
    "preference": "tasks.kinds.ranking.kind:ranking",
    "policy": "tasks.kinds.policy.kind:policy",
    "vqa": "tasks.kinds.pictures.kind:pictures",
}
"""The YAML's `task:` -> where its kind stands."""


class Kind(ABC, Generic[C, S, R]):
    """One sort of answer."""

    packaging: Packaging
    """How MLflow runs its packages."""
    labels_are_texts = False
    """Whether what a row is labelled with is to be written."""
    answer = "label"
    """What rows have, as reports call it."""
    several_bases = False
    """Whether arms on different base models can stand in one table."""
    beams = False
    """Whether `thaw predict --beams` means something."""
    curves: tuple[str, ...] = ("train/loss", "val/loss")
    """What is drawn over the epochs, beside the metric that selects."""

    def __reduce__(self) -> Any:
        raise TypeError("A kind is no message: send its name, and look it up with kind_of.")

    # --- before anything is fetched

    def check(self, config: C) -> C:
        """The case as it is run; refuses what cannot be.

        Raises:
            RequestError: the first thing that means nothing here.
        """
        if "base" in config.grid.model and not self.several_bases:
            raise RequestError(
                f"grid.model.base does not go with {config.case}: run it once for each base model, "
                "with model.base."
            )
        check_metric_names(
            config, self.metrics(config), self.selecting(config), self.needs_of_metric
        )
        return config

    @abstractmethod
    def metrics(self, config: C) -> tuple[str, ...]:
        """Short names of what is measured on the test part."""

    def selecting(self, config: C) -> tuple[str, ...]:
        """Those of them that are measured on validation, too, and so can choose an arm."""
        return self.metrics(config)

    def needs_of_metric(self, name: str) -> str | None:
        """What a case would need to measure a metric that it does not; None where nothing helps."""
        return None

    # --- from the source to the arms

    @abstractmethod
    def start(self, config: C, tracker: Tracker) -> S:
        """Locate what training starts from; what is not on this machine is fetched.

        Raises:
            RequestError: no such model, or one that does not go with the case.
            ThawError: it has to be fetched and cannot be.
        """

    @abstractmethod
    def ingest(self, start: S) -> R:
        """Fetch and read the source into a stored table."""

    def prepared(self, raw: R, config: C) -> R:
        """All rows, good and bad, as they are validated."""
        return raw

    def validated(self, rows: R) -> pd.DataFrame:
        """What the expectation suite is held against."""
        return rows.table.read()

    def reading(self, table: TableRef, config: C) -> Reading | None:
        """What the base model's tokenizer makes of stored texts; None where it reads others."""
        return None

    def audits(self, rows: R) -> Mapping[str, str]:
        """What validation keeps beside the report: path -> text."""
        return {}

    def usable(self, rows: R, start: S) -> R:
        """The rows that can be learned from."""
        return rows

    @abstractmethod
    def split(self, rows: R, config: C) -> Division:
        """Divide the rows so that nothing leaks, and store the parts.

        Raises:
            RequestError: too few rows, or what must not be divided is too large.
            ThawError: something is on both sides after all.
        """

    @abstractmethod
    def units(self, examples: pd.DataFrame, config: C) -> Units:
        """What must not be divided, and what each part should have its share of.

        Args:
            examples: all usable rows, or those of the finished parts, which are checked anew.
            config: the case.
        """

    def strata(self, rows: pd.DataFrame) -> Sequence[Sequence[str]] | None:
        """What of each row every part, and a share of the training part, has as often as the
        whole; None where rows differ in nothing."""
        return None

    def outputs(self, rows: R) -> tuple[str, ...]:
        """Names of what the model gives a number for, in their order."""
        return ()

    def sections(self, made: C, start: S) -> dict[str, Any]:
        """What an arm's specification holds of this kind alone.

        Args:
            made: the case at a point of its grid.
            start: of the sweep.
        """
        return {}

    def idle(self, made: C, strategy: Strategy) -> Collection[str]:
        """Training fields that do not touch an arm: points of a grid over them are one arm.

        Args:
            made: the case at a point of its grid.
            strategy: the arm's.
        """
        return ()

    def check_parts(self, spec: ArmSpec, config: C) -> None:
        """Refuse parts on which a metric that decides has no value.

        Raises:
            RequestError: with the part, and what it lacks.
        """

    @abstractmethod
    def learner(self, spec: ArmSpec) -> Learner[Any]:
        """How an arm learns and is judged, for `tasks.training.run.train_arm`."""

    def figure(self, outcome: Outcome, best: Outcome, config: C) -> float:
        """The primary figure of an outcome's predictions, which may be of some test rows alone.

        Args:
            outcome: of an arm or a reference.
            best: the arm beside it, which names the labels.
            config: the case.
        """
        figures = self.figures(outcome.test, read_spec(folder_of(best)))
        return figures[config.evaluation.primary.removeprefix("test/")]

    @abstractmethod
    def figures(self, table: TableRef, spec: ArmSpec) -> dict[str, float]:
        """The metrics of a stored test table, which may be of several folds taken together.

        Args:
            table: as an arm or a reference left it.
            spec: an arm beside it, which says what labels mean.
        """

    def over_folds(
        self, arms: Arms, run: Measuring, measure: Callable[[ArmSpec], Outcome]
    ) -> Outcome:
        """A reference measured by an arm of each fold, and pooled as arms are.

        Args:
            arms: of the sweep.
            run: that holds the evidence.
            measure: what is made of the parts that an arm names.
        """
        specs = arms.first
        found = [measure(spec).model_copy(update={"fold": spec.fold}) for spec in specs]
        (pooled,) = pool_folds(found, lambda table: self.figures(table, specs[0]))
        return pooled.model_copy(update={"run_id": run.run_id})

    # --- what arms are held against

    @abstractmethod
    def references(self, start: S) -> tuple[str, ...]:
        """The baselines, in the order in which tables show them."""

    @abstractmethod
    def measure(self, name: str, arms: Arms, start: S, run: Measuring) -> Outcome:
        """Measure one of them on the same rows."""

    @abstractmethod
    def floor(self, outcomes: Sequence[Outcome], start: S) -> Outcome:
        """The trivial answer (`registry.beats`)."""

    def floor_title(self, floor: Outcome) -> str:
        """How a verdict calls it."""
        return floor.name

    def classical(self, reference: Outcome, compared: Compared[S, R]) -> Candidate | None:
        """A reference as something that can stand for champion, where it is a model of its own."""
        return None

    # --- reports

    def classes(self, spec: ArmSpec) -> list[str]:
        """The labels that a comparison is about; none where rows have none."""
        return []

    def told(
        self, comparison: Comparison, outcomes: Sequence[Outcome], best: Outcome
    ) -> Comparison:
        """The comparison with what only this kind has to say."""
        return comparison

    def extras(self, compared: Compared[S, R]) -> Extras:
        """What the report has beside the tables and plots of all."""
        return Extras()

    @abstractmethod
    def card(self, compared: Compared[S, R]) -> dict[str, str]:
        """The model card's sections in their order: `registry/card.py` adds those of all."""

    # --- packages

    @abstractmethod
    def package(self, best: Outcome, config: C) -> Any:
        """A finished arm's model with all that answering needs."""

    def take_away(self, package: Path, to: Path) -> None:
        """Write a package as a folder that needs nothing of Thaw (`registry/taking_away.py`).

        Args:
            package: the files of a registered version.
            to: an empty folder.

        Raises:
            RequestError: models of this kind, or this one, cannot be taken away so.
        """
        raise RequestError(
            "A model of this kind gives more than a plain transformers model does, and no command "
            "takes it away yet: use the registered package "
            "(`mlflow models serve -m models:/NAME@champion`)."
        )

    @abstractmethod
    def champion_figure(
        self, champion: FreshModel, best: Outcome, config: C, test: TableRef
    ) -> float:
        """The primary figure of a standing champion on the test rows of the best arm.

        `registry/fresh.py` says what a champion of each release can be asked.
        """

    # --- the command line

    def asked(
        self, config: C, texts: Sequence[str], file: Path | None, images: Sequence[Path]
    ) -> tuple[Records, list[Any], dict[str, Any]]:
        """What `thaw predict` was given: as it is shown, as the model is asked, and how.

        Rows of a table have all columns of the case's template, and so its whole text.

        Raises:
            RequestError: nothing is asked, or something that this kind does not read.
        """
        from tasks.ingestion.plain import named_as_given, plain_file
        from tasks.ingestion.prepare import render_bare
        from tasks.kinds.asked_file import rows_of_table
        from tasks.registry.prediction import is_table, read_texts

        self.refuse_images(config, images)
        if config.data.pair:
            if len(texts) % 2:
                raise RequestError(f"{config.case} reads pairs of texts: give two for each answer.")
            texts = [PAIR.join(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
        plain = plain_file(file) if file is not None and file.is_file() else file
        if plain is not None and is_table(plain):
            with named_as_given(plain, file):
                shown, rendered = rows_of_table(plain, config.data)
            bare = [render_bare(text, config.data) for text in texts]
            rows = [*({"text": text} for text in texts), *shown]
            sent = [text for text in rendered if text is not None]
            return rows, [*bare, *sent], {"rendered": True}
        with named_as_given(plain, file):
            read = read_texts(plain) if plain else {}
        given = [*texts, *read.values()]
        if not given:
            raise RequestError("There is nothing to predict: give a TEXT or --file FILE.")
        lines = [{"id": f"line-{n}", "text": text} for n, text in read.items()]
        if list(read) == [*range(1, len(read) + 1)]:  # none is empty, so that nobody has to count
            lines = [{"text": text} for text in read.values()]
        return [*({"text": text} for text in texts), *lines], given, {}

    def refuse_images(self, config: C, images: Sequence[Path]) -> None:
        """For kinds that read texts alone.

        Raises:
            RequestError: there is a picture.
        """
        if images:
            raise RequestError(
                f"--image is for questions about pictures, and {config.case} reads texts."
            )

    def in_order(self, rows: Records, answers: Records) -> Records:
        """Each record with its answer, as they are shown; without one where it was not asked."""
        from tasks.registry.prediction import UNANSWERED

        asked = [row for row in rows if UNANSWERED not in row]
        answered = iter([{**row, **told} for row, told in zip(asked, answers, strict=True)])
        return [row if UNANSWERED in row else next(answered) for row in rows]

    @abstractmethod
    def line(self, answer: dict[str, Any]) -> str:
        """An answer in one line."""


@cache
def kind_of(task: str) -> Kind[Any, Any, Any]:
    """The kind of a case, imported when it is first asked for."""
    module, _, name = KINDS[task].partition(":")  # type: ignore[index]
    found: Kind[Any, Any, Any] = getattr(import_module(module), name)
    return found


def folder_of(best: Outcome) -> Path:
    """Where a trained arm lies.

    Raises:
        ThawError: it is none.
    """
    if best.folder is None:
        raise ThawError(f"{best.name} is no trained arm, so there is nothing to register.")
    return Path(best.folder)
