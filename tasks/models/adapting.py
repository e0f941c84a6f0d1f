"""What soft prompts and adapters add to a base model whose own weights stay as they are.

Both come from PEFT. Its `PeftModel` does not stand around the classifier, though: with a soft
prompt it throws `position_ids` away, so that padding on the left would shift a text, and hands
back the virtual tokens' states as if they were the text's, so that a head would pool them. The
classifier puts the prompt in place itself (`classifier.py`), and LoRA's layers are injected.
"""

import copy

import torch
from peft import PromptEmbedding, PromptTuningConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config.strategies import OF_TEXT, Strategy
from tasks.errors import RequestError
from tasks.models.anatomy import skeleton
from tasks.models.cutting import shell
from tasks.models.tracing import block_list, decodes_too


def is_head(parameter: str) -> bool:
    """Whether a classifier's parameter belongs to its head, by its name."""
    return parameter.startswith("head.")


def soft_prompt(
    backbone: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tokens: int,
    seed: int,
    text: str = "",
) -> nn.Embedding:
    """A soft prompt that starts as real words: (tokens, width), one row a virtual token.

    Those of `text`, as often as they fit (Lester et al. 2021, section 3.2, start from the words of
    the labels); else words that are drawn from the vocabulary by `seed` alone. PEFT's own
    initialisation draws from the process's random numbers, and special tokens too: a prompt that
    starts with [SEP] or [PAD] starts by saying something.

    Raises:
        RequestError: `text` has no word that the tokenizer knows.
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
    if text:
        said = torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])
        said = said[torch.isin(said, ordinary)]
        if not len(said):
            raise RequestError(
                f"model.prompt_text={text!r} has no word that the base model's tokenizer knows."
            )
        chosen = said.repeat(-(-tokens // len(said)))[:tokens]
    with torch.no_grad():
        prompt.weight.copy_(words(chosen))  # some families scale what they look up
    return prompt


def adapt(
    backbone: PreTrainedModel, strategy: Strategy, seed: int, dropout: float | None = None
) -> None:
    """Put a strategy's adapter into a base model, in place; nothing where it has none.

    Args:
        backbone: the headless base model.
        strategy: says which adapter.
        seed: of the adapter's random half, which depends on nothing else.
        dropout: on what it reads; None where the base model keeps its own, which acts there.

    Raises:
        RequestError: the base model has no layer beside which it could stand.
    """
    try:
        _inject(backbone, strategy, seed, dropout)
    except ValueError as error:  # a layer of a kind that it cannot stand beside
        raise RequestError(
            f"Strategy {strategy} does not go with base models of the family "
            f"{backbone.config.model_type!r}: {error}"
        ) from error


def _inject(
    backbone: PreTrainedModel, strategy: Strategy, seed: int, dropout: float | None
) -> None:
    transposed = any(isinstance(module, Conv1D) for module in backbone.modules())
    config = strategy.adapter(dropout or 0.0, transposed)
    if config is None:
        return
    if not any(isinstance(module, nn.Linear | Conv1D) for module in backbone.modules()):
        raise ValueError(
            "it has no linear layers, beside which it trains; use full, head or prompt_<n>"
        )
    # A layer that gives something else than its product (Llama 4's router) takes no addition to it.
    config.exclude_modules = [
        name
        for name, module in backbone.named_modules()
        if isinstance(module, nn.Linear) and not _gives_its_product(module)
    ] or None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, backbone)


def _gives_its_product(layer: nn.Linear) -> bool:
    """Whether a linear layer gives one tensor; most are torch's own, others are tried."""
    if type(layer).forward is nn.Linear.forward:
        return True
    try:
        with torch.no_grad():
            return isinstance(layer(layer.weight.new_zeros(1, layer.in_features)), torch.Tensor)
    except Exception:  # then it takes something else
        return False


def lacking(backbone: PreTrainedModel) -> dict[str, str]:
    """Strategies for which a base model has nothing that could train, by their form, and why.

    Adapters are tried on a twin without weights, which costs next to nothing.
    """
    found: dict[str, str] = {}
    for family in OF_TEXT:
        form = family.forms[0]
        tried = family(form, 1)
        if tried.needs and not any(tried.trains(name) for name, _ in backbone.named_parameters()):
            found[form] = f"it has no {tried.needs}; use lora_<r> or last_<n>"
        if tried.adapter(0.0, transposed=False) is None:
            continue
        try:
            with torch.device("meta"):
                _inject(_bare(backbone), tried, seed=0, dropout=None)
        except ValueError as error:
            found[form] = str(error)
        except Exception:  # noqa: S112 - what comes of having no weights says nothing
            continue
    return found


def lacking_of(config: PreTrainedConfig, writes: bool = False) -> dict[str, str]:
    """The same from a configuration alone, for a base model that is not examined.

    Args:
        config: the base model's.
        writes: the model writes; otherwise of an encoder-decoder the encoder trains alone.
    """
    model = skeleton(config)
    if model is None:
        return {}
    return lacking(model if writes or not decodes_too(model) else model.get_encoder())


def _bare(backbone: PreTrainedModel) -> PreTrainedModel:
    """The same modules without weights, and of blocks that are built alike the last alone."""
    path = block_list(backbone) or ""
    kinds = {
        tuple((name, type(module)) for name, module in block.named_modules()): block
        for block in backbone.get_submodule(path).children()
    }
    few = shell(backbone, {path: nn.ModuleList(kinds.values())})
    memory: dict[int, torch.Tensor] = {id(value): value.to("meta") for value in few.buffers()}
    memory |= {id(each): nn.Parameter(each.to("meta")) for each in few.parameters()}
    return copy.deepcopy(few, memory)


def merge(backbone: PreTrainedModel) -> None:
    """Work adapters into the weights, in place: a plain base model is left, without PEFT."""
    for name, layer in list(backbone.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge(safe_merge=True)
            parent, _, child = name.rpartition(".")
            setattr(backbone.get_submodule(parent), child, layer.get_base_layer())
    backbone.__dict__.pop("peft_config", None)
