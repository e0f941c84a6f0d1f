"""A text classifier: a base model, a pooled reading of its last hidden states, and a head.

One class serves encoders and decoders, multi-label and single-label cases, and every strategy,
so that arms differ in nothing but what they train.
"""

import json
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from tasks.storage import write_text

Pooling = Literal["cls", "mean", "last", "first"]
HEAD_SCALE = 0.02  # the standard deviation with which BERT's and GPT-2's own layers start


class HeadConfig(BaseModel):
    """What stands on top of the base model; saved beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: int
    pooling: Pooling
    kind: Literal["linear", "dense"] = "linear"
    dropout: float = 0.1
    task: Literal["multi_label", "single_label"] = "multi_label"


class ClassifierOutput(TypedDict, total=False):
    """What a forward pass returns: `loss` (a scalar) with labels, `logits` of (batch, labels)."""

    loss: Tensor
    logits: Tensor


def loading_options(config: object) -> dict[str, Any]:
    """How every backbone is built: without a pooler, with the attention that is fastest here.

    On a CPU plain attention was measured to train faster than the fused kernel in bf16, and as
    fast in float32.
    """
    options: dict[str, Any] = {
        "attn_implementation": "sdpa" if torch.cuda.is_available() else "eager"
    }
    if getattr(config, "model_type", None) in {"bert", "roberta"}:
        options["add_pooling_layer"] = False
    return options


def pool(hidden: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """Read one vector a text from its hidden states; padding is never read.

    Args:
        hidden: (batch, tokens, width).
        mask: (batch, tokens), 1 for real tokens; padding may stand on either side.
        pooling: `mean` over real tokens; the first real token (`cls`, `first`); the last (`last`).

    Returns:
        (batch, width).
    """
    if pooling == "mean":
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)
    positions = torch.arange(mask.shape[1], device=mask.device)
    real = mask.bool()
    if pooling == "last":
        index = torch.where(real, positions, -1).amax(1).clamp(min=0)
    else:
        index = torch.where(real, positions, mask.shape[1]).amin(1).clamp(max=mask.shape[1] - 1)
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), index]


def to_probabilities(logits: np.ndarray, task: str) -> np.ndarray:
    """Sigmoid of each label (multi-label) or softmax over classes; (n, labels) in [0, 1]."""
    scores = torch.from_numpy(logits).double()
    made = torch.sigmoid(scores) if task == "multi_label" else torch.softmax(scores, -1)
    return made.numpy()


def position_ids(mask: Tensor) -> Tensor:
    """Positions counted over real tokens, so that padding on the left shifts nothing.

    Args:
        mask: (batch, tokens), 1 for real tokens.

    Returns:
        (batch, tokens) of 0, 1, 2, … from the first real token on; padding gets 0 before it.
    """
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def position_arguments(backbone: nn.Module, mask: Tensor) -> dict[str, Tensor]:
    """`position_ids` for a model that takes them; RoBERTa counts over real tokens by itself."""
    if backbone.config.model_type == "roberta":  # type: ignore[union-attr]
        return {}
    return {"position_ids": position_ids(mask)}


class Head(nn.Sequential):
    """The layers on the pooled vector, and the loss; initialised from a seed of their own.

    The seed is the arm's: every arm with the same seed starts from the same head, whatever
    random numbers were drawn before.
    """

    def __init__(
        self,
        width: int,
        config: HeadConfig,
        seed: int = 0,
        positive_weights: Tensor | None = None,
    ) -> None:
        layers: list[nn.Module] = []
        if config.kind == "dense":
            layers += [nn.Linear(width, width), nn.ReLU()]
        layers += [nn.Dropout(config.dropout), nn.Linear(width, config.labels)]
        super().__init__(*layers)
        generator = torch.Generator().manual_seed(seed)
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=HEAD_SCALE, generator=generator)
                nn.init.zeros_(layer.bias)
        self.task = config.task
        # Not part of the saved model: it shapes the training loss alone.
        self.positive_weights: Tensor | None
        self.register_buffer("positive_weights", positive_weights, persistent=False)

    def classify(self, pooled: Tensor, labels: Tensor | None = None) -> ClassifierOutput:
        """Logits, and the loss when labels are given.

        Args:
            pooled: (batch, width).
            labels: (batch, labels) of 0.0 and 1.0 for multi-label cases, (batch,) class numbers
                for single-label ones.
        """
        # In float32 even under autocast: bf16 logits would come in steps of nearly one percent.
        with torch.autocast(pooled.device.type, enabled=False):
            logits = self(pooled.float())
            output = ClassifierOutput(logits=logits)
            if labels is not None:
                output["loss"] = self._loss(logits, labels)
        return output

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = self.positive_weights
        if self.task == "multi_label":
            return nn.functional.binary_cross_entropy_with_logits(
                logits, labels.to(logits.dtype), pos_weight=weights
            )
        return nn.functional.cross_entropy(logits, labels.long(), weight=weights)


class TextClassifier(nn.Module):
    """Base model + pooling + head."""

    def __init__(
        self,
        backbone: PreTrainedModel,
        config: HeadConfig,
        seed: int = 0,
        positive_weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head_config = config
        self.head = Head(backbone.config.hidden_size, config, seed, positive_weights)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> ClassifierOutput:
        """Logits, and the loss when labels are given.

        Args:
            input_ids: (batch, tokens).
            attention_mask: (batch, tokens), 1 for real tokens; padding may stand on either side.
            labels: as in `Head.classify`.
        """
        hidden = self.backbone(
            input_ids=input_ids,
            attention_mask=attention_mask,
            **position_arguments(self.backbone, attention_mask),
        )[0]
        return self.classify(pool(hidden, attention_mask, self.head_config.pooling), labels)

    def classify(self, pooled: Tensor, labels: Tensor | None = None) -> ClassifierOutput:
        """Logits and loss from pooled vectors of (batch, width)."""
        return self.head.classify(pooled, labels)

    def save(self, folder: Path) -> None:
        """Write configuration and weights (safetensors) into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.backbone.config.save_pretrained(folder)
        write_text(folder / "head.json", self.head_config.model_dump_json(indent=2))
        state = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(state, folder / "classifier.safetensors", metadata={"format": "pt"})

    @classmethod
    def load(cls, folder: Path) -> "TextClassifier":
        """Read what `save` wrote; needs neither the hub nor the base model's own files."""
        config = AutoConfig.from_pretrained(folder)
        backbone = AutoModel.from_config(config, dtype=torch.float32, **loading_options(config))
        head = HeadConfig.model_validate(json.loads((folder / "head.json").read_text()))
        model = cls(backbone, head)
        model.load_state_dict(load_file(folder / "classifier.safetensors"))
        return model.eval()
