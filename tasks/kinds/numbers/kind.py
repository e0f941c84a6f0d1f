"""Numbers: a text in, a number out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.config import NumbersCase
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import METRICS, table_metrics
from tasks.evaluation.wording import plain
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import NO_LABEL, usable_examples
from tasks.kinds.kind import folder_of
from tasks.kinds.numbers.checking import check_numbers, check_spread
from tasks.kinds.numbers.figures import Scale, number_table, numbers_of_part
from tasks.kinds.numbers.package import NumberInfo, NumberPackage
from tasks.kinds.numbers.reading import UNREAD, in_quantiles, in_ranges, numbers_in, numbers_of
from tasks.kinds.numbers.references import (
    MEAN,
    NAMES,
    READING,
    measure_reference,
    words_package,
)
from tasks.kinds.numbers.report import (
    largest_errors,
    number_examples,
    predictions_of,
    truth_against_prediction,
)
from tasks.kinds.numbers.training import NumberLearner
from tasks.kinds.texts import TextKind, on_bases, usable_of
from tasks.kinds.values import Arms, Compared, Extras, Measuring, Rows, Start
from tasks.kinds.words import words_candidate
from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer
from tasks.registry.card import data_line, model_line
from tasks.registry.fresh import FreshModel
from tasks.registry.judging import Candidate
from tasks.registry.packaging import Packaging
from tasks.registry.taking_away import take_reader
from tasks.splitting.units import Units, text_units
from tasks.storage import TableRef, put_table
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec
from tasks.training.building import load_trained, read_spec
from tasks.training.reading import Reading, reading_of

NO_NUMBER, NOT_READ = "no number", "a number that cannot be read"


class _Numbers(TextKind[NumbersCase, Start[NumbersCase]]):
    several_bases = True
    packaging = Packaging("kinds/numbers/packaged.py", any_rows=True)
    answer = "number"

    def check(self, config: NumbersCase) -> NumbersCase:
        """Metrics and fields."""
        super().check(config)
        check_numbers(config)
        return config

    def metrics(self, config: NumbersCase) -> tuple[str, ...]:
        """Of numbers."""
        return METRICS[config.task]

    def start(self, config: NumbersCase, tracker: Tracker) -> Start[NumbersCase]:
        """One base model, or those of a grid."""
        return on_bases(config)

    def prepared(self, raw: Rows, config: NumbersCase) -> Rows:
        """Texts in the case's template; `labels` holds the number as Python writes it, or nothing,
        and `unread_number` why not."""
        table = prepare(raw.table, config.data, labels_are_texts=True)
        frame = table.read()
        cells = [row[0] if len(row) else None for row in frame["labels"]]
        numbers, unread, notes = numbers_of(cells, frame["row"].tolist(), config.numbers)
        labels = [[] if number is None else [repr(number)] for number in numbers]
        kept = {name: pa.array(frame[name]) for name in table.columns if name != "labels"}
        columns = {UNREAD: pa.array(unread, pa.string()), "labels": pa.array(labels, _TEXTS)}
        return Rows(put_table(pa.table(kept | columns), table.origin), warnings=tuple(notes))

    def validated(self, rows: Rows) -> pd.DataFrame:
        """With `number`; its tenth of the range stands for the label."""
        frame = rows.table.read()
        numbers = numbers_in(frame)
        tenths = pd.Series(in_ranges(numbers), index=frame.index)
        return frame.assign(number=numbers, labels=tenths)

    def reading(self, table: TableRef, config: NumbersCase) -> Reading:
        """Every text is read as it stands."""
        return reading_of(table, locate(config.model.base), config.model)

    def usable(self, rows: Rows, start: Start[NumbersCase]) -> Rows:
        """Those with a text and a number."""
        table, usable = usable_examples(rows.table, start.config.data)
        frame = rows.table.read(["text", UNREAD])
        not_read = int((frame["text"].notna() & frame[UNREAD].notna()).sum())
        dropped = dict(usable.dropped)
        counts = {NO_NUMBER: dropped.pop(NO_LABEL, 0) - not_read, NOT_READ: not_read}
        dropped |= {reason: count for reason, count in counts.items() if count}
        return Rows(table, usable=usable.model_copy(update={"dropped": dropped, "labels": {}}))

    def units(self, examples: pd.DataFrame, config: NumbersCase) -> Units:
        """Texts, each with its number's quantile; rows of one text may differ in the number."""
        return replace(
            text_units(examples, config.split, labelled=True),
            strata=self.strata(examples),
            answers=examples["labels"].tolist(),
            answer=self.answer,
        )

    def strata(self, rows: pd.DataFrame) -> Sequence[Sequence[str]]:
        """Quantiles of the numbers."""
        return in_quantiles(numbers_in(rows))

    def outputs(self, rows: Rows) -> tuple[str, ...]:
        """One number."""
        return ("number",)

    def sections(self, made: NumbersCase, start: Start[NumbersCase]) -> dict[str, Any]:
        """How it is learned."""
        return {"numbers": made.numbers}

    def check_parts(self, spec: ArmSpec, config: NumbersCase) -> None:
        """Those whose numbers are all equal."""
        check_spread(config, spec)

    def learner(self, spec: ArmSpec) -> NumberLearner:
        """A base model under a head with one output."""
        return NumberLearner(spec)

    def references(self, start: Start[NumbersCase]) -> tuple[str, ...]:
        """The mean, linear models of words and characters."""
        return NAMES

    def measure(self, name: str, arms: Arms, start: Start[NumbersCase], run: Measuring) -> Outcome:
        """By an arm of each fold: it names the parts."""

        def measure(spec: ArmSpec) -> Outcome:
            return measure_reference(name, start.config, spec, run.tracker, run.run_id)

        return self.over_folds(arms, run, measure)

    def floor(self, outcomes: Sequence[Outcome], start: Start[NumbersCase]) -> Outcome:
        """The mean."""
        return next(outcome for outcome in outcomes if outcome.name == MEAN)

    def classical(
        self, reference: Outcome, compared: Compared[Start[NumbersCase], Rows]
    ) -> Candidate | None:
        """The linear models, the references that are models of their own."""
        if reference.name not in READING:
            return None
        config, spec = compared.start.config, compared.arms.first[0]
        return words_candidate(
            reference,
            compared,
            self.packaging,
            lambda: words_package(reference, config, spec),
            {"Numbers": _numbers(config, spec), "Limits": _LIMITS},
            READING[reference.name],
        )

    def extras(self, compared: Compared[Start[NumbersCase], Rows]) -> Extras:
        """Where the chosen arm is far off."""
        best, unit = compared.arms.best, compared.start.config.numbers.unit
        rows = predictions_of(best)
        furthest = largest_errors(rows)
        what = ", ".join(filter(None, [compared.config.data.label_role, unit]))
        picture = truth_against_prediction(rows, best.name, what)
        return Extras(
            plots={"truth_against_prediction.svg": picture},
            files={"comparison/largest_errors.csv": str(furthest.to_csv(index=False))},
            examples=number_examples(rows, unit),
        )

    def card(self, compared: Compared[Start[NumbersCase], Rows]) -> dict[str, str]:
        """What the number is."""
        config, best, spec = compared.start.config, compared.arms.best, compared.arms.chosen[0]
        return {
            "Model": f"{model_line(config, best)} Texts longer than {spec.model.max_length} tokens "
            "are cut.",
            "Numbers": _numbers(config, spec),
            "Data": data_line(config, spec, usable_of(compared.rows)),
            "Limits": _LIMITS,
        }

    def take_away(self, package: Path, to: Path) -> None:
        """The base model, and the head and its scale beside it."""
        take_reader(
            package,
            to,
            lambda info: {
                "gives": "number",
                **{name: info[name] for name in ("mean", "deviation", "unit")},
            },
        )

    def package(self, best: Outcome, config: NumbersCase) -> NumberPackage:
        """A model with its scale."""
        spec, model = load_trained(folder_of(best))
        scale = Scale.of(spec.train)
        info = NumberInfo(
            case=config.case,
            max_length=spec.model.max_length,
            prompt_end=spec.model.prompt_end,
            data=config.data.without_source(),
            arm_key=best.key,
            strategy=str(best.strategy),
            mean=scale.mean,
            deviation=scale.deviation,
            unit=config.numbers.unit,
        )
        return NumberPackage(info, model, load_tokenizer(locate(spec.model.base)))

    def figures(self, table: TableRef, spec: ArmSpec) -> dict[str, float]:
        """Of all rows together."""
        return table_metrics(table)

    def champion_figure(
        self, champion: FreshModel, best: Outcome, config: NumbersCase, test: TableRef
    ) -> float:
        """Of the champion's own numbers."""
        texts = test.read(["text"])["text"].tolist()
        answers = champion.predict(texts, params={"rendered": True})
        predicted = np.array([each["number"] for each in answers], dtype=np.float64)
        scale = Scale.of(read_spec(folder_of(best)).train)
        origin = "the standing champion on test"
        figures = number_table(test, predicted, scale, config.numbers, origin)[1]
        return figures[config.evaluation.primary.removeprefix("test/")]

    def line(self, answer: dict[str, Any]) -> str:
        """The number with its unit."""
        return f"{plain(answer['number'])} {answer.get('unit', '')}".rstrip()


_TEXTS = pa.list_(pa.string())
_LIMITS = (
    "A prediction may lie outside of the numbers that were trained on, and has no interval of its "
    "own. The figures hold for texts like those of the data above; nothing was measured on others."
)


def _numbers(config: NumbersCase, spec: ArmSpec) -> str:
    """What the number is, and how it lay in the training part."""
    numbers, scale = numbers_of_part(spec.train), Scale.of(spec.train)
    unit = f" {config.numbers.unit}" if config.numbers.unit else ""
    return (
        f"One number a text, `{config.data.label_role}`: in the training part from "
        f"{plain(numbers.min())} to {plain(numbers.max())}{unit}, on average {plain(scale.mean)} "
        f"with a standard deviation of {plain(scale.deviation)}."
    )


numbers = _Numbers()
