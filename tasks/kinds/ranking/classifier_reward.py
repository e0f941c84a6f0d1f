"""A classifier's logit as a reward: in batches of like length, without gradients.

The logit, not the probability: a probability near 1 no longer says which of two texts is better.
"""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForSequenceClassification
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.errors import RequestError, ThawError
from tasks.kinds.ranking.reading import read_pairs
from tasks.models.base_models import LocatedModel
from tasks.models.classifier import tells_texts_apart
from tasks.models.loading import load_tokenizer
from tasks.models.one_at_a_time import one_at_a_time
from tasks.training.predicting import device_of

Reads = Literal["answer", "pair"]


class ClassifierReward:
    """One label's logit of a text classifier, as a part of the reward.

    Args:
        name: under which it is logged.
        model: its forward takes `input_ids` and `attention_mask` and gives `logits` of (texts,
            labels): a `TextClassifier`, or transformers' sequence classification.
        tokenizer: the model's own.
        labels: the names of the model's outputs, in their order.
        label: whose logit counts; None where there is only one.
        weight: factor in the sum.
        identity: digest of the model.
        reads: the answer alone, or prompt and answer as a sentence pair (a reward model).
        max_length: tokens; what is longer is cut, of a pair the prompt before the answer.
        batch_size: texts at a time.

    Raises:
        RequestError: the model has no such label, or several and none was named.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        labels: Sequence[str],
        label: str | None = None,
        weight: float = 1.0,
        reads: Reads = "answer",
        max_length: int = 512,
        batch_size: int = 32,
        identity: str = "",
    ) -> None:
        self.name, self.weight, self.reads, self.identity = name, weight, reads, identity
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.column = label_column(name, labels, label)
        self.outputs = len(labels)
        self.max_length, self.batch_size = max_length, batch_size
        self._accepted = set(inspect.signature(model.forward).parameters)
        # Of a model of Thaw's own its base model says it.
        if not tells_texts_apart(getattr(model, "backbone", model).config):
            self._accepted.discard("token_type_ids")

    def score(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        """The label's logit for each answer.

        Raises:
            ThawError: the model has another number of outputs than it has labels.
        """
        if not answers:
            return []
        if self.reads == "pair":
            read = read_pairs(prompts, answers, self.tokenizer, self.max_length).columns
        else:
            read = self.tokenizer(
                list(answers), truncation=True, max_length=self.max_length, verbose=False
            )
        columns = {name: rows for name, rows in read.items() if name in self._accepted}
        for place, ids in enumerate(columns["input_ids"]):
            if not ids:  # a decoder's tokenizer adds nothing to an empty text
                columns["input_ids"][place] = [self.tokenizer.eos_token_id]
                columns["attention_mask"][place] = [1]
        lengths = [len(row) for row in columns["input_ids"]]
        order = sorted(range(len(answers)), key=lengths.__getitem__)
        found = [0.0] * len(answers)
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            rows = {name: [rows[place] for place in places] for name, rows in columns.items()}
            for place, logit in zip(places, self._logits(rows), strict=True):
                found[place] = logit
        return found

    @torch.inference_mode()
    def _logits(self, rows: dict[str, list[list[int]]]) -> list[float]:
        batch = self.tokenizer.pad(rows, return_tensors="pt").to(device_of(self.model))
        logits = self.model(**batch)["logits"]
        if logits.shape[1] != self.outputs:
            raise ThawError(
                f"The reward model {self.name} has {logits.shape[1]} outputs and {self.outputs} "
                "labels: name the label of each output in its configuration."
            )
        column: list[float] = logits[:, self.column].float().tolist()
        return column


def label_column(name: str, labels: Sequence[str], label: str | None) -> int:
    """Which of a model's outputs counts.

    Raises:
        RequestError: it has no such label, or several and none was named.
    """
    if label is None and len(labels) == 1:
        return 0
    if label is None:
        raise RequestError(
            f"The reward model {name} has the labels {', '.join(labels)}: say which one's logit "
            "counts (label)."
        )
    if label not in labels:
        raise RequestError(
            f"The reward model {name} has no label {label!r}: its labels are {', '.join(labels)}."
        )
    return list(labels).index(label)


@one_at_a_time
def load_classifier(
    located: LocatedModel,
) -> tuple[nn.Module, PreTrainedTokenizerBase, tuple[str, ...]]:
    """A sequence classifier from a folder or the hub: model, tokenizer, labels.

    Raises:
        ThawError: the weights cannot be read, or its head is not among them: a base model without
            a classifier's head would get a random one, and reward at random.
    """
    folder = Path(located.folder)
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ThawError(f"The weights of {located.origin} cannot be loaded: {error}") from error
    if missing := sorted(loading["missing_keys"]):
        raise ThawError(
            f"{located.origin} is no trained classifier: {missing[0]} is missing from its weights."
        )
    names = model.config.id2label
    return model, load_tokenizer(located), tuple(names[number] for number in sorted(names))
