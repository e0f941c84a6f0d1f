"""What a soft prompt and LoRA add to a base model whose own weights stay as they are.

Both come from PEFT. Its `PeftModel` does not stand around the classifier, though: with a soft
prompt it throws `position_ids` away, so that padding on the left would shift a text, and hands
back the virtual tokens' states as if they were the text's, so that a head would pool them. The
classifier puts the prompt in place itself (`classifier.py`), and LoRA's layers are injected.
"""

from typing import Literal

import torch
from peft import LoraConfig, PromptEmbedding, PromptTuningConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

Kind = Literal["head", "prompt", "lora", "base"]


def kind_of(parameter: str) -> Kind:
    """What a classifier's parameter belongs to, by its name."""
    if parameter.startswith("head."):
        return "head"
    if parameter.startswith("prompt."):
        return "prompt"
    return "lora" if ".lora_" in parameter else "base"


def soft_prompt(
    backbone: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokens: int, seed: int
) -> nn.Embedding:
    """A soft prompt that starts as real words: (tokens, width), one row a virtual token.

    The words are drawn from the vocabulary by `seed` alone. PEFT's own initialisation draws from
    the process's random numbers, and special tokens too: a prompt that starts with [SEP] or [PAD]
    starts by saying something.
    """
    words = backbone.get_input_embeddings()
    special = set(tokenizer.all_special_ids)
    special |= {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    size = min(len(tokenizer), words.num_embeddings)  # some models have rows beyond the vocabulary
    ordinary = torch.tensor([number for number in range(size) if number not in special])
    config = PromptTuningConfig(
        task_type="FEATURE_EXTRACTION",
        num_virtual_tokens=tokens,
        token_dim=words.embedding_dim,
        num_transformer_submodules=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        prompt: nn.Embedding = PromptEmbedding(config, words).embedding
        chosen = ordinary[torch.randint(len(ordinary), (tokens,))]
    with torch.no_grad():
        prompt.weight.copy_(words.weight[chosen])
    return prompt


def add_lora(backbone: PreTrainedModel, rank: int, seed: int, dropout: float = 0.0) -> None:
    """Put LoRA's layers around every linear layer of a base model, in place.

    All of attention's and the MLP's projections, in every family: PEFT's table per family names
    two of attention's at most and lacks DistilBERT, and adapting all was found to be what it
    takes to come up to full fine-tuning (Dettmers et al. 2023, QLoRA, figure 2). The update is
    scaled by alpha / rank = 2. It starts at zero, so that the model starts as it was; its random
    half depends on `seed` alone.

    Args:
        backbone: the headless base model.
        rank: r, the width between a layer's two small matrices.
        seed: of the random half.
        dropout: on what the small matrices read.
    """
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=dropout,
        target_modules="all-linear",
        # GPT-2 keeps its matrices transposed.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in backbone.modules()),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, backbone)


def merge_lora(backbone: PreTrainedModel) -> None:
    """Add LoRA's updates to the weights, in place: a plain base model is left, without PEFT."""
    for name, layer in list(backbone.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge(safe_merge=True)
            parent, _, child = name.rpartition(".")
            setattr(backbone.get_submodule(parent), child, layer.get_base_layer())
    backbone.__dict__.pop("peft_config", None)
