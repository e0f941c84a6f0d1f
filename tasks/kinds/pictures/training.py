"""How answers to questions about pictures are learned, and given in words.

Parts of three models are frozen, and a picture is read once a batch however many questions are
about it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import nn
from torch.utils.data import Sampler, SequentialSampler
from transformers import TrainingArguments
from transformers.modeling_outputs import Seq2SeqLMOutput

from tasks.config.vqa import SMALL
from tasks.evaluation.scored import table_metrics
from tasks.kinds.pictures.answer_confidence import fit_confidence
from tasks.kinds.pictures.building import build_answerer, vqa_of
from tasks.kinds.pictures.evaluating import (
    answer_losses,
    answer_part,
    answer_table,
    calibration_figures,
)
from tasks.kinds.pictures.inputs import Inputs, prepare_inputs
from tasks.kinds.pictures.model.answering import Answer
from tasks.kinds.pictures.model.freezing import freeze_parts, is_cross_attention
from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.kinds.pictures.questions import AskedPart, read_questions, training_rows
from tasks.kinds.pictures.scores import confidence, vqa_accuracy
from tasks.training.arms import ArmSpec
from tasks.training.device import uses_gpu
from tasks.training.encoding import EncodedPart
from tasks.training.freezing import Freezing
from tasks.training.on_trainer import SEEN, Trainee, TrainerLearner
from tasks.training.run import JUDGED, Evaluation
from tasks.training.trainer import MeasuredTrainer, build_trainer
from tasks.training.trunk_pass import Depth


class Joined(nn.Module):
    """The joined model as a plain module for the Trainer.

    Of a `PreTrainedModel` it would write checkpoints with `save_pretrained`, which changes the
    names of some encoders' weights to older ones; read back as they stand, those would be passed
    over without a word.
    """

    def __init__(self, joined: MultimodalModel) -> None:
        super().__init__()
        self.joined = joined

    def forward(self, **batch: Any) -> Seq2SeqLMOutput:
        """See `MultimodalModel.forward`."""
        return self.joined(**batch)


class AnswerTrainer(MeasuredTrainer):
    """An arm's Trainer whose batches hold the questions about a picture together."""

    by_picture = True

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        rows = self.train_dataset if train_dataset is None else train_dataset
        sampler = super()._get_train_sampler(rows)
        if not self.by_picture or isinstance(sampler, SequentialSampler):
            return sampler
        return PictureSampler(np.asarray(rows["picture"]))


class PictureSampler(Sampler[int]):
    """Rows in a new random order of their pictures each epoch, and of the rows within one."""

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = torch.as_tensor(pictures)

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[int]:
        """Draws from torch's own numbers, which a resumed arm finds as they were."""
        rows = torch.randperm(len(self.pictures))
        place = torch.randperm(int(self.pictures.max()) + 1)
        return iter(rows[torch.argsort(place[self.pictures[rows]], stable=True)].tolist())


def new_parts(spec: ArmSpec) -> Callable[[str], bool]:
    """Whether a parameter is new, in a base model or beside it.

    New are projections, cross-attention with the norms that feed it, and parts that were built
    here: what has to be learned from nothing bears a higher rate than what is to be kept.
    """
    built = {"image_encoder": vqa_of(spec).image_encoder, "decoder": spec.model.base}
    pretrained = {"text_encoder", *(part for part, name in built.items() if name != SMALL)}

    def is_new(parameter: str) -> bool:
        part = parameter.removeprefix("joined.").partition(".")[0]
        return part not in pretrained or is_cross_attention(parameter)

    return is_new


PICTURES = 256
"""Each has as many states as patches, and a covariance needs few times its width of them."""
_AT_ONCE = 16


@torch.no_grad()
def fit_whitening(model: MultimodalModel, inputs: Inputs, seed: int) -> None:
    """Take mean and covariance of the image encoder's states from a seeded sample of pictures.

    Nothing is done for another fusion, or for an arm that sees no picture.

    Args:
        model: before training; it comes back in its mode.
        inputs: where kept states or pictures come from.
        seed: of the sample.
    """
    if model.whitening is None or "image" in inputs.blind_to:
        return
    pictures = np.unique(inputs.asked.parts["train"].pictures)
    chance = np.random.default_rng(seed)
    chosen = np.sort(chance.choice(pictures, min(PICTURES, len(pictures)), replace=False))
    training = model.training
    model.eval()
    found = []
    for start in range(0, len(chosen), _AT_ONCE):
        batch = inputs.pictures(chosen[start : start + _AT_ONCE])
        states = batch.get("image_states")
        if states is None:
            states = model.image_features(batch["pixel_values"].to(model.device)).cpu()
        found.append(states.flatten(0, 1).float())
    model.train(training)
    model.whitening.fit(torch.cat(found))


