"""Labels: any number a row, or exactly one."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.config import LabelsCase, SingleLabelCase
from tasks.config.data import positive_index
from tasks.config.strategies import Strategy
from tasks.evaluation.calibration_plot import calibration
from tasks.evaluation.findings import Comparison
from tasks.evaluation.label_table import per_label
from tasks.evaluation.metrics import compute
from tasks.evaluation.ordinal import OF_SCALE
from tasks.evaluation.outcomes import Outcome, read_predictions
from tasks.evaluation.plots import drawn
from tasks.evaluation.weighted import OF_POSITIVE, metric_names
from tasks.hosted.checking import check_hosted
from tasks.kinds.kind import folder_of
from tasks.kinds.labels.aside import aside_sheet
from tasks.kinds.labels.examples import label_examples
from tasks.kinds.labels.measurable import check_measurable
from tasks.kinds.labels.package import Package
from tasks.kinds.labels.prediction_plots import confusion_matrix, precision_recall, reliability
from tasks.kinds.labels.prompts import build_package
from tasks.kinds.labels.references import (
    EMBEDDINGS,
    MAJORITY,
    READING,
    baseline_names,
    measure_reference,
    words_package,
)
from tasks.kinds.labels.training import LINEAR, OF_STEPS, LabelLearner, is_head_alone
from tasks.kinds.labels.zero_shot import asked_model, words_of_labels
from tasks.kinds.texts import TextKind, on_bases, usable_of
from tasks.kinds.values import Arms, Compared, Extras, Measuring, Rows, Start
from tasks.kinds.words import why_it_stands, words_candidate
from tasks.models.base_models import locate
from tasks.registry.card import data_line, model_card, model_line
from tasks.registry.fresh import FreshModel
from tasks.registry.judging import Candidate
from tasks.registry.packaging import Packaging
from tasks.registry.taking_away import take_reader
from tasks.splitting.units import Units, text_units
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec
from tasks.training.building import read_spec
from tasks.training.reading import Reading, reading_of

_LIMITS = (
    "Probabilities are not calibrated. The figures hold for texts like those of the data above; "
    "nothing was measured on others."
)


class _Labels(TextKind[LabelsCase, Start[LabelsCase]]):
    """What both have in common."""

    several_bases = True
    packaging = Packaging("kinds/labels/packaged.py", any_rows=True)

    def check(self, config: LabelsCase) -> LabelsCase:
        """Metrics, and what a hosted arm needs."""
        super().check(config)
        check_hosted(config)
        return config

    def metrics(self, config: LabelsCase) -> tuple[str, ...]:
        """Those of a positive class or a scale only where the case has one."""
        evaluation, positive = config.evaluation, config.data.positive
        return metric_names(config.task, positive is not None, evaluation.ordered)

    def start(self, config: LabelsCase, tracker: Tracker) -> Start[LabelsCase]:
        """One base model, or those of a grid."""
        return on_bases(config)

    def reading(self, table: TableRef, config: LabelsCase) -> Reading:
        """Every text is read as it stands."""
        return reading_of(table, locate(config.model.base), config.model)

    def units(self, examples: pd.DataFrame, config: LabelsCase) -> Units:
        """Texts, each with its labels."""
        return text_units(examples, config.split, labelled=True)

    def strata(self, rows: pd.DataFrame) -> Sequence[Sequence[str]]:
        """Labels."""
        labels: list[Sequence[str]] = rows["labels"].tolist()
        return labels

    def outputs(self, rows: Rows) -> tuple[str, ...]:
        """The labels."""
        return tuple(usable_of(rows).labels)

    def idle(self, made: LabelsCase, strategy: Strategy) -> Collection[str]:
        """How steps are taken, where a head is solved; how a head is learned, where one is not
        alone."""
        if not is_head_alone(strategy):
            return ("solve_head",)
        solved = made.training.solve_head and made.model.head in LINEAR
        return ("start_from_head", *(OF_STEPS if solved else ()))

    def check_parts(self, spec: ArmSpec, config: LabelsCase) -> None:
        """Those that lack rows of a class."""
        check_measurable(config, spec)

    def learner(self, spec: ArmSpec) -> LabelLearner:
        """A base model under a head."""
        return LabelLearner(spec)

    def references(self, start: Start[LabelsCase]) -> tuple[str, ...]:
        """Rules, the untrained head, linear models of words and characters."""
        return baseline_names(start.config)

    def measure(self, name: str, arms: Arms, start: Start[LabelsCase], run: Measuring) -> Outcome:
        """By an arm of each fold: it names the parts."""

        def measure(spec: ArmSpec) -> Outcome:
            return measure_reference(name, start.config, spec, run.tracker, run.run_id)

        return self.over_folds(arms, run, measure)

    def floor(self, outcomes: Sequence[Outcome], start: Start[LabelsCase]) -> Outcome:
        """Label frequencies."""
        return next(outcome for outcome in outcomes if outcome.name == MAJORITY)

    def floor_title(self, floor: Outcome) -> str:
        """As practitioners say it."""
        return "the base rate" if floor.name == MAJORITY else floor.name

    def classical(
        self, reference: Outcome, compared: Compared[Start[LabelsCase], Rows]
    ) -> Candidate | None:
        """The linear models, the references that are models of their own."""
        config, spec = compared.start.config, compared.arms.first[0]
        if reference.name == EMBEDDINGS:
            return self._on_embeddings(reference, compared)
        if reference.name not in READING:
            return None
        return words_candidate(
            reference,
            compared,
            self.packaging,
            lambda: words_package(reference, config, spec),
            {
                "Labels": self._labels(compared),
                "Limits": _LIMITS,
            },
            READING[reference.name],
        )

    def _on_embeddings(
        self, reference: Outcome, compared: Compared[Start[LabelsCase], Rows]
    ) -> Candidate:
        config, spec = compared.start.config, compared.arms.first[0]
        told = {
            "Model": f"{reference.name}: {spec.model.base} as it is, the mean of its last states "
            f"and {reference.metrics['cost/trainable_parameters']:,.0f} numbers on top. Texts "
            f"longer than {spec.model.max_length} tokens are cut.",
            "Labels": self._labels(compared),
            "Data": data_line(config, spec, usable_of(compared.rows)),
            "Selection": why_it_stands(reference, compared),
            "Limits": _LIMITS,
        }
        card = model_card(config, reference, compared.comparison, compared.run_id, told)
        return Candidate(
            reference,
            reference.key,
            lambda: build_package(reference, config),
            self.packaging,
            card,
        )

    def classes(self, spec: ArmSpec) -> list[str]:
        """The labels."""
        return list(spec.labels)

    def plots(
        self, comparison: Comparison, best: Outcome, labels: Sequence[str]
    ) -> dict[str, bytes | None]:
        """Of the chosen arm's predictions."""
        positive = positive_index(labels, comparison.positive)
        recall = precision_recall(best, labels, comparison.task, positive)
        return {"precision_recall.svg": recall}

    def extras(self, compared: Compared[Start[LabelsCase], Rows]) -> Extras:
        """How the chosen arm does on each label, and all without labels that say nothing."""
        best, labels = compared.arms.best, self.classes(compared.arms.first[0])
        table = per_label(best, labels, compared.config.task)
        sheet = aside_sheet(compared.outcomes, labels, compared.start.config)
        return Extras(
            plots=drawn(self.plots(compared.comparison, best, labels)),
            files={"comparison/labels.csv": str(table.to_csv())},
            labels=table,
            sheets=[sheet] if sheet else (),
            examples=label_examples(best, compared.test_texts(), labels, compared.config.task),
        )

    def card(self, compared: Compared[Start[LabelsCase], Rows]) -> dict[str, str]:
        """Labels, and whether probabilities are calibrated."""
        config, best, usable = compared.start.config, compared.arms.best, usable_of(compared.rows)
        spec = compared.arms.chosen[0]
        return {
            "Model": f"{model_line(config, best)} Texts longer than {spec.model.max_length} tokens "
            "are cut.",
            "Labels": self._labels(compared),
            "Data": data_line(config, spec, usable),
            "Limits": f"{_calibration(config, best)} The figures hold for texts like those of the "
            "data above; nothing was measured on others.",
        }

    def _labels(self, compared: Compared[Start[LabelsCase], Rows]) -> str:
        usable, names = usable_of(compared.rows), compared.arms.first[0].labels
        rare = ", ".join(f"{label} ({count})" for label, count in usable.rare.items()) or "none"
        return (
            f"{', '.join(names)}. Left out because fewer than "
            f"{compared.start.config.data.min_label_count} rows carry them: {rare}."
        )

    def package(self, best: Outcome, config: LabelsCase) -> Package:
        """A classifier."""
        return build_package(best, config)

    def take_away(self, package: Path, to: Path) -> None:
        """The base model, and the head beside it."""
        one_label = isinstance(self, _SingleLabel)
        take_reader(
            package,
            to,
            lambda info: {
                "gives": "labels",
                "labels": info["labels"],
                "thresholds": info["thresholds"],
                "temperature": info.get("temperature", 1.0),  # those of earlier releases have none
                "one_label": one_label,
            },
        )

    def figures(self, table: TableRef, spec: ArmSpec) -> dict[str, float]:
        """Of all rows together, each at the thresholds of the model that answered it."""
        found = read_predictions(table)
        return compute(spec.scoring, found.truth, found.probabilities, found.thresholds)

    def figure(self, outcome: Outcome, best: Outcome, config: LabelsCase) -> float:
        """At the outcome's own thresholds."""
        spec, metric = read_spec(folder_of(best)), config.evaluation.primary
        found, tuned = read_predictions(outcome.test), outcome.thresholds or None
        figures = compute(spec.scoring, found.truth, found.probabilities, tuned)
        return figures[metric.removeprefix("test/")]

    def champion_figure(
        self, champion: FreshModel, best: Outcome, config: LabelsCase, test: TableRef
    ) -> float:
        """A champion with other labels is scored on those that it knows; a label that it does not
        know counts as never predicted."""
        rows = test.read(["text"])["text"].tolist()
        answers = champion.predict(rows, params={"rendered": True})
        spec, metric = read_spec(folder_of(best)), config.evaluation.primary
        truth = read_predictions(best.test).truth
        if metric_is_tuned(metric):  # taken at the champion's own thresholds
            passing = [
                [float(label in each["labels"]) for label in spec.labels] for each in answers
            ]
            halves = [0.5] * len(spec.labels)
            figures = compute(spec.scoring, truth, np.array(passing), halves)
        else:
            found = [[each["probabilities"].get(x, 0.0) for x in spec.labels] for each in answers]
            figures = compute(spec.scoring, truth, np.array(found))
        return figures[metric.removeprefix("test/")]

    def line(self, answer: dict[str, Any]) -> str:
        """The labels that pass, with their probabilities."""
        pairs = zip(answer["labels"], answer["scores"], strict=True)
        return ", ".join(f"{label} {score:.0%}" for label, score in pairs) or "(no label passes)"


