"""From an arm's specification to its model, its encoded parts and its way of padding."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from tasks.errors import ThawError
from tasks.models.adapting import adapt, merge, soft_prompt
from tasks.models.base_models import LocatedModel, context_of, locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.models.examining import usual_pooling
from tasks.models.label_tokens import label_rows
from tasks.models.loading import examined, load_backbone, load_tokenizer
from tasks.models.pooler import pooler_layer
from tasks.storage import TableRef, file_digest
from tasks.training.arms import ArmSpec, check_family, room_for_text
from tasks.training.batching import PaddingCollator
from tasks.training.encoding import EncodedPart, encode

TRAINED = "trained.safetensors"
DIGEST = "trained.sha256"  # of that file, written when the arm was done


def build_model(
    spec: ArmSpec,
    located: LocatedModel,
    weights: torch.Tensor | None = None,
    backbone: PreTrainedModel | None = None,
) -> TextClassifier:
    """The arm's classifier before training: base model, and a head that depends on the seed.

    Args:
        spec: the arm; a strategy that trains a soft prompt or an adapter has it put in place.
        located: the base model.
        weights: of each label's positives in the loss.
        backbone: the base model, where it is in memory already; an adapter would change it.
    """
    backbone = backbone or load_backbone(located, spec.model.backbone_dropout)
    usual = spec.model.pooling or located.pooling
    head = HeadConfig(
        labels=len(spec.labels),
        pooling=usual or usual_pooling(backbone, load_tokenizer(located)),
        kind=spec.model.head,
        dropout=spec.model.dropout,
        task=spec.task,
    )
    rows = label_rows(located, spec.labels) if spec.model.head == "tokens" else None
    pooler = pooler_layer(located) if spec.model.head == "pooler" else None
    model = TextClassifier(backbone, head, spec.seed, weights, rows, pooler)
    model.head.smoothing = float(spec.training.extra.get("label_smoothing_factor", 0.0))
    check_family(examined(located), (spec.strategy,), spec.training.layer_decay)
    if tokens := spec.strategy.prompt_tokens:
        tokenizer, text = load_tokenizer(located), spec.model.prompt_text
        model.prompt = soft_prompt(backbone, tokenizer, tokens, spec.seed, text)
    adapt(backbone, spec.strategy, spec.seed, spec.model.backbone_dropout)
    return model


def read_spec(folder: Path) -> ArmSpec:
    """A finished arm's specification."""
    return ArmSpec.model_validate_json((folder / "arm.json").read_text(encoding="utf-8"))


def is_trained(folder: Path) -> bool:
    """Whether what the arm trained is there as it was written.

    Arms of earlier releases have no digest, and are taken as they are.
    """
    try:
        return file_digest(folder / TRAINED) == (folder / DIGEST).read_text(encoding="utf-8")
    except OSError:
        return (folder / TRAINED).exists() and not (folder / DIGEST).exists()


def trained_state(folder: Path) -> dict[str, torch.Tensor]:
    """What a finished arm trained, by the parameters' names.

    Raises:
        ThawError: the file is gone or damaged.
    """
    if not is_trained(folder):
        raise ThawError(
            f"{folder / TRAINED} is gone or damaged: the command that trained it trains it again."
        )
    return load_file(folder / TRAINED)


def load_trained(
    folder: Path, backbone: PreTrainedModel | None = None
) -> tuple[ArmSpec, TextClassifier]:
    """A finished arm's specification and its trained model, on the CPU in evaluation mode.

    Adapters are merged into the weights, so that the model is a plain one.

    Args:
        folder: the arm's.
        backbone: the base model, where it is in memory already, for an arm that leaves its
            weights as they are (`prompt_<n>`, `head`): many of these share one.

    Raises:
        ThawError: the weights are not those of this arm.
    """
    spec = read_spec(folder)
    model = build_model(spec, locate(spec.model.base), backbone=backbone)
    strange = model.load_state_dict(trained_state(folder), strict=False).unexpected_keys
    if strange:
        raise ThawError(f"{folder / TRAINED} holds {strange[0]}, which {spec.title} does not have.")
    merge(model.backbone)
    return spec, model.eval()


def encode_part(spec: ArmSpec, part: str, located: LocatedModel) -> EncodedPart:
    """One part's token ids; arms of a sweep share them."""
    table: TableRef = getattr(spec, part)
    length, end = text_length(spec, located), spec.model.prompt_end
    return encode(table, spec.labels, spec.task, located, length, end)


def text_length(spec: ArmSpec, located: LocatedModel) -> int:
    """Tokens of a text: `model.max_length`, or what the base model's context and a prompt leave.

    Raises:
        RequestError: the prompt leaves too few.
    """
    room = room_for_text(spec.strategy, context_of(located))
    return spec.model.max_length if room is None else min(spec.model.max_length, room)


def positive_weights(spec: ArmSpec, truth: np.ndarray) -> torch.Tensor | None:
    """Square root of negatives over positives for each label, if `class_weights` is on."""
    if not spec.training.class_weights:
        return None
    positives = np.maximum(truth.sum(0), 1)
    return torch.tensor(np.sqrt((len(truth) - positives) / positives), dtype=torch.float32)


def collator_for(spec: ArmSpec, located: LocatedModel) -> PaddingCollator:
    """The arm's way of padding."""
    to_length = text_length(spec, located) if spec.training.padding == "max" else None
    return PaddingCollator(int(load_tokenizer(located).pad_token_id), to_length)
