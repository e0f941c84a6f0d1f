"""Ranking: pairs of answers in, a reward out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.config import RankingCase
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import METRICS, table_metrics
from tasks.kinds.kind import folder_of
from tasks.kinds.ranking.asking import answer_records, ranked
from tasks.kinds.ranking.baselines import NAMES, TFIDF, baseline_outcome, fit_words, strongest_rule
from tasks.kinds.ranking.breakdown import (
    by_gap,
    by_length,
    by_source,
    pair_examples,
    pairs_of,
    sheets,
    wrongly_ranked,
)
from tasks.kinds.ranking.checking import check_ranking, check_reads_pairs
from tasks.kinds.ranking.classical_package import ClassicalReward
from tasks.kinds.ranking.figures import pair_table
from tasks.kinds.ranking.package import RewardModel, RewardModelInfo
from tasks.kinds.ranking.plots import draw_pairs
from tasks.kinds.ranking.rewarding import REWARD
from tasks.kinds.ranking.training import RankingLearner
from tasks.kinds.texts import TextKind, on_bases, usable_of
from tasks.kinds.values import Arms, Compared, Extras, Measuring, Records, Rows, Start
from tasks.kinds.words import words_candidate, words_key
from tasks.models.base_models import locate
from tasks.models.loading import load_tokenizer
from tasks.registry.card import data_line, model_line
from tasks.registry.fresh import FreshModel
from tasks.registry.judging import Candidate
from tasks.registry.packaging import Packaging, spread
from tasks.registry.taking_away import take_reader
from tasks.registry.words_folder import WordsInfo
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec
from tasks.training.building import load_trained


def reward_examples(test: TableRef) -> list[Any]:
    """Answers of the test part (columns `text`, `chosen`, `rejected`) with their questions."""
    frame = test.read(["text", "chosen", "rejected"])
    asked = {
        answer: question
        for question, *answers in frame.itertuples(index=False)
        for answer in answers
    }
    return [{"question": asked[answer], "answer": answer} for answer in spread(list(asked))]


class _Ranking(TextKind[RankingCase, Start[RankingCase]]):
    several_bases = True
    packaging = Packaging(
        "kinds/ranking/packaged.py",
        ("datasets",),
        {"rendered": False, "question": ""},
        reward_examples,
    )

    def check(self, config: RankingCase) -> RankingCase:
        """Metrics and fields."""
        super().check(config)
        check_ranking(config)
        return config

    def metrics(self, config: RankingCase) -> tuple[str, ...]:
        """Of pairs."""
        return METRICS["preference"]

    def start(self, config: RankingCase, tracker: Tracker) -> Start[RankingCase]:
        """One base model that reads two texts together, or those of a grid."""
        return on_bases(config, check=check_reads_pairs)

    def outputs(self, rows: Rows) -> tuple[str, ...]:
        """One number."""
        return (REWARD,)

    def sections(self, made: RankingCase, start: Start[RankingCase]) -> dict[str, Any]:
        """How a reward model learns from comparisons."""
        return {"preference": made.preference}

    def learner(self, spec: ArmSpec) -> RankingLearner:
        """A reward model."""
        return RankingLearner(spec)

    def references(self, start: Start[RankingCase]) -> tuple[str, ...]:
        """The untrained head, rules that do not read, bags of words."""
        return NAMES

    def measure(self, name: str, arms: Arms, start: Start[RankingCase], run: Measuring) -> Outcome:
        """By an arm of each fold: it names the parts."""
        strengths = start.config.evaluation.baseline_c
        return self.over_folds(
            arms, run, lambda spec: baseline_outcome(name, spec, strengths, run.run_id)
        )

    def floor(self, outcomes: Sequence[Outcome], start: Start[RankingCase]) -> Outcome:
        """The strongest rule that does not read the answers."""
        return strongest_rule(list(outcomes), start.config.evaluation.primary)

    def classical(
        self, reference: Outcome, compared: Compared[Start[RankingCase], Rows]
    ) -> Candidate | None:
        """TF-IDF with logistic regression, the one reference that is a model of its own."""
        if reference.name != TFIDF:
            return None
        config, spec = compared.start.config, compared.arms.first[0]

        def package() -> ClassicalReward:
            info = WordsInfo(
                case=config.case,
                name=reference.name,
                data=config.data.without_source(),
                arm_key=words_key(config, spec),
            )
            return ClassicalReward(info, fit_words(spec, config.evaluation.baseline_c))

        return words_candidate(
            reference,
            compared,
            self.packaging,
            package,
            {
                "Rewards": "One number an answer, higher is better, whatever the question. Only "
                "differences between answers to one question mean something.",
                "Limits": "The preferences are those of whoever scored the data. The figures hold "
                "for answers like those of the data above.",
            },
        )

    def extras(self, compared: Compared[Start[RankingCase], Rows]) -> Extras:
        """Where the chosen arm ranks wrongly."""
        best, confidence = compared.arms.best, compared.config.evaluation.confidence
        pairs = pairs_of(best.test)
        wrong = wrongly_ranked(pairs)
        tables = {"gap": by_gap, "source": by_source, "length": by_length}
        found = {name: table(pairs, confidence) for name, table in tables.items()}
        files = {
            f"comparison/by_{name}.csv": str(table.to_csv(index_label=name))
            for name, table in found.items()
            if len(table)
        }
        return Extras(
            plots=draw_pairs(pairs, best.name),
            files=files | {"comparison/wrongly_ranked.csv": str(wrong.to_csv(index=False))},
            sheets=sheets(pairs, confidence),
            examples=pair_examples(pairs),
        )

    def card(self, compared: Compared[Start[RankingCase], Rows]) -> dict[str, str]:
        """What a reward means."""
        config, best, spec = compared.config, compared.arms.best, compared.arms.chosen[0]
        cut = best.metrics["cost/cut_questions"]
        correlation = best.metrics.get("test/length_correlation")
        length = "undefined" if correlation is None else f"{correlation:+.3f}"
        return {
            "Model": f"{model_line(config, best)} It reads a question and an answer of "
            f"{spec.model.max_length} tokens together; what is longer loses the end of its "
            f"question first ({cut:.0f} of the training answers came with such a question).",
            "Rewards": "One number an answer, higher is better. Only differences between answers "
            "to one question mean something: the sigmoid of it is the probability that the first "
            f"is preferred (calibration error on test {best.metrics['test/ece']:.3f}). Margin in "
            f"the loss: {compared.start.config.preference.margin}.",
            "Data": f"{data_line(config, spec, usable_of(compared.rows))} No query is in two "
            "parts.",
            "Limits": "The preferences are those of whoever scored the data. The rank correlation "
            f"of reward and length on test is {length}. The figures hold for answers like those "
            "of the data above; what is trained to earn this reward will find answers that are "
            "not.",
        }

    def take_away(self, package: Path, to: Path) -> None:
        """The base model, and the head beside it; it reads a question and an answer."""
        take_reader(package, to, lambda _: {"gives": "reward"}, keeps_second=True)

    def package(self, best: Outcome, config: RankingCase) -> RewardModel:
        """A reward model."""
        spec, model = load_trained(folder_of(best))
        info = RewardModelInfo(
            case=config.case,
            max_length=spec.model.max_length,
            data=config.data.without_source(),
            arm_key=best.key,
            strategy=str(best.strategy),
        )
        return RewardModel(info, model, load_tokenizer(locate(spec.model.base)))

    def figures(self, table: TableRef, spec: ArmSpec) -> dict[str, float]:
        """Of all answers together."""
        return table_metrics(table)

    def champion_figure(
        self, champion: FreshModel, best: Outcome, config: RankingCase, test: TableRef
    ) -> float:
        """Of the champion's own rewards."""
        frame = test.read(["text", "chosen", "rejected"])
        records = [
            {"question": question, "answer": answer}
            for end in ("chosen", "rejected")
            for question, answer in zip(frame["text"], frame[end], strict=True)
        ]
        answers = champion.predict(records, params={"rendered": True})
        rewards = np.array([each[REWARD] for each in answers])
        chosen, rejected = rewards[: len(frame)], rewards[len(frame) :]
        figures = pair_table(test, chosen, rejected, "the standing champion on test")[1]
        return figures[config.evaluation.primary.removeprefix("test/")]

    def asked(
        self, config: RankingCase, texts: Sequence[str], file: Path | None, images: Sequence[Path]
    ) -> tuple[Records, list[Any], dict[str, Any]]:
        """A question and answers to it."""
        self.refuse_images(config, images)
        records = answer_records(texts, file)
        return [*records], [*records], {}

    def in_order(self, rows: Records, answers: Records) -> Records:
        """The answers to each question by falling reward."""
        return super().in_order(*ranked(rows, answers))

    def line(self, answer: dict[str, Any]) -> str:
        """The reward, and what earned it."""
        return f"{answer['reward']:+.3f}  {answer['answer']}"


ranking = _Ranking()
