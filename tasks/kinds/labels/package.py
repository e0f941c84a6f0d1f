"""A trained classifier in one folder, with its labels, thresholds and template."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch

from tasks.models.classifier import to_probabilities
from tasks.registry.model_folder import FolderInfo, ModelFolder, render_bare
from tasks.training.batching import PaddingCollator, token_ids
from tasks.training.predicting import device_of

BATCH = 32


class PackageInfo(FolderInfo):
    """The same of a classifier that gives labels."""

    task: Literal["multi_label", "single_label"]
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    temperature: float = 1.0
    prompt_end: str = ""


def answers(
    probabilities: np.ndarray, task: str, labels: Sequence[str], thresholds: Sequence[float]
) -> list[dict[str, Any]]:
    """What a classifier says of each row of probabilities, see `Package.predict`."""
    found = []
    for row in probabilities:
        if task == "multi_label":
            passing = [i for i, p in enumerate(row) if p >= thresholds[i]]
        else:
            passing = [int(row.argmax())]
        passing.sort(key=lambda i: -row[i])
        found.append(
            {
                "labels": [labels[i] for i in passing],
                "scores": [float(row[i]) for i in passing],
                "probabilities": {label: float(p) for label, p in zip(labels, row, strict=True)},
            }
        )
    return found


class Package(ModelFolder[PackageInfo]):
    """A loaded classifier that gives labels."""

    info_type = PackageInfo

    def probabilities(self, texts: list[str], rendered: bool = False) -> np.ndarray:
        """(n, labels) probabilities in float32 arithmetic, the same on every machine.

        Args:
            texts: raw texts, or whole model inputs when `rendered`.
            rendered: the template has been applied already.
        """
        logits = self.logits(texts, rendered)
        return to_probabilities(logits / self.info.temperature, self.info.task)

    def logits(self, texts: list[str], rendered: bool = False) -> np.ndarray:
        """(n, labels) of what the probabilities are made from; arguments are the same."""
        if not texts:
            return np.zeros((0, len(self.info.labels)))
        inputs = texts if rendered else [render_bare(text, self.info.data) for text in texts]
        ids, _ = token_ids(inputs, self.tokenizer, self.text_length, self.info.prompt_end)
        # A decoder's tokenizer adds nothing to an empty text.
        ids = [row or [int(self.tokenizer.eos_token_id)] for row in ids]
        collate = PaddingCollator(int(self.tokenizer.pad_token_id))
        order = np.argsort([len(row) for row in ids], kind="stable")
        found = np.zeros((len(ids), len(self.info.labels)))
        with torch.inference_mode():
            for start in range(0, len(ids), BATCH):
                rows = order[start : start + BATCH]
                batch = collate([{"input_ids": ids[row]} for row in rows])
                batch = {name: values.to(device_of(self.model)) for name, values in batch.items()}
                found[rows] = self.model(**batch)["logits"].cpu().numpy()
        return found

    def predict(self, texts: list[str], rendered: bool = False) -> list[dict[str, Any]]:
        """For each text its labels by falling probability, and the probability of every label.

        Multi-label: the labels at or above their threshold, possibly none. Single-label: the
        most probable one.
        """
        found = self.probabilities(texts, rendered)
        return answers(found, self.info.task, self.info.labels, self.info.thresholds)
