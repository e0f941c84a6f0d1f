"""A decoder's tokens: separate ones for padding, beginning and end, and rows for new ones.

The chapter's first edition uses one token for all three. It masks padding out of the loss by its
number, so the end was never learnt, and answers ran on until the limit.
"""

import copy

import torch
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.models.generators import fit_vocabulary

PAD, BEGIN, END = "<|pad|>", "<|begin|>", "<|end|>"


def with_answer_tokens(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """A copy with three different tokens `pad_token`, `bos_token` and `eos_token`.

    The tokenizer's own are kept where they differ: its end (else separator) token, its begin
    (else class) token, its pad token. What it lacks, or has twice, is new.
    """
    tokenizer = copy.deepcopy(tokenizer)  # the given one may have other users
    end = tokenizer.eos_token or tokenizer.sep_token or END
    begin = next((t for t in (tokenizer.bos_token, tokenizer.cls_token) if t and t != end), BEGIN)
    pad = tokenizer.pad_token
    if pad is None or pad in (begin, end):
        pad = PAD
    tokenizer.add_special_tokens({"pad_token": pad, "bos_token": begin, "eos_token": end})
    tokenizer.padding_side = "right"
    return tokenizer


def fit_tokens(decoder: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give the decoder rows for new tokens, and tell it what the three are.

    A new begin token starts as the end token. GPT-2's `<|endoftext|>` stood before every text it
    was trained on, so that even a frozen decoder reads it as a beginning.
    """
    known = decoder.get_input_embeddings().num_embeddings
    fit_vocabulary(decoder, tokenizer)
    if known <= tokenizer.bos_token_id:
        with torch.no_grad():
            for layer in (decoder.get_input_embeddings(), decoder.get_output_embeddings()):
                if tokenizer.eos_token_id < known:
                    layer.weight[tokenizer.bos_token_id] = layer.weight[tokenizer.eos_token_id]
    decoder.config.bos_token_id = tokenizer.bos_token_id
    decoder.config.eos_token_id = tokenizer.eos_token_id
