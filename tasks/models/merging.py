"""PEFT adapters, added to the weights of the base model that they were trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
)

from tasks.errors import RequestError
from tasks.models.one_at_a_time import one_at_a_time
from tasks.models.weights import misfit

ADAPTER = "adapter_config.json"
MERGING = "2"
"""The way of merging: what an earlier one has left in the cache is not used."""
_CLASSES = {
    "CAUSAL_LM": AutoModelForCausalLM,
    "SEQ_2_SEQ_LM": AutoModelForSeq2SeqLM,
    "SEQ_CLS": AutoModelForSequenceClassification,
    "TOKEN_CLS": AutoModelForTokenClassification,
}


@one_at_a_time
def merge(adapter: Path, base: Path, into: Path) -> None:
    """Write the whole model of an adapter and its base model, tokenizer included.

    Args:
        adapter, base: their folders.
        into: the folder that is written.

    Raises:
        RequestError: they do not belong together, or one of them cannot be read.
    """
    from peft import (  # packages are loaded without it
        PeftConfig,
        PeftModel,
        load_peft_weights,
        set_peft_model_state_dict,
    )

    try:
        config = PeftConfig.from_pretrained(adapter)
        if config.is_prompt_learning:
            raise RequestError(
                f"The adapter in {adapter} is virtual tokens ({config.peft_type}), which cannot be "
                f"merged into weights: use its base model, {base}, with strategy prompt_<n>."
            )
        options = {"num_labels": labels} if (labels := _outputs(adapter)) else {}
        weights = load_peft_weights(str(adapter), device="cpu")
        fault: str | None = None
        for kind in _kinds(config, base):
            model, loading = kind.from_pretrained(
                base,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
                **options,
            )
            if why := misfit(model, loading, base):
                raise RequestError(f"The weights of {base} cannot be loaded: {why}.")
            _make_rows(model, weights)
            whole = PeftModel.from_pretrained(model, adapter)
            fault = _adapter_misfit(whole, set_peft_model_state_dict(whole, weights))
            if fault is None:
                break
        if fault:
            raise RequestError(
                f"The adapter in {adapter} {fault} (base model {base}): it is another model's, or "
                "was not saved whole."
            )
        whole.merge_and_unload(safe_merge=True).save_pretrained(into)
        own = (adapter / "tokenizer_config.json").is_file()
        tokenizer = AutoTokenizer.from_pretrained(adapter if own else base, trust_remote_code=False)
        tokenizer.save_pretrained(into)
    except RequestError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise RequestError(
            f"The adapter in {adapter} cannot be merged into its base model {base}: "
            f"{lines[0][:300]}. Merge it where it was trained (merge_and_unload), and name the "
            "folder of the whole model."
        ) from error


def _make_rows(model: PreTrainedModel, weights: Mapping[str, torch.Tensor]) -> None:
    """As many rows for words as were trained with the adapter: tokens may have been added."""
    words = model.get_input_embeddings()
    name = next(name for name, module in model.named_modules() if module is words)
    rows = {len(value) for key, value in weights.items() if key.endswith(f"{name}.weight")}
    if len(rows) == 1 and rows != {words.weight.shape[0]}:
        model.resize_token_embeddings(rows.pop(), mean_resizing=False)


def _kinds(config: Any, base: Path) -> list[Any]:
    """The classes of which the adapted model may have been one: its task's, or its own."""
    if config.task_type:
        return [_CLASSES.get(str(getattr(config.task_type, "value", config.task_type)), AutoModel)]
    named = AutoConfig.from_pretrained(base, trust_remote_code=False).architectures or []
    own = [getattr(transformers, name, None) for name in named]
    return [AutoModel, *(each for each in own if each is not None)]


def _adapter_misfit(whole: Any, loaded: Any) -> str | None:
    """What of an adapter is missing, or has no place in its base model; None where all fits.

    PEFT leaves random numbers where a matrix is missing, and leaves out what does not fit.
    """
    lacks = [name for name in loaded.missing_keys if whole.base_model.prefix in name]
    if lacks:
        return f"lacks {lacks[0]}"
    # Layers that were trained whole are saved under several names, of which one is read.
    twice = (".modules_to_save.", ".original_module.")
    strange = [name for name in loaded.unexpected_keys if not any(each in name for each in twice)]
    return f"has {strange[0]}, for which there is no place" if strange else None


def _outputs(adapter: Path) -> int | None:
    """How many labels the head has that was trained with an adapter; None where there is none."""
    file = adapter / "adapter_model.safetensors"
    if not file.is_file():
        return None
    with safe_open(file, "pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118 - no mapping
            if name.endswith(("classifier.weight", "score.weight", "out_proj.weight")):
                return int(tensors.get_slice(name).get_shape()[0])
    return None
