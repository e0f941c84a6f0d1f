"""Pictures: questions about them in, answers out."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.config import PicturesCase
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.pooling import pool_folds
from tasks.evaluation.scored import METRICS, table_metrics
from tasks.kinds.kind import Kind, folder_of
from tasks.kinds.pictures.asking import picture_questions
from tasks.kinds.pictures.baselines import (
    BASELINES,
    as_baseline,
    blind_spec,
    most_frequent_outcome,
    standing_figure,
)
from tasks.kinds.pictures.building import load_trained_answerer, parts_digest, vqa_of
from tasks.kinds.pictures.checking import check_decoder, check_pictures
from tasks.kinds.pictures.data.ingest import IngestedPictures, ingest_pictures
from tasks.kinds.pictures.data.question_table import question_table
from tasks.kinds.pictures.package import PictureInfo, PicturePackage
from tasks.kinds.pictures.report import examples_of, pictures_of, told_of_looking
from tasks.kinds.pictures.scores import MOST_FREQUENT
from tasks.kinds.pictures.splitting import answer_types, question_units, split_questions
from tasks.kinds.pictures.training import AnswerLearner
from tasks.kinds.values import Arms, Compared, Division, Extras, Measuring, Records, Rows, Start
from tasks.locks import locked
from tasks.registry.card import sizes
from tasks.registry.fresh import FreshModel
from tasks.registry.packaging import Packaging, spread
from tasks.splitting.report import told
from tasks.splitting.units import Units
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec
from tasks.training.building import read_spec
from tasks.training.run import train_arm


@dataclass(frozen=True, kw_only=True)
class PictureRows(Rows):
    """Questions, with what was found of their pictures."""

    found: IngestedPictures


def picture_examples(test: TableRef) -> list[Any]:
    """Questions of the test part (columns `question` and `path`) with their pictures in base64.

    So that an example means the same on another machine.
    """
    frame = test.read(["question", "path"])
    place = {question: row for row, question in enumerate(frame["question"])}
    rows = [place[question] for question in spread(list(place))]
    return [
        {"question": question, "image": base64.b64encode(Path(path).read_bytes()).decode()}
        for question, path in frame.iloc[rows].itertuples(index=False)
    ]


class _Pictures(Kind[PicturesCase, Start[PicturesCase], PictureRows]):
    packaging = Packaging("kinds/pictures/packaged.py", ("pillow",), {"beams": 0}, picture_examples)
    beams = True

    def check(self, config: PicturesCase) -> PicturesCase:
        """Metrics and fields."""
        super().check(config)
        check_pictures(config)
        return config

    def metrics(self, config: PicturesCase) -> tuple[str, ...]:
        """Of answers."""
        return METRICS["vqa"]

    def start(self, config: PicturesCase, tracker: Tracker) -> Start[PicturesCase]:
        """Two encoders and a decoder."""
        check_decoder(config)
        return Start(config, parts_digest(config))

    def ingest(self, start: Start[PicturesCase]) -> PictureRows:
        """Read the questions, or draw the sample, and look at every picture once."""
        found = ingest_pictures(start.config)
        table, counts = found.questions, found.audit.counts()
        return PictureRows(
            table,
            f"{table.rows:,} questions about {counts['pictures']:,} pictures from {table.origin} "
            f"({', '.join(found.parts)})",
            tuple(f"left out: {line}" for line in (*_left_out(found), *found.audit.sentences())),
            found=found,
        )

    def validated(self, rows: PictureRows) -> pd.DataFrame:
        """A row a question."""
        return question_table(rows.table)

    def audits(self, rows: PictureRows) -> Mapping[str, str]:
        """What was found of the pictures."""
        audit = rows.found.audit
        counts = "".join(f"{count:>8,}  {what}\n" for what, count in audit.counts().items())
        lines = [*audit.sentences(), *_left_out(rows.found)]
        return {
            "validation/pictures.txt": counts + "".join(f"\n{line}" for line in lines),
            "validation/pictures.csv": str(audit.faulty.to_csv(index=False)),
        }

    def split(self, rows: PictureRows, config: PicturesCase) -> Division:
        """By picture, each with all its questions."""
        folds, report = split_questions(rows.table, config, rows.found.left_out)
        return Division(tuple(folds), report, told(report), report.unused)

    def units(self, examples: pd.DataFrame, config: PicturesCase) -> Units:
        """Pictures."""
        return question_units(examples)

    def strata(self, rows: pd.DataFrame) -> Sequence[Sequence[str]]:
        """Types of answers."""
        return answer_types(rows)

    def sections(self, made: PicturesCase, start: Start[PicturesCase]) -> dict[str, Any]:
        """How questions about pictures are answered."""
        return {"vqa": made.vqa}

    def learner(self, spec: ArmSpec) -> AnswerLearner:
        """Three joined models."""
        return AnswerLearner(spec)

    def figures(self, table: TableRef, spec: ArmSpec) -> dict[str, float]:
        """Of all answers together."""
        return table_metrics(table)

    def references(self, start: Start[PicturesCase]) -> tuple[str, ...]:
        """The chosen arm with an encoder at zero, and a rule."""
        return BASELINES

    def measure(self, name: str, arms: Arms, start: Start[PicturesCase], run: Measuring) -> Outcome:
        """By the chosen arm of each fold; two of the references are trained."""
        folds = [_measured(name, spec, run) for spec in arms.chosen]
        (pooled,) = pool_folds(folds, lambda table: self.figures(table, arms.chosen[0]))
        return pooled.model_copy(update={"run_id": run.run_id})

    def floor(self, outcomes: Sequence[Outcome], start: Start[PicturesCase]) -> Outcome:
        """The most frequent answer of each question type."""
        return next(outcome for outcome in outcomes if outcome.name == MOST_FREQUENT)

    def told(
        self, comparison: Comparison, outcomes: Sequence[Outcome], best: Outcome
    ) -> Comparison:
        """Whether answers come from the pictures."""
        return told_of_looking(comparison)

    def extras(self, compared: Compared[Start[PicturesCase], PictureRows]) -> Extras:
        """A page of test questions with their pictures."""
        best = (compared.arms.best.name, compared.arms.best.seed)
        shown = next(arm for arm in compared.arms.outcomes if (arm.name, arm.seed) == best)
        return Extras(
            files={"comparison/pictures.html": pictures_of(shown, compared.start.config)},
            examples=examples_of(shown),
        )

    def card(self, compared: Compared[Start[PicturesCase], PictureRows]) -> dict[str, str]:
        """What is frozen, and how sure answers are."""
        config, best, spec = compared.start.config, compared.arms.best, compared.arms.chosen[0]
        return {
            "Model": f"{config.base_model}, strategy `{best.name}` (what is frozen), seed "
            f"{best.seed}: {best.metrics['cost/trainable_parameters']:,.0f} of "
            f"{best.metrics['cost/total_parameters']:,.0f} parameters trained.",
            "Answers": f"Written greedily in float32, at most {config.vqa.max_answer} tokens; "
            f"{best.metrics['test/stops']:.0%} of the test answers stop by themselves. The "
            "confidence is the product of the tokens' probabilities, its log-odds divided by "
            f"{best.temperature:.2f}, fitted on validation: the calibration error on test is "
            f"{best.metrics['test/ece']:.3f}, and was "
            f"{best.metrics['test/ece_uncalibrated']:.3f} before.",
            "Data": f"{config.data.source}; questions: {sizes(spec)}, no picture in two parts "
            f"(left out: {'; '.join(compared.division.left_out) or 'none'}). Digest of the test "
            f"part: `{spec.test.digest[:16]}`.",
            "Limits": "The figures hold for questions and pictures like those of the data above; "
            "nothing was measured on others. The model answers every question, also one that the "
            "picture does not answer.",
        }

    def package(self, best: Outcome, config: PicturesCase) -> PicturePackage:
        """Three joined models."""
        spec, answerer, processor = load_trained_answerer(folder_of(best))
        info = PictureInfo(
            case=config.case,
            arm_key=best.key,
            strategy=str(best.strategy),
            vqa=vqa_of(spec),
            temperature=best.temperature,
        )
        return PicturePackage(info, answerer, processor)

    def champion_figure(
        self, champion: FreshModel, best: Outcome, config: PicturesCase, test: TableRef
    ) -> float:
        """Of the champion's own answers to the best arm's test questions."""
        metric = config.evaluation.primary.removeprefix("test/")
        spec = read_spec(folder_of(best)).model_copy(update={"test": test})
        return standing_figure(champion.predict, spec, metric)

    def asked(
        self, config: PicturesCase, texts: Sequence[str], file: Path | None, images: Sequence[Path]
    ) -> tuple[Records, list[Any], dict[str, Any]]:
        """Questions paired with pictures."""
        shown, sent = picture_questions(tuple(texts), tuple(images), file)
        return [*shown], [*sent], {}

    def line(self, answer: dict[str, Any]) -> str:
        """The answer, and how sure it is."""
        return f"{answer['answer'] or '(no answer)'} {answer['confidence']:.0%}"


def _left_out(found: IngestedPictures) -> list[str]:
    return found.left_out.sentences()


def _measured(name: str, spec: ArmSpec, run: Measuring) -> Outcome:
    """One reference on one fold."""
    if name == MOST_FREQUENT:
        return most_frequent_outcome(spec, run.run_id)
    blind = blind_spec(spec, name)
    whole = spec.fold is None  # the folds' curves would be one in another's way

    def log(metrics: Mapping[str, float], step: int) -> None:
        if whole:
            run.tracker.log_metrics(run.run_id, metrics, step)

    blind.folder.mkdir(parents=True, exist_ok=True)
    with locked(blind.folder.with_suffix(".lock")):  # another sweep may hold the same arm
        outcome = train_arm(
            blind,
            run.run_id,
            AnswerLearner,
            log=log,
            logged_until=lambda metric: run.tracker.last_step(run.run_id, metric) if whole else -1,
            force=run.anew,
        )
    return as_baseline(outcome, name)


pictures = _Pictures()
