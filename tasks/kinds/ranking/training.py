"""How rewards are learned from comparisons: of two answers, the better one earns more.

Rows are pairs, the loss compares two rewards, and an answer that is in several pairs is encoded,
stored and computed once.
"""

import math
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from torch.utils.data import Sampler
from transformers import TrainingArguments

from tasks.config import PARTS
from tasks.config.preference import PreferenceConfig
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.ranking.batching import PairCollator, QueryOrder
from tasks.kinds.ranking.encoding import EncodedPairs, encode_pairs
from tasks.kinds.ranking.figures import pair_table, ranked
from tasks.models.classifier import TextClassifier
from tasks.training.arms import ArmSpec
from tasks.training.building import text_length
from tasks.training.on_trainer import SEEN, ClassifierLearner, Trainee, untouched
from tasks.training.run import JUDGED, Evaluation
from tasks.training.trainer import ArmTrainer, MeasuredTrainer, build_trainer


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """The mean loss over pairs, a scalar: Bradley and Terry 1952, as in Ouyang et al. 2022, eq. 1.

    The probability that answer j is preferred to answer k is sigmoid(r_j - r_k). The loss of a pair
    is -log of it; with a margin m, as in Llama 2 (Touvron et al. 2023, section 3.2.2), it is
    -log sigmoid(r_j - r_k - m): the better answer has to be better by m.

    Every argument is one number a pair. The chapter compared rewards of shape (pairs, 1) with
    scores of shape (pairs,), which broadcasts to (pairs, pairs) and lets each pair learn from the
    others' scores.

    Args:
        chosen, rejected: (pairs,) rewards of the better and of the worse answer.
        margin: (pairs,), 0 for none.

    Raises:
        ValueError: the three are not of one shape (pairs,).
    """
    if not chosen.shape == rejected.shape == margin.shape or chosen.ndim != 1:
        raise ValueError(
            f"one number a pair is needed, and there are {tuple(chosen.shape)}, "
            f"{tuple(rejected.shape)} and {tuple(margin.shape)}"
        )
    return -logsigmoid(chosen - rejected - margin).mean()


class RewardTrainer(MeasuredTrainer):
    """An arm's Trainer on pairs, as `batching.PairCollator` makes them."""

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The mean loss of the pairs; with outputs, the rewards of (responses,) behind it."""
        chosen, rejected, margin = (inputs.pop(name) for name in ("chosen", "rejected", "margin"))
        rewards = model(**inputs)["logits"].squeeze(1)
        loss = bradley_terry(rewards[chosen], rewards[rejected], margin)
        return (loss, {"rewards": rewards}) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        """Pairs of a query together, unless the rows shall come in their stored order."""
        strategy = self.args.train_sampling_strategy
        if strategy == "sequential":
            return super()._get_train_sampler(train_dataset)
        pairs = self.train_dataset if train_dataset is None else train_dataset
        return QueryOrder(pairs, self.args.train_batch_size, strategy == "group_by_length")


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

    @property
    def held_out(self) -> int:
        """Validation pairs."""
        return len(self.pairs["validation"])

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
        trainer.measure = partial(self.standing, "validation")
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

    def watched(self, trainee: Trainee, rows: np.ndarray) -> Trainee:
        """See `TrainerLearner`; rows are pairs, and the answers in them are what is read."""
        self.pairs[SEEN], answers = self.pairs["train"].take(rows)
        return super().watched(trainee, answers)

    def standing(self, name: str) -> dict[str, float]:
        """See `TrainerLearner`."""
        chosen, rejected = self.rewards(name)
        self.refuse_divergence(chosen - rejected)
        return {
            "loss": float(np.logaddexp(0, rejected - chosen).mean()),
            "pair_accuracy": float(ranked(chosen, rejected).mean()),
            "margin": float((chosen - rejected).mean()),
        }


def untrained_reward(spec: ArmSpec, run_id: str) -> Outcome:
    """The untouched base model under the arm's initial head, as a baseline."""
    return RankingLearner(untouched(spec)).judge_untrained(run_id)
