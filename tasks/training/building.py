"""From an arm's specification to its model, its encoded parts and its way of padding."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from tasks.models.base_models import LocatedModel, load_backbone, load_tokenizer, locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.storage import TableRef
from tasks.training.arms import ArmSpec
from tasks.training.batching import PaddingCollator
from tasks.training.encoding import EncodedPart, encode

TRAINED = "trained.safetensors"


def build_model(
    spec: ArmSpec, located: LocatedModel, weights: torch.Tensor | None = None
) -> TextClassifier:
    """The arm's classifier before training: base model, and a head that depends on the seed."""
    head = HeadConfig(
        labels=len(spec.labels),
        pooling=spec.model.pooling or located.pooling,
        kind=spec.model.head,
        dropout=spec.model.dropout,
        task=spec.task,
    )
    backbone = load_backbone(located, spec.model.backbone_dropout)
    return TextClassifier(backbone, head, seed=spec.seed, positive_weights=weights)


def load_trained(folder: Path) -> tuple[ArmSpec, TextClassifier]:
    """A finished arm's specification and its trained model, on the CPU in evaluation mode."""
    spec = ArmSpec.model_validate_json((folder / "arm.json").read_text(encoding="utf-8"))
    model = build_model(spec, locate(spec.model.base))
    model.load_state_dict(load_file(folder / TRAINED), strict=False)
    return spec, model.eval()


def encode_part(spec: ArmSpec, part: str, located: LocatedModel) -> EncodedPart:
    """One part's token ids; arms of a sweep share them."""
    table: TableRef = getattr(spec, part)
    return encode(table, spec.labels, spec.task, located, spec.model.max_length)


def positive_weights(spec: ArmSpec, truth: np.ndarray) -> torch.Tensor | None:
    """Square root of negatives over positives for each label, if `class_weights` is on."""
    if not spec.training.class_weights:
        return None
    positives = np.maximum(truth.sum(0), 1)
    return torch.tensor(np.sqrt((len(truth) - positives) / positives), dtype=torch.float32)


def collator_for(spec: ArmSpec, located: LocatedModel) -> PaddingCollator:
    """The arm's way of padding."""
    to_length = spec.model.max_length if spec.training.padding == "max" else None
    return PaddingCollator(int(load_tokenizer(located).pad_token_id), to_length)
