"""How a number is learned: a head with one output, on the numbers' own scale."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from torch import Tensor, nn
from transformers import TrainingArguments

from tasks.config import PARTS, NumbersConfig
from tasks.kinds.numbers.figures import Scale, losses, measured, number_table
from tasks.kinds.numbers.reading import numbers_in
from tasks.models.base_models import LocatedModel
from tasks.models.classifier import TextClassifier
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.building import text_length
from tasks.training.encoding import EncodedPart, token_columns
from tasks.training.on_trainer import ClassifierLearner
from tasks.training.run import JUDGED, Evaluation
from tasks.training.trainer import ArmTrainer, MeasuredTrainer, build_trainer

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": nn.functional.mse_loss,
    "huber": nn.functional.huber_loss,
}
"""Of standardised numbers; Huber's turns from squares to sizes at one standard deviation."""


class NumberTrainer(MeasuredTrainer):
    """An arm's Trainer on texts with a standardised number each."""

    loss: Callable[[Tensor, Tensor], Tensor]
    """One of `LOSSES`."""

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The mean loss of the batch; with outputs, the answers of (batch, 1) behind it."""
        numbers = inputs.pop("labels")
        answers = model(**inputs)["logits"]
        loss = self.loss(answers.squeeze(1), numbers)
        return (loss, {"logits": answers}) if return_outputs else loss


class NumberLearner(ClassifierLearner):
    """Learns a number for a text."""

    def __init__(self, spec: ArmSpec) -> None:
        super().__init__(spec)
        self.scale = Scale.of(spec.train)
        self.config = spec.numbers or NumbersConfig()
        length, end = text_length(spec, self.located), spec.model.prompt_end
        self.encoded = {
            name: encode_numbers(getattr(spec, name), self.scale, self.located, length, end)
            for name in PARTS
        }
        # What the training part's mean would come to, and 1 at least.
        guessed = losses(self.encoded["validation"].truth, self.config).mean()
        self.guessing = max(1.0, float(guessed))

    def trainer(self, arguments: TrainingArguments, callbacks: list[Any]) -> ArmTrainer:
        """See `TrainerLearner`."""
        trainer = build_trainer(
            self.trainee.module,
            arguments,
            self.spec.training,
            self.spec.strategy,
            callbacks,
            kind=NumberTrainer,
            train_dataset=self.trainee.parts["train"].rows,
            eval_dataset=self.trainee.parts["validation"].rows,
            data_collator=self.trainee.collate,
        )
        assert isinstance(trainer, NumberTrainer)  # noqa: S101 - as was asked for
        trainer.measure = partial(self.standing, "validation")
        trainer.loss = LOSSES[self.config.loss]
        return trainer

    def own_costs(self, epochs: float, seconds: float) -> dict[str, float]:
        """See `TrainerLearner`."""
        return {"cost/truncated_texts": float(self.trainee.parts["train"].truncated)}

    def predicted(self, name: str) -> np.ndarray:
        """(rows,) what the trainee makes of a part, in units."""
        return self.scale.in_units(self.logits(name)[:, 0].astype(np.float64))

    def evaluate(self, model: TextClassifier) -> Evaluation:
        """See `Learner`."""
        found, spec = Evaluation(), self.spec
        for name, short in JUDGED:
            found.tables[name], figures = number_table(
                getattr(spec, name),
                self.predicted(name),
                self.scale,
                self.config,
                f"{spec.title} on {name}",
            )
            found.add(short, figures)
        return found

    def standing(self, name: str) -> dict[str, float]:
        """See `TrainerLearner`."""
        numbers = self.scale.in_units(self.trainee.parts[name].truth)
        return measured(numbers, self.predicted(name), self.scale, self.config)


@lru_cache(maxsize=6)
def encode_numbers(
    part: TableRef, scale: Scale, located: LocatedModel, max_length: int, prompt_end: str
) -> EncodedPart:
    """Tokenise one stored part (columns `id`, `text`, `labels`); the arms of a sweep share it.

    Its `truth` and the rows' `labels` are standardised numbers, (rows,).
    """
    frame = part.read(["id", "text", "labels"])
    truth = scale.standard(numbers_in(frame))
    columns, truncated = token_columns(frame["text"].tolist(), located, max_length, prompt_end)
    return EncodedPart(
        rows=Dataset(pa.table({**columns, "labels": pa.array(truth, pa.float32())})),
        ids=frame["id"].tolist(),
        truth=truth,
        truncated=truncated,
    )
