"""Tiny decoders with their output layer and tokenizer, as `load_generator` gives real ones.

`tests/conftest.py` loads this module as a plugin.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tiny import BLOCKS, WIDTH, byte_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

Decoder = Callable[[str], "tuple[PreTrainedModel, PreTrainedTokenizerBase]"]
CONTEXT = 96


@pytest.fixture(scope="session")
def decoder() -> Decoder:
    """A new GPT-2 (tied), Llama (not tied) or tied Llama of 4 blocks x 32 that reads bytes."""

    def build(family: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
        import torch
        from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

        from tasks.models.generators import fit_vocabulary, with_pad_and_end

        tokenizer = byte_tokenizer("gpt2")
        tokenizer.pad_token = None
        size = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
        # A larger spread than usual: random models then do not all repeat one token.
        if family == "gpt2":
            config = GPT2Config(
                n_embd=WIDTH,
                n_layer=BLOCKS,
                n_head=2,
                n_positions=CONTEXT,
                **size,
                bos_token_id=tokenizer.eos_token_id,
                initializer_range=0.5,
            )
        else:
            config = LlamaConfig(
                hidden_size=WIDTH,
                num_hidden_layers=BLOCKS,
                num_attention_heads=2,
                num_key_value_heads=1,
                intermediate_size=64,
                max_position_embeddings=CONTEXT,
                tie_word_embeddings=family == "llama-tied",
                initializer_range=0.5,
                **size,
            )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        tokenizer = with_pad_and_end(tokenizer, family)
        fit_vocabulary(model, tokenizer)
        return model, tokenizer

    return build
