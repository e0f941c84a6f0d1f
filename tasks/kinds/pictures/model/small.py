"""Small parts from configurations, with random weights: what a sample trains in minutes on a CPU.

Weights start so that every layer keeps the scale of its input. The usual 0.02 belongs to widths
of hundreds; a model of width 32 with it needs three times as long to notice the picture.

answers = word_tokenizer(train_answers)
model = join_models(minilm, small_image_encoder(), small_decoder(answers), answers)
"""

from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, PreTrainedTokenizerFast, ViTConfig
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.kinds.pictures.model.tokens import END, with_answer_tokens

_UNKNOWN = "<|unk|>"


def small_image_encoder(
    image_size: int = 64, patch_size: int = 8, width: int = 96, blocks: int = 3, heads: int = 4
) -> ViTConfig:
    """A ViT without dropout: 64 patches of 8 x 8 pixels by default, 0.25 million parameters."""
    return ViTConfig(
        image_size=image_size,
        patch_size=patch_size,
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        intermediate_size=2 * width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=width**-0.5,
    )


def small_decoder(
    answers: PreTrainedTokenizerBase,
    width: int = 96,
    blocks: int = 3,
    heads: int = 4,
    positions: int = 32,
) -> GPT2Config:
    """A GPT-2 for short answers.

    Args:
        answers: its tokenizer, from `word_tokenizer` or `with_answer_tokens`.
        width: of its states.
        blocks: of self- and cross-attention.
        heads: of each.
        positions: most tokens of an answer, begin and end token included.
    """
    return GPT2Config(
        vocab_size=len(answers),
        n_positions=positions,
        n_embd=width,
        n_layer=blocks,
        n_head=heads,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=width**-0.5,
        bos_token_id=answers.bos_token_id,
        eos_token_id=answers.eos_token_id,
        pad_token_id=answers.pad_token_id,
    )


def word_tokenizer(texts: Iterable[str], most: int = 3000) -> PreTrainedTokenizerBase:
    """A tokenizer of whole words for a new decoder, with separate pad, begin and end tokens.

    Short answers repeat few words: with a token each the output layer of a small decoder stays
    small, and an answer takes one or two steps.

    Args:
        texts: the training answers; words that are not in them cannot be answered.
        most: keep so many words, the most frequent.
    """
    counts = Counter(word for text in texts for word in text.lower().split())
    words = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    vocabulary = {word: number for number, word in enumerate([_UNKNOWN, END, *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return with_answer_tokens(
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=_UNKNOWN, eos_token=END)
    )