class _SingleLabel(_Labels):
    """Exactly one label a row."""

    def start(self, config: LabelsCase, tracker: Tracker) -> Start[LabelsCase]:
        """With the decoder that is asked in words, where one is."""
        start = super().start(config, tracker)
        if not (isinstance(config, SingleLabelCase) and config.zero_shot.ask):
            return start
        asked = asked_model(config)
        params = {**start.params, "asked in words": f"{asked.name} ({asked.digest[:12]})"}
        return replace(start, evidence=(*start.evidence, asked.digest), params=params)

    def check_parts(self, spec: ArmSpec, config: LabelsCase) -> None:
        """And words for other labels."""
        super().check_parts(spec, config)
        if isinstance(config, SingleLabelCase) and config.zero_shot.ask:
            words_of_labels(config.zero_shot.words, spec.labels)

    def needs_of_metric(self, name: str) -> str | None:
        """A positive class, or a scale."""
        if name in OF_POSITIVE:
            return "a positive class: name one of the two labels in data.positive"
        if name in OF_SCALE:
            return "labels that are numbers on a scale: say so with evaluation.ordered=true"
        return None

    def plots(
        self, comparison: Comparison, best: Outcome, labels: Sequence[str]
    ) -> dict[str, bytes | None]:
        """Those of classes as well."""
        positive, sure = positive_index(labels, comparison.positive), comparison.confidence
        return super().plots(comparison, best, labels) | {
            "confusion_matrix.svg": confusion_matrix(best, labels, sure),
            "reliability.svg": reliability(best, labels, sure, positive),
            "calibration.svg": calibration(best) if best.temperature != 1.0 else None,
        }


def metric_is_tuned(metric: str) -> bool:
    """Whether a metric is taken at the model's own thresholds rather than at 0.5."""
    return metric.endswith("_tuned")


def _calibration(config: LabelsCase, best: Outcome) -> str:
    if not config.evaluation.calibrate:
        return "Probabilities are not calibrated."
    return (
        f"Probabilities are calibrated by a temperature of {best.temperature:.2f}, fitted on "
        f"validation: the calibration error on test is {best.metrics['test/ece']:.3f}, and was "
        f"{best.metrics['test/ece_uncalibrated']:.3f} before."
    )


multi_label, single_label = _Labels(), _SingleLabel()
