"""Language models whose loss reads completion tokens only: the whole one, and the tail of one.

They stand to each other as `TextClassifier` and `TailClassifier`: the tail starts from the
hidden states that a frozen trunk has stored, and its modules are those of the whole model.

**Tied embeddings.** GPT-2 and SmolLM2 write with the matrix they read with: the output layer's
weight is the embedding's. A strategy that freezes the embeddings therefore freezes the output
layer too; only blocks and final norm train. Untying it would add as many parameters as a fifth
of SmolLM2 has and change what `freeze_<n>` means. An output layer that is not tied trains.
"""

from typing import TypedDict

from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from tasks.language.losses import row_nats
from tasks.language.pairs import IGNORED
from tasks.models.cutting import tail_of
from tasks.models.positions import position_arguments


class LanguageOutput(TypedDict, total=False):
    """What a forward pass returns.

    With labels: `loss`, the mean over supervised tokens (a scalar; 0 where there are none), and
    `nats`, each row's sum (batch,). Without: `logits` of (batch, tokens, vocabulary).
    """

    loss: Tensor
    nats: Tensor
    logits: Tensor


class WholeLanguageModel(nn.Module):
    """A causal language model that trains on completions, from token ids.

    `base` stays the model to save and to generate with; this class only computes its loss in
    less memory and time. It may be a PEFT model whose adapters lie inside the layers (LoRA); one
    with soft prompts adds tokens on the way, which this does not.
    """

    # Tells the Trainer to count the supervised tokens of an update and pass their number.
    accepts_loss_kwargs = True

    def __init__(self, base: PreTrainedModel | PeftModel) -> None:
        super().__init__()
        if isinstance(base, PeftModel) and base.active_peft_config.is_prompt_learning:
            raise ValueError("soft prompts are not computed here: call the PEFT model itself")
        self.base = base

    @property
    def plain(self) -> PreTrainedModel:
        """The model itself, whether or not PEFT has put adapters into its layers."""
        return self.base.get_base_model() if isinstance(self.base, PeftModel) else self.base

    @property
    def backbone(self) -> PreTrainedModel:
        """The model without its output layer: what is frozen, and what a trunk is cut from."""
        return self.plain.base_model

    @property
    def head(self) -> nn.Module:
        """The output layer."""
        head: nn.Module = self.plain.get_output_embeddings()
        return head

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> LanguageOutput:
        """The loss when labels are given, otherwise logits at every token.

        Args:
            input_ids: (batch, tokens).
            attention_mask: (batch, tokens), 1 for real tokens.
            labels: (batch, tokens), -100 where nothing is learnt.
            num_items_in_batch: supervised tokens of all batches of the update, to divide by, so
                that accumulated gradients weigh every token alike.
        """
        arguments = position_arguments(self.backbone, attention_mask)
        hidden = self.backbone(
            input_ids=input_ids, attention_mask=attention_mask, use_cache=False, **arguments
        )[0]
        return _output(hidden, labels, self.head, num_items_in_batch)


class TailLanguageModel(nn.Module):
    """The same from stored hidden states: blocks `depth` and above, final norm, output layer."""

    accepts_loss_kwargs = True

    def __init__(self, whole: PreTrainedModel, depth: int) -> None:
        super().__init__()
        self.backbone = tail_of(whole.base_model, depth)
        self.head: nn.Module = whole.get_output_embeddings()

    def forward(
        self,
        hidden: Tensor,
        attention_mask: Tensor,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> LanguageOutput:
        """As `WholeLanguageModel.forward`, with `hidden` (batch, tokens, width) for token ids."""
        arguments = position_arguments(self.backbone.body, attention_mask)
        last = self.backbone(
            inputs_embeds=hidden, attention_mask=attention_mask, use_cache=False, **arguments
        )[0]
        return _output(last, labels, self.head, num_items_in_batch)


def _output(
    hidden: Tensor, labels: Tensor | None, head: nn.Module, count: Tensor | int | None
) -> LanguageOutput:
    """The output layer's part; `count` as `num_items_in_batch` above."""
    if labels is None:
        return LanguageOutput(logits=head(hidden))
    nats = row_nats(hidden, labels, head)
    if count is None:
        count = (labels[:, 1:] != IGNORED).sum().clamp(min=1)
    return LanguageOutput(loss=nats.sum() / count, nats=nats.detach())
