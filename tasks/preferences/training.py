"""Training one reward model from its specification to its outcome, with resume at every point.

The counterpart of `tasks/training/run.py`, on the same Trainer, strategies, trunk and checkpoints.
What differs: rows are pairs, the loss compares two rewards, and an answer that is in several pairs
is encoded, stored and computed once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import nn
from transformers import set_seed

from tasks.config.preference import PreferenceConfig
from tasks.config.strategies import strategy
from tasks.evaluation.outcomes import Outcome
from tasks.models.base_models import LocatedModel, locate
from tasks.models.classifier import TextClassifier
from tasks.preferences.batching import PairCollator
from tasks.preferences.encoding import EncodedPairs, encode_pairs
from tasks.preferences.figures import pair_table, ranked
from tasks.preferences.trainer import RewardTrainer
from tasks.training.arms import ArmSpec
from tasks.training.building import build_model, collator_for, text_length
from tasks.training.callbacks import (
    LastStep,
    LogMetrics,
    arm_callbacks,
    train_seconds,
)
from tasks.training.costs import costs, with_costs
from tasks.training.device import PeakMemory, uses_gpu, wants_bf16
from tasks.training.divergence import refuse_divergence
from tasks.training.encoding import EncodedPart
from tasks.training.freezing import count_blocks, freeze
from tasks.training.keeping import (
    full_disk_explained,
    keep_outcome,
    require_disk,
    save_trained,
    standing_outcome,
)
from tasks.training.predicting import Collator, predict_logits
from tasks.training.resuming import train_or_resume
from tasks.training.trainer import ArmTrainer, build_trainer, training_arguments
from tasks.training.trunk import TrunkCollator, depth_of, use_trunk, with_places
from tasks.training.trunk_pass import Depth

PARTS = ("train", "validation", "test")
UNTRAINED = "untrained head"


@dataclass(frozen=True)
class Scorer:
    """A model that gives rewards, and the responses of each part as it reads them.

    The model is the whole one on token ids, or its upper part on stored states.
    """

    model: nn.Module
    responses: Mapping[str, EncodedPart]
    collate: Collator
    batch_size: int
    bf16: bool

    def rewards(self, part: EncodedPairs, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(pairs,) the rewards of a part's better and worse answers, as the model stands."""
        found = predict_logits(
            self.model, self.responses[name], self.collate, self.batch_size, self.bf16
        )[:, 0].astype(np.float64)
        return found[part.chosen], found[part.rejected]


def train_reward_arm(
    spec: ArmSpec,
    run_id: str,
    log: LogMetrics,
    logged_until: LastStep = lambda metric: -1,
    force: bool = False,
    depths: Iterable[Depth] = (),
) -> Outcome:
    """Train (or resume, or reuse) one reward model and rank validation, then test.

    Arguments and errors are those of `tasks.training.run.train_arm`.
    """
    if done := standing_outcome(spec, force):
        return done
    located = locate(spec.model.base)
    parts = _encode(spec, located)
    set_seed(spec.seed)
    with PeakMemory() as memory:
        model = build_model(spec, located)
        freezing = freeze(model, spec.strategy)
        require_disk(spec, freezing)
        responses = {name: part.responses for name, part in parts.items()}
        depth = depth_of(spec.strategy, count_blocks(model.backbone))
        collator = collator_for(spec, located)
        trunk = use_trunk(spec, model, responses, depths, depth, collator)
        if isinstance(trunk, str):
            scorer = _scorer(spec, model, responses, collator)
        else:
            placed = {name: with_places(part, name) for name, part in responses.items()}
            scorer = _scorer(spec, trunk.trainable_part(model), placed, TrunkCollator(trunk))
        trainer = _trainer(spec, scorer, parts, log, logged_until)
        with full_disk_explained(spec):
            train_or_resume(trainer, spec)
        seconds = train_seconds(trainer)
        outcome = _evaluate(spec, run_id, scorer, parts)
    train = parts["train"]
    figures = costs(freezing, seconds, trainer.state, train.responses, memory.megabytes)
    figures["cost/cut_questions"] = figures.pop("cost/truncated_texts")
    figures["cost/cut_answers"] = float(train.cut_answers)
    figures["cost/saved_bytes"] = float(save_trained(spec, model))
    figures["cost/examples_per_second"] = len(train) * figures["cost/epochs"] / max(seconds, 1e-9)
    outcome = with_costs(outcome, figures, trunk, trainer.state)
    keep_outcome(spec, outcome)
    return outcome


def untrained_reward(spec: ArmSpec, run_id: str) -> Outcome:
    """The untouched base model under the arm's initial head: what training starts from."""
    located = locate(spec.model.base)
    # A soft prompt of random words would be something else than the untouched model.
    plain = spec.model_copy(update={"strategy": strategy("full")})
    parts = _encode(plain, located)
    model: TextClassifier = build_model(plain, located)
    if uses_gpu():
        model.cuda()
    responses = {name: part.responses for name, part in parts.items()}
    scorer = _scorer(plain, model, responses, collator_for(plain, located))
    return _evaluate(plain, run_id, scorer, parts).model_copy(
        update={"name": UNTRAINED, "kind": "baseline", "folder": None, "strategy": None}
    )


def _encode(spec: ArmSpec, located: LocatedModel) -> dict[str, EncodedPairs]:
    length = text_length(spec, located)
    return {name: encode_pairs(getattr(spec, name), located, length) for name in PARTS}


def _scorer(
    spec: ArmSpec, model: nn.Module, responses: Mapping[str, EncodedPart], collate: Collator
) -> Scorer:
    bf16 = wants_bf16(spec.training.precision)
    return Scorer(model, responses, collate, spec.training.eval_batch_size, bf16)


def _trainer(
    spec: ArmSpec,
    scorer: Scorer,
    parts: Mapping[str, EncodedPairs],
    log: LogMetrics,
    logged_until: LastStep,
) -> ArmTrainer:
    def measure() -> dict[str, float]:
        chosen, rejected = scorer.rewards(parts["validation"], "validation")
        refuse_divergence(spec, chosen - rejected)
        return {
            "loss": float(np.logaddexp(0, rejected - chosen).mean()),
            "pair_accuracy": float(ranked(chosen, rejected).mean()),
            "margin": float((chosen - rejected).mean()),
        }

    options = spec.preference or PreferenceConfig()
    trainer = build_trainer(
        scorer.model,
        training_arguments(spec.training, spec.folder, spec.seed, len(parts["train"])),
        spec.training,
        arm_callbacks(spec.title, log, logged_until),
        kind=RewardTrainer,
        train_dataset=parts["train"].rows(options),
        eval_dataset=parts["validation"].rows(PreferenceConfig()),
        data_collator=PairCollator(scorer.responses["train"].rows, scorer.collate),
    )
    trainer.measure = measure
    return trainer


def _evaluate(
    spec: ArmSpec, run_id: str, scorer: Scorer, parts: Mapping[str, EncodedPairs]
) -> Outcome:
    """Rank the pairs of validation, and only then those of test."""
    metrics: dict[str, float] = {}
    tables = {}
    for name, short in (("validation", "val"), ("test", "test")):
        rewards = scorer.rewards(parts[name], name)
        table, figures = pair_table(getattr(spec, name), *rewards, f"{spec.title} on {name}")
        tables[name] = table
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
    return Outcome(
        name=spec.name,
        kind="arm",
        strategy=str(spec.strategy),
        seed=spec.seed,
        point=spec.point,
        key=spec.key,
        run_id=run_id,
        metrics=metrics,
        validation=tables["validation"],
        test=tables["test"],
        folder=str(spec.folder),
    )
