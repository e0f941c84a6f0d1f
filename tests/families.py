"""Tiny random models of many families, made from their own configurations, and a toy task.

The task has two classes of sentences that all share their first token and differ in one word:
a decoder that is read at its first token cannot learn it.
"""

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

NOUNS = ("kettle", "lamp", "scarf", "clock", "fence", "pillow", "drawer", "basket", "stove")
WAYS = ("arrived", "looked", "felt", "stayed", "turned", "seemed")
WORDS = {"good": "splendid", "bad": "shoddy"}
ENDS = ("on monday", "after a week", "in the rain", "")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
TOKENS = (
    *SPECIAL,
    "the",
    *NOUNS,
    *WAYS,
    *WORDS.values(),
    *dict.fromkeys(" ".join(ENDS).split()),
)
ROWS = {"train": 256, "validation": 32, "test": 64}
LABELS = ("bad", "good")
BLOCKS = 3
SPREAD = 0.15
"""Of random weights, near the root of 1/32, with which layers hand on as much as they are given:
with the usual .02 the one word that matters is a hundredth of what frozen layers of this width give
of the classifier's token."""

_IDS = {"vocab_size": 64, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_SIZES = {
    **_IDS,
    "hidden_size": 32,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_DECODER = {**_SIZES, "num_key_value_heads": 1, "head_dim": 16}
_GPT = {**_IDS, "n_embd": 32, "n_layer": BLOCKS, "n_head": 2, "n_positions": 64}
_DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_biased_input": False,
}

ENCODERS: dict[str, dict[str, Any]] = {
    "bert": _SIZES,
    "roberta": _SIZES,
    "xlm-roberta": _SIZES,
    "camembert": _SIZES,
    "mpnet": _SIZES,
    "electra": {**_SIZES, "embedding_size": 16},
    "deberta": {**_SIZES, **_DISENTANGLED},
    "deberta-v2": {
        **_SIZES,
        **_DISENTANGLED,
        "conv_kernel_size": 3,
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
        "position_buckets": 16,
    },
    "albert": {**_SIZES, "embedding_size": 16},
    "distilbert": {
        **_IDS,
        "dim": 32,
        "n_layers": BLOCKS,
        "n_heads": 2,
        "hidden_dim": 64,
        "max_position_embeddings": 64,
    },
    "modernbert": {
        **_SIZES,
        "global_attn_every_n_layers": 2,
        "local_attention": 4,
        "cls_token_id": 0,
        "sep_token_id": 2,
    },
    "longformer": {**_SIZES, "attention_window": [16] * BLOCKS},
    "luke": {**_SIZES, "entity_vocab_size": 8, "entity_emb_size": 16},
    "nystromformer": {**_SIZES, "num_landmarks": 8, "segment_means_seq_len": 64},
    "xmod": {**_SIZES, "languages": ["en_XX"], "default_language": "en_XX"},
    "data2vec-text": _SIZES,
    "esm": {**_SIZES, "mask_token_id": 3},
    "xlnet": {**_IDS, "d_model": 32, "n_layer": BLOCKS, "n_head": 2, "d_inner": 64},
    "funnel": {
        **_IDS,
        "d_model": 32,
        "block_sizes": [2, 1],
        "n_head": 2,
        "d_head": 16,
        "d_inner": 64,
        "num_decoder_layers": 1,
    },
    "mobilebert": {
        **_SIZES,
        "embedding_size": 16,
        "true_hidden_size": 16,
        "intra_bottleneck_size": 16,
    },
    "squeezebert": {**_SIZES, "embedding_size": 32},
    "eurobert": _DECODER,
}
DECODERS: dict[str, dict[str, Any]] = {
    "gpt2": _GPT,
    "gptj": {**_GPT, "rotary_dim": 8},
    "gpt_neo": {
        **_IDS,
        "hidden_size": 32,
        "num_layers": BLOCKS + 1,
        "num_heads": 2,
        "max_position_embeddings": 64,
        "attention_types": [[["global", "local"], 2]],
        "window_size": 4,
    },
    "gpt_neox": _SIZES,
    "llama": _DECODER,
    "mistral": {**_DECODER, "sliding_window": 4},
    "mixtral": {**_DECODER, "num_local_experts": 4},
    "qwen2": _DECODER,
    "qwen3": _DECODER,
    "gemma": _DECODER,
    "gemma2": {**_DECODER, "sliding_window": 4},
    "gemma3_text": {**_DECODER, "sliding_window": 4, "sliding_window_pattern": 2},
    "phi": _SIZES,
    "phi3": _DECODER,
    "opt": {
        **_IDS,
        "hidden_size": 32,
        "num_hidden_layers": BLOCKS,
        "num_attention_heads": 2,
        "ffn_dim": 64,
        "max_position_embeddings": 64,
        "word_embed_proj_dim": 16,
    },
    "bloom": {**_IDS, "hidden_size": 32, "n_layer": BLOCKS, "n_head": 2},
    "falcon": {
        **_IDS,
        "hidden_size": 32,
        "num_hidden_layers": BLOCKS,
        "num_attention_heads": 2,
        "alibi": True,
    },
    "olmo2": _DECODER,
    "smollm3": _DECODER,
    "granite": _DECODER,
    "stablelm": _DECODER,
    "starcoder2": _DECODER,
}
BOTH: dict[str, dict[str, Any]] = {
    "t5": {
        **_IDS,
        "d_model": 32,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": BLOCKS,
        "num_decoder_layers": 2,
        "num_heads": 2,
        "decoder_start_token_id": 1,
    },
    "bart": {
        **_IDS,
        "d_model": 32,
        "encoder_layers": BLOCKS,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 64,
        "decoder_start_token_id": 2,
    },
}
FAMILIES = {**ENCODERS, **DECODERS, **BOTH}


def tokenizer(family: str) -> "PreTrainedTokenizerBase":
    """A token a word; encoders' texts stand between a classifier's and a separating token.

    XLNet's classifier token comes last, as its own tokenizer has it.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({t: n for n, t in enumerate(TOKENS)}, unk_token="<unk>"))  # noqa: S106 - a token of text
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
    if family not in DECODERS:
        backend.post_processor = processors.TemplateProcessing(
            single="$A </s> <s>" if family == "xlnet" else "<s> $A </s>",
            special_tokens=[("<s>", 0), ("</s>", 2)],
        )
        special |= {"cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=64, **special)


def make(family: str, folder: Path) -> Path:
    """A folder with a headless model of random weights and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModel

    spread = {"initializer_range": SPREAD, "init_std": SPREAD}
    config = AutoConfig.for_model(family, **spread, **FAMILIES[family])
    config.architectures = []  # funnel's two headless models are told apart by it
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    tokenizer(family).save_pretrained(folder)
    return folder


def toy_rows() -> dict[str, pd.DataFrame]:
    """`train`, `validation` and `test`: columns id, text, labels."""
    draw = random.Random(5)  # noqa: S311 - the order of test data is no secret
    frames = {}
    for part, count in ROWS.items():
        rows = []
        for number in range(count):
            label = LABELS[number % 2]
            text = (
                f"the {draw.choice(NOUNS)} {draw.choice(WAYS)} {WORDS[label]} {draw.choice(ENDS)}"
            ).strip()
            rows.append({"id": f"{part}{number}", "text": text, "labels": [label]})
        frames[part] = pd.DataFrame(rows)
    return frames
