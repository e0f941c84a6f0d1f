"""Policies: prompts in, a better writer out. What an answer is worth, the rewards say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.config import PolicyCase
from tasks.config.loading import grid_points
from tasks.evaluation.findings import Comparison
from tasks.evaluation.outcomes import Outcome
from tasks.evaluation.scored import METRICS, table_metrics
from tasks.kinds.kind import folder_of
from tasks.kinds.policy.arm import PolicyLearner
from tasks.kinds.policy.building import load_trained_policy, settings_of
from tasks.kinds.policy.checking import check_policy, check_start, fitting_prompts, with_parts_shown
from tasks.kinds.policy.checks import checks_sheet, score_pinned
from tasks.kinds.policy.pinning import Pinned, pin
from tasks.kinds.policy.report import (
    paired_sheet,
    rewarded,
    texts_markdown,
    texts_sheet,
    with_findings,
)
from tasks.kinds.policy.untrained import (
    start_name,
    untouched_base_name,
    untrained_policy_outcome,
    writer_figure,
)
from tasks.kinds.texts import check_unexamined, usable_of
from tasks.kinds.values import Arms, Compared, Extras, Measuring, Rows, Start
from tasks.kinds.writing.package import Writer
from tasks.kinds.writing.writers import WriterKind, prompt_line, writer_of
from tasks.language.encoding import format_of
from tasks.language.writing import writing_tokenizer
from tasks.models.base_models import block_count, context_of
from tasks.registry.card import data_line, model_line
from tasks.registry.fresh import FreshModel
from tasks.storage import TableRef
from tasks.tracking import Tracker
from tasks.training.arms import ArmSpec, check_strategies
from tasks.training.building import read_spec


@dataclass(frozen=True, kw_only=True)
class PolicyStart(Start[PolicyCase]):
    """A start whose models are fixed: two arms must not learn from different champions."""

    pinned: Pinned

    @property
    def untrained(self) -> dict[str, tuple[str, str]]:
        """What the arms are measured against: name in tables -> the model's name and digest."""
        base, untouched = self.pinned.base, self.pinned.untouched
        models = {start_name(base.name): (base.name, base.digest)}
        if untouched is not None:
            models[untouched_base_name(untouched[0])] = untouched
        return models


