"""Writing: pairs in, a model that answers in text out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.config import LanguageConfig, WritingCase
from tasks.evaluation.completions import (
    JUDGED,
    OF_TOKENS,
    SCORES,
    TOKEN_SUMS,
    completion_metrics,
    read_completions,
)
from tasks.evaluation.exchanges import exchanges, exchanges_markdown
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.plots import drawn
from tasks.kinds.kind import folder_of
from tasks.kinds.texts import on_bases, usable_of
from tasks.kinds.values import Arms, Compared, Extras, Measuring, Rows, Start
from tasks.kinds.writing.answering import answer_columns
from tasks.kinds.writing.building import encoder_of, language_of, load_trained_writer
from tasks.kinds.writing.checking import check_writing
from tasks.kinds.writing.examples import writing_examples
from tasks.kinds.writing.formulas import formulas
from tasks.kinds.writing.package import Writer
from tasks.kinds.writing.pretraining import with_pretrained
from tasks.kinds.writing.similarity import check_encoder
from tasks.kinds.writing.training import WritingLearner
from tasks.kinds.writing.untouched import untouched_name, untouched_outcome
from tasks.kinds.writing.writers import WriterKind, prompt_line, writer_of
from tasks.language.encoding import format_of
from tasks.language.generating import Generated
from tasks.models.base_models import locate
from tasks.models.generators import generator_tokenizer
from tasks.registry.card import data_line, model_line
from tasks.registry.fresh import FreshModel
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec
from tasks.training.building import read_spec


class _Writing(WriterKind[WritingCase, Start[WritingCase]]):
    labels_are_texts = True

    def check(self, config: WritingCase) -> WritingCase:
        """Metrics, strategies and fields."""
        super().check(config)
        check_writing(config)
        return config

    def metrics(self, config: WritingCase) -> tuple[str, ...]:
        """Scores of answers, and losses of the given ones."""
        return (*SCORES[config.language.scores], *OF_TOKENS)

    def selecting(self, config: WritingCase) -> tuple[str, ...]:
        """Validation is not answered: its losses choose."""
        return OF_TOKENS

    def start(self, config: WritingCase, tracker: Tracker) -> Start[WritingCase]:
        """One base model, whose tokenizer takes the prompt's form, and the same after it has read a
        text; and what reads the answers."""
        start = on_bases(
            with_pretrained(config),
            writes=True,
            check=lambda made, located: format_of(made.language, generator_tokenizer(located)),
        )
        if config.language.encoder is None:
            return start
        encoder = locate(config.language.encoder, "language.encoder")
        check_encoder(encoder)
        params = {**start.params, "encoder of answers": f"{encoder.name} ({encoder.digest[:12]})"}
        return replace(start, evidence=(*start.evidence, encoder.digest), params=params)

    def sections(self, made: WritingCase, start: Start[WritingCase]) -> dict[str, Any]:
        """How pairs become text, and what reads the answers."""
        name = made.language.encoder
        digest = locate(name, "language.encoder").digest if name else ""
        # What was read is in the base model: an arm from the plain one is the same without.
        unread = LanguageConfig().model_dump(include={"pretrain_on", "pretrain_epochs"})
        return {"language": made.language.model_copy(update=unread), "encoder_digest": digest}

    def learner(self, spec: ArmSpec) -> WritingLearner:
        """A language model."""
        return WritingLearner(spec)

    def figures(self, table: TableRef, spec: ArmSpec) -> dict[str, float]:
        """Of all answers together."""
        return completion_metrics(table.read())

    def references(self, start: Start[WritingCase]) -> tuple[str, ...]:
        """The untouched model, without and with worked examples."""
        return tuple(_shots(start.config))

    def measure(self, name: str, arms: Arms, start: Start[WritingCase], run: Measuring) -> Outcome:
        """By an arm of each fold."""
        return untouched_outcome(arms.first, _shots(start.config)[name], run.run_id)

    def floor(self, outcomes: Sequence[Outcome], start: Start[WritingCase]) -> Outcome:
        """The untouched model without examples."""
        return next(outcome for outcome in outcomes if outcome.name == untouched_name(0))

    def extras(self, compared: Compared[Start[WritingCase], Rows]) -> Extras:
        """The first formulas as they are set, or the answers before and after."""
        best = compared.arms.best
        answers = best.test.read()
        if "normalised_match" in answers:
            shown = drawn({"formulas.png": formulas(answers)})
            return Extras(plots=shown, examples=writing_examples(answers))
        if compared.start.config.language.scores != "text":
            return Extras(examples=writing_examples(answers))
        before = self.floor(compared.outcomes, compared.start)
        made = exchanges(before, best)
        text = exchanges_markdown(made, before.name, best.name)
        return Extras(
            answers=made,
            files={"comparison/answers.md": text},
            examples=writing_examples(answers),
        )

    def card(self, compared: Compared[Start[WritingCase], Rows]) -> dict[str, str]:
        """The prompt, and how answers are generated."""
        config, best, spec = compared.start.config, compared.arms.best, compared.arms.chosen[0]
        language = config.language
        search = "greedily" if language.beams == 1 else f"with {language.beams} beams"
        return {
            "Model": f"{model_line(config, best)} {prompt_line(language)}",
            "Answers": f"Generated {search} in float32, at most {language.max_new_tokens} tokens; "
            f"the end token was learnt ({best.metrics['test/stops']:.0%} of the test answers stop "
            "by themselves).",
            "Data": f"{data_line(config, spec, usable_of(compared.rows))} "
            f"{best.metrics['cost/dropped_pairs']:.0f} training pairs did not fit into "
            f"{spec.model.max_length} tokens and were left out.",
            "Limits": "The figures hold for requests like those of the data above; nothing was "
            f"measured on others. {_caution(language)}",
        }

    def package(self, best: Outcome, config: WritingCase) -> Writer:
        """A language model with its prompt."""
        spec, model, tokenizer = load_trained_writer(folder_of(best))
        return writer_of(best, config, model, tokenizer, language_of(spec))

    def take_away(self, package: Path, to: Path) -> None:
        """The language model, with the prompt that it was trained on."""
        Writer.take_away(package, to)

    def champion_figure(
        self, champion: FreshModel, best: Outcome, config: WritingCase, test: TableRef
    ) -> float:
        """Of the champion's own answers, or losses, on the rows of the best arm's.

        A loss is the champion's sum over the tokens that the best arm counts, since two tokenizers
        cut the same completion into different numbers of them.
        """
        metric = config.evaluation.primary.removeprefix("test/")
        frame = read_completions(best.test).frame
        if metric in JUDGED:
            frame = frame[frame["tokens_of_loss"] > 0]
            pairs = list(zip(frame["prompt"], frame["expected"], strict=True))
            nats = np.array(champion.call("nats", pairs), dtype=float)
            return completion_metrics(frame.assign(nats=nats)[~np.isnan(nats)])[metric]
        frame = frame[frame["generated"].notna()]
        answers = champion.predict(frame["prompt"].tolist(), params={"rendered": True})
        given = [Generated(each["answer"], each["stopped"], each["tokens"]) for each in answers]
        columns = answer_columns(
            frame["expected"].tolist(),
            given,
            config.language.scores,
            encoder_of(read_spec(folder_of(best))),
        )
        unread = dict.fromkeys(TOKEN_SUMS, 0.0)  # losses play no part here
        return completion_metrics(pd.DataFrame(columns | unread))[metric]


def _shots(config: WritingCase) -> dict[str, int]:
    """Worked examples of each untouched model, by the name that tables give it."""
    return {untouched_name(shots): shots for shots in (0, config.language.few_shot)}


def _caution(language: LanguageConfig) -> str:
    if language.scores == "latex":
        return "An answer that parses may still be another formula than the one that was meant."
    return "Perplexity says how well answers are predicted, not whether they are true."


writing = _Writing()
