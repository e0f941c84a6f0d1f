"""The Trainer of an arm that answers about pictures: its module, its batches, its rates."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import nn
from torch.utils.data import Sampler, SequentialSampler
from transformers.modeling_outputs import Seq2SeqLMOutput

from tasks.kinds.pictures.building import SMALL, vqa_of
from tasks.kinds.pictures.model.freezing import is_cross_attention
from tasks.kinds.pictures.model.model import MultimodalModel
from tasks.training.arms import ArmSpec
from tasks.training.trainer import MeasuredTrainer


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
