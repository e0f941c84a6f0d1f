"""How a policy learns from rewards: the usual strategies say what of it trains."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from tasks.config import PARTS, RLConfig
from tasks.evaluation.scored import table_metrics
from tasks.kinds.policy.answering import answer_table, drawn_answers, greedy_answers
from tasks.kinds.policy.building import PromptPart, load_start, policy_on, read_prompts, settings_of
from tasks.kinds.policy.checkpoint import Progress
from tasks.kinds.policy.reward_models import build_rewards
from tasks.kinds.policy.watching import Watch, curve_of
from tasks.language.tail import WholeLanguageModel
from tasks.models.adapting import merge
from tasks.training.arms import ArmSpec
from tasks.training.callbacks import LastStep, LogMetrics
from tasks.training.freezing import Freezing, freeze
from tasks.training.keeping import full_disk_explained
from tasks.training.run import JUDGED, Course, Evaluation, Learner
from tasks.training.trunk_pass import Depth

STATE = "checkpoint-rl"
"""The folder that a killed arm resumes from; goes with the other checkpoints when it is done."""
NO_BETTER = "No checkpoint within the KL budget earned more than the start: it is the start itself."


class PolicyLearner(Learner[WholeLanguageModel]):
    """Learns from rewards: validation prompts select the checkpoint, and the test prompts are
    answered after that."""

    def __init__(self, spec: ArmSpec) -> None:
        super().__init__(spec)
        self.config, self.language = settings_of(spec)
        self.rewards = build_rewards(spec.rewards, spec.reward_digests)

    def build(self) -> WholeLanguageModel:
        """See `Learner`."""
        model, self.tokenizer = load_start(self.spec)
        encoder = bool(model.config.is_encoder_decoder)
        self.parts: dict[str, PromptPart] = {
            name: read_prompts(getattr(self.spec, name), self.language, self.tokenizer, encoder)
            for name in PARTS
        }
        return WholeLanguageModel(model)

    def freeze(self, model: WholeLanguageModel) -> Freezing:
        """See `Learner`; a value head trains beside what the strategy names."""
        freezing = freeze(model, self.spec.strategy)
        self.policy = policy_on(model.plain, self.tokenizer, self.config)
        head = sum(value.numel() for value in self.policy.value_head.parameters())
        return replace(freezing, trainable=freezing.trainable + head, total=freezing.total + head)

    def learn(
        self,
        model: WholeLanguageModel,
        log: LogMetrics,
        logged_until: LastStep,
        depths: Iterable[Depth],
    ) -> Course:
        """See `Learner`; no depths are needed here."""
        config, folder = self.config, self.spec.folder / STATE
        folder.mkdir(parents=True, exist_ok=True)
        with full_disk_explained(self.spec):
            watch = Watch(self.spec.title, config.steps, log, logged_until, folder / "seconds.json")
            try:
                progress = self._train(folder, watch)
            finally:
                watch.close()
        passes = _prompts_a_step(config) / len(self.parts["train"].ids)
        return Course(
            seconds=watch.seconds(progress.step),
            examples=progress.step * config.batch_size,
            costs={"cost/steps": float(progress.step), "cost/best_step": float(progress.best)},
            curve=curve_of(progress, passes),
            note=progress.stopped or ("" if progress.best else NO_BETTER),
        )

    def evaluate(self, model: WholeLanguageModel) -> Evaluation:
        """See `Learner`."""
        found = Evaluation()
        drawn = {
            name: drawn_answers(self.policy, self.parts[name], self.rewards, self.config)
            for name, _ in JUDGED
        }
        merge(model.backbone)
        greedy = greedy_answers(self.policy, self.parts["test"], self.rewards, self.language)
        for name, short in JUDGED:
            found.tables[name] = answer_table(
                self.parts[name],
                drawn[name],
                f"{self.spec.title} on {name}",
                greedy if name == "test" else None,
            )
            found.add(short, table_metrics(found.tables[name]))
        return found

    def _train(self, folder: Path, watch: Watch) -> Progress:
        train: Callable[..., Progress]
        if self.config.algorithm == "ppo":
            from tasks.kinds.policy.training import train
        else:  # TRL takes seconds to import
            from tasks.kinds.policy.with_trl import train_with_trl as train
        queries, held_out = self.parts["train"].queries, self.parts["validation"].queries
        return train(self.policy, queries, held_out, self.rewards, self.config, folder, watch)


def _prompts_a_step(config: RLConfig) -> float:
    """RLOO and GRPO answer each prompt several times."""
    return config.batch_size / (1 if config.algorithm == "ppo" else config.generations)
