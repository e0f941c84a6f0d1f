"""How writing is learned: the loss is taken at every completion token, test is answered in text."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor
from transformers import TrainingArguments

from tasks.config import PARTS
from tasks.evaluation.completions import completion_metrics
from tasks.kinds.writing.answering import answer_table
from tasks.kinds.writing.building import encode_parts, encoder_of, language_of, load_arm_model
from tasks.kinds.writing.completion_trainer import CompletionTrainer, figures_of
from tasks.language.pairs import IGNORED, PairCollator, pad_right
from tasks.language.row_losses import RowLosses, row_losses
from tasks.language.tail import TailLanguageModel, WholeLanguageModel
from tasks.models.adapting import merge
from tasks.models.base_models import locate
from tasks.training.arms import ArmSpec
from tasks.training.batching import PaddingCollator
from tasks.training.device import uses_gpu
from tasks.training.freezing import Freezing, freeze
from tasks.training.on_trainer import SEEN, Trainee, TrainerLearner
from tasks.training.run import JUDGED, Evaluation
from tasks.training.trainer import ArmTrainer, build_trainer
from tasks.training.trunk import Trunk, use_trunk, with_places
from tasks.training.trunk_pass import Depth, stack


class WritingLearner(TrainerLearner[WholeLanguageModel]):
    """Learns to write completions; through TRL where the case says so and nothing is stored."""

    def __init__(self, spec: ArmSpec) -> None:
        super().__init__(spec)
        located = locate(spec.model.base)
        self.base, self.tokenizer = load_arm_model(spec, located)
        self.encoded = encode_parts(spec, located, self.tokenizer)

    def build(self) -> WholeLanguageModel:
        """See `Learner`."""
        return WholeLanguageModel(self.base)

    def freeze(self, model: WholeLanguageModel) -> Freezing:
        """See `Learner`."""
        return freeze(model, self.spec.strategy)

    def prepare(self, model: WholeLanguageModel, depths: Iterable[Depth]) -> Trainee:
        """See `TrainerLearner`."""
        pad_id = int(self.tokenizer.pad_token_id)
        trunk = use_trunk(self.spec, model, self.encoded, depths, PaddingCollator(pad_id))
        if isinstance(trunk, str):
            return Trainee(model, self.encoded, PairCollator(pad_id), trunk)
        return Trainee(
            TailLanguageModel(model.plain, int(trunk.depth)),
            {name: with_places(part, name) for name, part in self.encoded.items()},
            StatesCollator(trunk),
            trunk.description,
            trunk.costs,
        )

    def trainer(self, arguments: TrainingArguments, callbacks: list[Any]) -> ArmTrainer:
        """See `TrainerLearner`."""
        spec, module = self.spec, self.trainee.module
        train, validation = (self.trainee.parts[name].rows for name in ("train", "validation"))
        if language_of(spec).trainer == "trl" and isinstance(module, WholeLanguageModel):
            from tasks.kinds.writing.sft import build_sft_trainer  # TRL takes a second to import

            trainer = build_sft_trainer(
                module.plain,
                self.tokenizer,
                arguments,
                spec.training,
                spec.strategy,
                callbacks,
                train,
                validation,
            )
        else:
            trainer = build_trainer(
                module,
                arguments,
                spec.training,
                spec.strategy,
                callbacks,
                kind=CompletionTrainer,
                train_dataset=train,
                eval_dataset=validation,
                data_collator=self.trainee.collate,
            )
        trainer.measure = partial(self.standing, "validation")
        return trainer

    def own_costs(self, epochs: float, seconds: float) -> dict[str, float]:
        """See `TrainerLearner`."""
        return {"cost/dropped_pairs": float(self.encoded["train"].truncated)}

    def losses(self, name: str) -> RowLosses:
        """The losses of a part's rows, as the trainee stands."""
        trainee = self.trainee
        return row_losses(
            trainee.module, self.encoded[name], trainee.parts[name], trainee.collate, self.bf16
        )

    def evaluate(self, model: WholeLanguageModel) -> Evaluation:
        """See `Learner`.

        Answers are generated in float32, as the packaged model gives them, whatever precision
        trained.
        """
        spec, found = self.spec, Evaluation()
        losses = {name: self.losses(name) for name, _ in JUDGED}
        for each in losses.values():
            self.refuse_divergence(each.loss)
        merge(model.backbone)
        plain = model.plain.cuda() if uses_gpu() else model.plain
        for name, short in JUDGED:
            started = time.perf_counter()
            found.tables[name] = answer_table(
                getattr(spec, name),
                self.encoded[name],
                losses[name],
                (plain, self.tokenizer, language_of(spec), encoder_of(spec))
                if name == "test"
                else None,
                f"{spec.title} on {name}",
            )
            found.add(short, completion_metrics(found.tables[name].read()))
            if name == "test":
                found.metrics["cost/generate_seconds"] = time.perf_counter() - started
        return found

    def watched(self, trainee: Trainee, rows: np.ndarray) -> Trainee:
        """See `TrainerLearner`."""
        self.encoded = {**self.encoded, SEEN: self.encoded["train"].take(rows)}
        return super().watched(trainee, rows)

    def standing(self, name: str) -> dict[str, float]:
        """See `TrainerLearner`."""
        losses = self.losses(name)
        self.refuse_divergence(losses.loss)
        return figures_of(losses)


@dataclass(frozen=True)
class StatesCollator:
    """Batches of stored states with a label for every token, padded on the right."""

    trunk: Trunk

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`hidden`, `attention_mask` and `labels`; examples carry `part`, `row` and `labels`."""
        states = self.trunk.states
        batch = stack([states[PARTS[each["part"]]].row(each["row"]) for each in examples])
        batch["labels"] = pad_right([each["labels"] for each in examples], IGNORED)
        return batch