class _Policy(WriterKind[PolicyCase, PolicyStart]):
    curves = ("val/kl", "val/tokens")

    def check(self, config: PolicyCase) -> PolicyCase:
        """Strategies, fields and metrics; each part of the reward gets its column."""
        config = with_parts_shown(config)
        check_policy(config)
        return super().check(config)

    def metrics(self, config: PolicyCase) -> tuple[str, ...]:
        """Of answers, and of each part of the reward."""
        return (*METRICS["policy"], *(f"reward_{reward.title}" for reward in config.rewards))

    def start(self, config: PolicyCase, tracker: Tracker) -> PolicyStart:
        """The model that is trained, and those that reward."""
        pinned = pin(config, tracker)
        config, base = pinned.config, pinned.base
        for _, made in grid_points(config):
            check_start(made, base)
        format_of(config.language, writing_tokenizer(base))  # refused now if they do not go
        blocks = block_count(base, writes=True)
        check_strategies(config.strategies, blocks, context_of(base))
        check_unexamined(config.strategies, base, writes=True)
        return PolicyStart(
            config, base.digest, blocks, pinned.reward_digests, pinned.params, pinned=pinned
        )

    def usable(self, rows: Rows, start: PolicyStart) -> Rows:
        """Those whose prompts leave room for an answer."""
        found = super().usable(rows, start)
        base = start.pinned.base
        table, usable = fitting_prompts(found.table, usable_of(found), start.config, base)
        return Rows(table, usable=usable)

    def sections(self, made: PolicyCase, start: PolicyStart) -> dict[str, Any]:
        """How a policy learns from what."""
        return {
            "language": made.language,
            "rl": made.rl,
            "rewards": made.rewards,
            "reward_digests": start.pinned.reward_digests,
        }

    def learner(self, spec: ArmSpec) -> PolicyLearner:
        """A policy."""
        return PolicyLearner(spec)

    def references(self, start: PolicyStart) -> tuple[str, ...]:
        """What the arms start from, and what that was trained from."""
        return tuple(start.untrained)

    def measure(self, name: str, arms: Arms, start: PolicyStart, run: Measuring) -> Outcome:
        """By any arm, for the prompts, the rewards and the draws."""
        return untrained_policy_outcome(arms.first[0], *start.untrained[name], name, run.run_id)

    def floor(self, outcomes: Sequence[Outcome], start: PolicyStart) -> Outcome:
        """The model that the arms started from."""
        name = start_name(start.pinned.base.name)
        return next(outcome for outcome in outcomes if outcome.name == name)

    def told(
        self, comparison: Comparison, outcomes: Sequence[Outcome], best: Outcome
    ) -> Comparison:
        """How far the reward rose from the start, and what else moved with it."""
        start = next(outcome for outcome in outcomes if outcome.kind == "baseline")
        return with_findings(comparison, start, best)

    def extras(self, compared: Compared[PolicyStart, Rows]) -> Extras:
        """The same prompts before and after, in tests and in texts; the chapter's sentences."""
        best = compared.arms.best
        before = [outcome for outcome in compared.outcomes if outcome.kind == "baseline"]
        texts = texts_sheet({each.name: each for each in (*before[::-1], best)})
        sheets = [paired_sheet(compared.comparison, before[0], best)]
        if checks := compared.config.reference.checks:
            pinned = compared.start.pinned
            asked = [check.text for check in checks]
            scores = score_pinned(pinned.config.rewards, pinned.reward_digests, asked)
            sheets.append(checks_sheet(checks, scores))
        return Extras(
            files={"comparison/answers.md": texts_markdown(texts)},
            sheets=sheets,
            texts=texts,
            examples=rewarded(best),
        )

    def card(self, compared: Compared[PolicyStart, Rows]) -> dict[str, str]:
        """What was rewarded, and for how long."""
        config, best, spec = compared.start.config, compared.arms.best, compared.arms.chosen[0]
        parts = ", ".join(
            f"{reward.weight:g} x {reward.title} ({reward.model or reward.function}"
            f"{f', label {reward.label}' if reward.label else ''})"
            for reward in config.rewards
        )
        return {
            "Model": f"{model_line(config, best)} {prompt_line(config.language)}",
            "Learned from": f"{parts}; {config.rl.algorithm.upper()}, "
            f"{best.metrics['cost/steps']:.0f} steps of {config.rl.batch_size} answers of at most "
            f"{config.rl.max_new_tokens} tokens. Kept: step {best.metrics['cost/best_step']:.0f}, "
            f"the best on held-out prompts within {config.rl.kl_budget:g} nats of the start "
            f"({best.metrics['test/kl']:.1f} on test). {best.note}",
            "Data": data_line(config, spec, usable_of(compared.rows)),
            "Limits": "The reward is what models say, not people: what they overlook was not "
            "learned, and what they reward wrongly was. The figures hold for prompts like those "
            "of the data above.",
        }

    def package(self, best: Outcome, config: PolicyCase) -> Writer:
        """A language model with the prompt that it started with."""
        spec, model, tokenizer = load_trained_policy(folder_of(best))
        return writer_of(best, config, model, tokenizer, settings_of(spec)[1])

    def figures(self, table: TableRef, spec: ArmSpec) -> dict[str, float]:
        """Of all answers together."""
        return table_metrics(table)

    def take_away(self, package: Path, to: Path) -> None:
        """The language model, with the prompt that it was trained on."""
        Writer.take_away(package, to)

    def champion_figure(
        self, champion: FreshModel, best: Outcome, config: PolicyCase, test: TableRef
    ) -> float:
        """Under the rewards and with the draws of the best arm; the weights are the champion's."""
        metric = config.evaluation.primary.removeprefix("test/")
        spec = read_spec(folder_of(best)).model_copy(update={"test": test})
        return writer_figure(Writer.load(champion.package), spec, metric)


policy = _Policy()
