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

from tasks.models.anatomy import context_length
from tasks.models.one_at_a_time import one_at_a_time
from tasks.models.positions import position_arguments
from tasks.storage import write_text

Pooling = Literal["cls", "mean", "last", "first"]
HEAD_SCALE = 0.02  # the standard deviation with which BERT's and GPT-2's own layers start


class HeadConfig(BaseModel):
    """What stands on top of the base model; saved beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: int
    pooling: Pooling
    kind: Literal["linear", "dense", "tokens"] = "linear"
    dropout: float = 0.1
    task: Literal["multi_label", "single_label", "preference"] = "multi_label"


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


def tells_texts_apart(config: object) -> bool:
    """Whether a base model has an embedding of its own for the second text of a pair.

    GPT-2 takes `token_type_ids` too, and would look them up among its words.
    """
    return int(getattr(config, "type_vocab_size", 0) or 0) > 1


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


class Head(nn.Sequential):
    """The layers on the pooled vector, and the loss; initialised from a seed of their own.

    The seed is the arm's: every arm with the same seed starts from the same head, whatever
    random numbers were drawn before.

    A head of kind `tokens` starts from `rows`, (labels, width), the base model's own output rows
    of each label's token: before training, its answers are those of the language model among
    these tokens.
    """

    def __init__(
        self,
        width: int,
        config: HeadConfig,
        seed: int = 0,
        positive_weights: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> None:
        layers: list[nn.Module] = []
        if config.kind == "dense":
            layers += [nn.Linear(width, width), nn.ReLU()]
        # Of rewards only differences are learned: a bias would have no gradient but rounding,
        # which Adam makes as large as any.
        biased = config.kind != "tokens" and config.task != "preference"
        last = nn.Linear(width, config.labels, bias=biased)
        super().__init__(*layers, nn.Dropout(config.dropout), last)
        generator = torch.Generator().manual_seed(seed)
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=HEAD_SCALE, generator=generator)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        if rows is not None:
            last.weight.data.copy_(rows)
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
    """Base model + pooling + head, and a soft prompt where `prompt` was given one.

    The prompt stands before the text's first token: before [CLS], which is then at position n.
    A decoder's tokens see only what stands before them, so there it has no other place; and an
    encoder's [CLS] keeps the neighbour that it was pretrained with. The head reads the text's own
    tokens as it does without a prompt, never a virtual one.
    """

    prompt: nn.Embedding | None

    def __init__(
        self,
        backbone: PreTrainedModel,
        config: HeadConfig,
        seed: int = 0,
        positive_weights: Tensor | None = None,
        label_rows: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head_config = config
        width = backbone.config.hidden_size
        self.head = Head(width, config, seed, positive_weights, label_rows)
        self.prompt = None

    @property
    def longest_text(self) -> int | None:
        """Tokens of a text that fit beside the prompt; None where the model sets no limit."""
        context = context_length(self.backbone.config)
        if context is None or self.prompt is None:
            return context
        return context - self.prompt.num_embeddings

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor | None = None,
        token_type_ids: Tensor | None = None,
    ) -> ClassifierOutput:
        """Logits, and the loss when labels are given.

        Args:
            input_ids: (batch, tokens).
            attention_mask: (batch, tokens), 1 for real tokens; padding may stand on either side.
            labels: as in `Head.classify`.
            token_type_ids: (batch, tokens): 1 for tokens of a sentence pair's second text. A base
                model that does not tell the two apart is not given them.
        """
        types = token_type_ids if tells_texts_apart(self.backbone.config) else None
        if self.prompt is None:
            hidden = self.backbone(
                input_ids=input_ids,
                attention_mask=attention_mask,
                **({} if types is None else {"token_type_ids": types}),
                **position_arguments(self.backbone, attention_mask),
            )[0]
        else:
            hidden = self._read_behind(self.prompt.weight, input_ids, attention_mask, types)
        return self.classify(pool(hidden, attention_mask, self.head_config.pooling), labels)

    def _read_behind(
        self, prompt: Tensor, input_ids: Tensor, mask: Tensor, types: Tensor | None = None
    ) -> Tensor:
        """The last hidden states of the text's tokens, (batch, tokens, width), behind a prompt.

        Word embeddings alone are put together: a model adds positions and token types itself. The
        prompt is of the type of a pair's first text.
        With padding on the left the prompt stands before the padding, which nothing attends to
        and positions do not count.
        """
        words = self.backbone.get_input_embeddings()(input_ids)
        virtual = prompt.to(words.dtype).expand(len(words), -1, -1)
        whole = torch.cat([mask.new_ones(virtual.shape[:2]), mask], 1)
        arguments = position_arguments(self.backbone, whole, embedded=True)
        if types is not None:
            arguments["token_type_ids"] = torch.cat([types.new_zeros(virtual.shape[:2]), types], 1)
        hidden: Tensor = self.backbone(
            inputs_embeds=torch.cat([virtual, words], 1), attention_mask=whole, **arguments
        )[0]
        return hidden[:, len(prompt) :]

    def classify(self, pooled: Tensor, labels: Tensor | None = None) -> ClassifierOutput:
        """Logits and loss from pooled vectors of (batch, width)."""
        return self.head.classify(pooled, labels)

    def save(self, folder: Path) -> None:
        """Write configuration and weights (safetensors) into `folder`.

        Adapters have to be merged before (`adapting.merge`): what is written needs no PEFT.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.backbone.config.save_pretrained(folder)
        write_text(folder / "head.json", self.head_config.model_dump_json(indent=2))
        state = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(state, folder / "classifier.safetensors", metadata={"format": "pt"})

    @classmethod
    @one_at_a_time
    def load(cls, folder: Path) -> "TextClassifier":
        """Read what `save` wrote; needs neither the hub nor the base model's own files."""
        config = AutoConfig.from_pretrained(folder)
        backbone = AutoModel.from_config(config, dtype=torch.float32, **loading_options(config))
        head = HeadConfig.model_validate(json.loads((folder / "head.json").read_text()))
        model = cls(backbone, head)
        state = load_file(folder / "classifier.safetensors")
        if "prompt.weight" in state:
            model.prompt = nn.Embedding(*state["prompt.weight"].shape)
        model.load_state_dict(state)
        return model.eval()
