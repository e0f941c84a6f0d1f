"""A text classifier: a base model, a pooled reading of its last hidden states, and a head.

One class serves encoders and decoders, multi-label and single-label cases, and every strategy,
so that arms differ in nothing but what they train.
"""

import inspect
import json
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, PreTrainedModel

from tasks.config.base import Task
from tasks.errors import RequestError
from tasks.models.anatomy import anatomy_of, context_length
from tasks.models.one_at_a_time import one_at_a_time
from tasks.models.positions import padded_right
from tasks.models.tracing import decodes_too
from tasks.storage import write_text

Pooling = Literal["cls", "mean", "last", "first"]
HEAD_SCALE = 0.02  # the standard deviation with which BERT's and GPT-2's own layers start


class HeadConfig(BaseModel):
    """What stands on top of the base model; saved beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: int
    pooling: Pooling
    kind: Literal["linear", "dense", "tanh", "pooler", "tokens"] = "linear"
    dropout: float = 0.1
    task: Task = "multi_label"


class ClassifierOutput(TypedDict, total=False):
    """What a forward pass returns: `loss` (a scalar) with labels, `logits` of (batch, labels)."""

    loss: Tensor
    logits: Tensor


def loading_options(config: object, writes: bool = False) -> dict[str, Any]:
    """How every backbone is built: without a pooler, with the attention that is fastest here.

    On a CPU plain attention was measured to train faster than the fused kernel in bf16, and as
    fast in float32. Writing behind a prompt of 300 tokens the fused one takes two thirds of the
    time: what writes has what transformers gives its family, which is that one where it has it.

    Args:
        config: of the model.
        writes: the model is there to write text.
    """
    kind = MODEL_MAPPING.get(type(config), None)
    kind = kind[0] if isinstance(kind, tuple) else kind
    fused = torch.cuda.is_available() and getattr(kind, "_supports_sdpa", True)
    options: dict[str, Any] = {}
    if not writes:
        options["attn_implementation"] = "sdpa" if fused else "eager"
    if kind is not None and "add_pooling_layer" in inspect.signature(kind).parameters:
        options["add_pooling_layer"] = False
    return options


def classifying_part(model: PreTrainedModel) -> PreTrainedModel:
    """What a classifier takes of a headless model: an encoder-decoder's encoder, and no dead part.

    A pooler on which no hidden state depends would count as trained, get LoRA's layers and be
    written with every arm.
    """
    part: PreTrainedModel = model.get_encoder() if decodes_too(model) else model
    if not isinstance(part, PreTrainedModel):
        raise RequestError(
            f"Base models of the family {model.config.model_type!r} cannot be read: their encoder "
            "is no model of its own; name another base model."
        )
    unread = anatomy_of(part).unread
    for name, module in list(part.named_modules()):
        names = {f"{name}.{each}" for each, _ in module.named_parameters()}
        if name and names and names <= unread:
            parent, _, child = name.rpartition(".")
            setattr(part.get_submodule(parent), child, nn.Identity())
    return part


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
    these tokens. One of kind `pooler` starts from `pooler`, weight and bias of the layer that the
    base model was pretrained to read its first token by.
    """

    def __init__(
        self,
        width: int,
        config: HeadConfig,
        seed: int = 0,
        positive_weights: Tensor | None = None,
        rows: Tensor | None = None,
        pooler: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        layers: list[nn.Module] = []
        if config.kind == "dense":
            layers += [nn.Linear(width, width), nn.ReLU()]
        elif config.kind == "tanh":
            layers += [nn.Dropout(config.dropout), nn.Linear(width, width), nn.Tanh()]
        elif config.kind == "pooler":
            layers += [nn.Linear(width, width), nn.Tanh()]
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
        if pooler is not None:
            first = layers[0]
            assert isinstance(first, nn.Linear)  # noqa: S101 - as this kind has it
            first.weight.data.copy_(pooler[0])
            first.bias.data.copy_(pooler[1])
        self.task = config.task
        self.smoothing = 0.0
        """How much of each training target is spread over all labels."""
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
        smoothing = self.smoothing if self.training else 0.0
        if self.task == "multi_label":
            targets = labels.to(logits.dtype)
            if smoothing:
                targets = targets * (1 - smoothing) + smoothing / 2
            return nn.functional.binary_cross_entropy_with_logits(
                logits, targets, pos_weight=weights
            )
        return nn.functional.cross_entropy(
            logits, labels.long(), weight=weights, label_smoothing=smoothing
        )


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
        pooler: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head_config = config
        width = anatomy_of(backbone).width
        self.head = Head(width, config, seed, positive_weights, label_rows, pooler)
        self.prompt = None

    def get_input_embeddings(self) -> nn.Module:
        """The base model's table of words; Trainer asks for it."""
        return self.backbone.get_input_embeddings()

    def activation_checkpointing_enable(self, **options: Any) -> None:
        """Compute the blocks' activations anew on the way back; Trainer asks for it."""
        self.backbone.activation_checkpointing_enable(**options)

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
        hidden, mask = self.read(input_ids, attention_mask, token_type_ids)
        return self.classify(pool(hidden, mask, self.head_config.pooling), labels)

    def read(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The last hidden states of the texts' tokens and their mask, padded on the right.

        Arguments as in `forward`; (batch, tokens, width) and (batch, tokens).
        """
        columns = {"input_ids": input_ids}
        if token_type_ids is not None and tells_texts_apart(self.backbone.config):
            columns["token_type_ids"] = token_type_ids
        mask, *moved = padded_right(attention_mask, *columns.values())
        batch = dict(zip(columns, moved, strict=True))
        if self.prompt is not None:
            return self.read_behind(self.prompt.weight, mask, **batch), mask
        return self.backbone(attention_mask=mask, **batch)[0], mask

    def read_behind(
        self, prompt: Tensor, mask: Tensor, input_ids: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """The last hidden states of the text's tokens, (batch, tokens, width), behind a prompt.

        Word embeddings alone are put together: a model adds positions and token types itself. The
        prompt is of the type of a pair's first text. Padding stands on the right.
        """
        words = self.backbone.get_input_embeddings()(input_ids)
        virtual = prompt.to(words.dtype).expand(len(words), -1, -1)
        whole = torch.cat([mask.new_ones(virtual.shape[:2]), mask], 1)
        arguments: dict[str, Tensor] = {}
        if token_type_ids is not None:
            first = token_type_ids.new_zeros(virtual.shape[:2])
            arguments["token_type_ids"] = torch.cat([first, token_type_ids], 1)
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
        options = loading_options(config)
        backbone = classifying_part(
            AutoModel.from_config(config, dtype=torch.float32, **options).eval()
        )
        head = HeadConfig.model_validate(json.loads((folder / "head.json").read_text()))
        model = cls(backbone, head)
        state = load_file(folder / "classifier.safetensors")
        if "prompt.weight" in state:
            model.prompt = nn.Embedding(*state["prompt.weight"].shape)
        model.load_state_dict(state)
        return model.eval()
