"""How rewards are learned from comparisons: of two answers, the better one earns more.

Rows are pairs, the loss compares two rewards, and an answer that is in several pairs is encoded,
stored and computed once.
"""

import math
from typing import Any

import numpy as np
from transformers import TrainingArguments

from tasks.config import PARTS
from tasks.config.preference import PreferenceConfig
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.ranking.batching import PairCollator
from tasks.kinds.ranking.encoding import EncodedPairs, encode_pairs
from tasks.kinds.ranking.figures import pair_table, ranked
from tasks.kinds.ranking.trainer import RewardTrainer
from tasks.models.classifier import TextClassifier
from tasks.training.arms import ArmSpec
from tasks.training.building import text_length
from tasks.training.on_trainer import ClassifierLearner, untouched
from tasks.training.run import JUDGED, Evaluation
from tasks.training.trainer import ArmTrainer, build_trainer


class RankingLearner(ClassifierLearner):
    """Learns a reward from pairs of answers."""

    guessing = math.log(2)  # either answer may be the better one

    def __init__(self, spec: ArmSpec) -> None:
        super().__init__(spec)
        length = text_length(spec, self.located)
        self.pairs: dict[str, EncodedPairs] = {
            name: encode_pairs(getattr(spec, name), self.located, length) for name in PARTS
        }
        self.encoded = {name: part.responses for name, part in self.pairs.items()}

    @property
    def examples(self) -> int:
        """Training pairs."""
        return len(self.pairs["train"])

    def trainer(self, arguments: TrainingArguments, callbacks: list[Any]) -> ArmTrainer:
        """See `TrainerLearner`."""
        options = self.spec.preference or PreferenceConfig()
        trainer = build_trainer(
            self.trainee.module,
            arguments,
            self.spec.training,
            self.spec.strategy,
            callbacks,
            kind=RewardTrainer,
            train_dataset=self.pairs["train"].rows(options),
            eval_dataset=self.pairs["validation"].rows(PreferenceConfig()),
            data_collator=PairCollator(self.trainee.parts["train"].rows, self.trainee.collate),
        )
        trainer.measure = self._measure
        return trainer

    def own_costs(self, epochs: float, seconds: float) -> dict[str, float]:
        """See `TrainerLearner`."""
        train = self.pairs["train"]
        return {
            "cost/cut_questions": float(train.responses.truncated),
            "cost/cut_answers": float(train.cut_answers),
        }

    def rewards(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(pairs,) the rewards of a part's better and worse answers, as the trainee stands."""
        found = self.logits(name)[:, 0].astype(np.float64)
        part = self.pairs[name]
        return found[part.chosen], found[part.rejected]

    def evaluate(self, model: TextClassifier) -> Evaluation:
        """See `Learner`."""
        found = Evaluation()
        for name, short in JUDGED:
            found.tables[name], figures = pair_table(
                getattr(self.spec, name), *self.rewards(name), f"{self.spec.title} on {name}"
            )
            found.add(short, figures)
        return found

    def _measure(self) -> dict[str, float]:
        """Figures of the validation part after an epoch."""
        chosen, rejected = self.rewards("validation")
        self.refuse_divergence(chosen - rejected)
        return {
            "loss": float(np.logaddexp(0, rejected - chosen).mean()),
            "pair_accuracy": float(ranked(chosen, rejected).mean()),
            "margin": float((chosen - rejected).mean()),
        }


def untrained_reward(spec: ArmSpec, run_id: str) -> Outcome:
    """The untouched base model under the arm's initial head, as a baseline."""
    return RankingLearner(untouched(spec)).judge_untrained(run_id)