class AnswerLearner(TrainerLearner[MultimodalModel]):
    """Learns to answer questions about pictures; a confidence is fitted on validation."""

    inputs: Inputs
    """Questions and pictures as the model reads them; there from `prepare` on."""

    def __init__(self, spec: ArmSpec) -> None:
        super().__init__(spec)
        self.asked = read_questions(spec)

    def build(self) -> MultimodalModel:
        """See `Learner`."""
        self.model, self.processor = build_answerer(self.spec)
        return self.model

    def freeze(self, model: MultimodalModel) -> Freezing:
        """See `Learner`."""
        frozen = freeze_parts(model, str(self.spec.strategy))
        self.frozen = frozen.parts
        return Freezing(None, frozen.trainable, frozen.total)

    def prepare(self, model: MultimodalModel, depths: Iterable[Depth]) -> Trainee:
        """See `TrainerLearner`; no depths are needed here."""
        inputs = prepare_inputs(self.spec, model, self.processor, self.asked, self.frozen)
        self.inputs = inputs
        fit_whitening(model, inputs, self.spec.seed)
        costs = {
            "cost/trunk_seconds": sum(shelf.seconds for shelf in inputs.kept),
            "cost/trunk_megabytes": sum(shelf.bytes for shelf in inputs.kept) / 1e6,
        }
        return Trainee(
            Joined(model),
            {name: self._rows(name) for name in ("train", "validation")},
            inputs,
            inputs.description,
            costs if inputs.kept else {},
        )

    def trainer(self, arguments: TrainingArguments, callbacks: list[Any]) -> AnswerTrainer:
        """See `TrainerLearner`."""
        trainer = build_trainer(
            self.trainee.module,
            arguments,
            self.spec.training,
            self.spec.strategy,
            callbacks,
            kind=AnswerTrainer,
            is_head=new_parts(self.spec),
            train_dataset=self.trainee.parts["train"].rows,
            eval_dataset=self.trainee.parts["validation"].rows,
            data_collator=self.inputs,
        )
        assert isinstance(trainer, AnswerTrainer)  # noqa: S101 - build_trainer makes what is asked for
        trainer.measure = partial(self.standing, "validation")
        trainer.by_picture = vqa_of(self.spec).batches == "images"
        return trainer

    def own_costs(self, epochs: float, seconds: float) -> dict[str, float]:
        """See `TrainerLearner`; pictures are learned from once an epoch."""
        pictures = len(np.unique(self.asked.parts["train"].pictures))
        return {
            "cost/cut_questions": float(self.inputs.texts.cut),
            "cost/unreadable_questions": float(self.inputs.texts.unreadable),
            "cost/images_per_second": pictures * epochs / max(seconds, 1e-9),
        }

    def evaluate(self, model: MultimodalModel) -> Evaluation:
        """See `Learner`."""
        if uses_gpu():
            model.cuda()
        found = Evaluation()
        for name, short in JUDGED:
            part = self.asked.parts[name]
            losses = answer_losses(model, self.inputs, part, self._size, self.bf16)
            self.refuse_divergence(losses.loss)
            started = time.perf_counter()
            answers = self._answers(part)
            seconds = time.perf_counter() - started
            given = [answer.text for answer in answers]
            if name == "validation":
                products = [confidence(answer.log_probabilities).product for answer in answers]
                right = map(vqa_accuracy, given, part.frame["answers"])
                found.temperature = fit_confidence(products, list(right))
            table = answer_table(
                part, given, f"{self.spec.title} on {name}", losses, answers, found.temperature
            )
            found.tables[name] = table
            found.add(short, table_metrics(table) | calibration_figures(table))
            found.metrics["cost/answers_per_second"] = len(part) / max(seconds, 1e-9)
        return found

    def watched(self, trainee: Trainee, rows: np.ndarray) -> Trainee:
        """See `TrainerLearner`; the model is asked the questions as they are read."""
        parts = self.asked.parts
        self.asked = replace(self.asked, parts={**parts, SEEN: parts["train"].take(rows)})
        return trainee

    def standing(self, name: str) -> dict[str, float]:
        """See `TrainerLearner`."""
        part = self.asked.parts[name]
        loss = answer_losses(self.model, self.inputs, part, self._size, self.bf16).loss
        self.refuse_divergence(loss)
        figures = {"loss": loss}
        if self.spec.training.select_by != "val/loss":  # answering takes several decoder passes
            given = [each.text for each in self._answers(part)]
            figures |= table_metrics(answer_table(part, given, "validation"))
        return figures

    def _answers(self, part: AskedPart) -> list[Answer]:
        return answer_part(self.model, self.processor, self.inputs, part, self._size)

    def _rows(self, name: str) -> EncodedPart:
        part = self.asked.parts[name]
        rows = training_rows(part, name, self.inputs.texts)
        return EncodedPart(rows, part.frame["id"].tolist(), np.empty((0, 0)), self.inputs.texts.cut)

    @property
    def _size(self) -> int:
        return self.spec.training.eval_batch_size
