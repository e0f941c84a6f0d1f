"""Tiny policies of both kinds that write words of one letter, and a task whose best is known."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tasks.config import RLConfig

if TYPE_CHECKING:
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    from tasks.kinds.policy.policy import Policy
    from tasks.kinds.policy.rewards import FunctionReward
    from tasks.kinds.policy.rollout import Query

KINDS = ("causal", "encoder_decoder")
WORDS = ("<pad>", "<end>", *"abcdefghij")
NEW_TOKENS = 8

MakePolicy = Callable[..., "Policy"]


def word_tokenizer() -> "PreTrainedTokenizerBase":
    """One token a word."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(WORDS)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token=WORDS[2]))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    pad, end = WORDS[:2]
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token=pad, eos_token=end)


def build_policy(kind: str, seed: int = 0, width: int = 32, **options: object) -> "Policy":
    """A new GPT-2 or T5 of two blocks, random enough to write different words."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

    from tasks.kinds.policy.causal import CausalPolicy
    from tasks.kinds.policy.encoder_decoder import EncoderDecoderPolicy

    special = {"pad_token_id": 0, "eos_token_id": 1}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if kind == "causal":
            sizes = {"n_embd": width, "n_layer": 2, "n_head": 2, "n_positions": 32}
            config = GPT2Config(
                vocab_size=len(WORDS), bos_token_id=1, initializer_range=0.2, **sizes, **special
            )
            return CausalPolicy(GPT2LMHeadModel(config), word_tokenizer(), **options)
        config = T5Config(
            vocab_size=len(WORDS),
            d_model=width,
            d_kv=width // 2,
            d_ff=2 * width,
            num_layers=2,
            num_heads=2,
            decoder_start_token_id=0,
            tie_word_embeddings=False,  # as in FLAN-T5
            **special,
        )
        model = T5ForConditionalGeneration(config)
        model.lm_head.weight.data *= 0.2  # a new one is so sure that it always writes the same
        return EncoderDecoderPolicy(model, word_tokenizer(), **options)


def make_queries(texts: Sequence[str]) -> list["Query"]:
    """Prompts as a policy reads them, named by their place."""
    from tasks.kinds.policy.rollout import Query

    ids = word_tokenizer()(list(texts))["input_ids"]
    return [
        Query(str(place), tuple(row), text)
        for place, (row, text) in enumerate(zip(ids, texts, strict=True))
    ]


def many_b() -> "FunctionReward":
    """Share of the tokens that there is room for which are `b`: 1 is the best, and never ends."""
    from tasks.kinds.policy.rewards import FunctionReward

    def share(prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        return [answer.split().count("b") / NEW_TOKENS for answer in answers]

    return FunctionReward("many_b", share)


PROMPTS = ["a", "c d", "e f g h", "i j", "d c a", "h", "g g", "f a c e", "j i", "a b"]


def small_config(**changes: object) -> RLConfig:
    """Settings for the tiny task; no guard stops it."""
    fields = {
        "steps": 4,
        "batch_size": 8,
        "mini_batch_size": 4,
        "epochs": 2,
        "learning_rate": 3e-3,
        "max_new_tokens": NEW_TOKENS,
        "kl_coefficient": 0.01,
        "kl_target": None,
        "kl_budget": 1000.0,
        "held_out_every": 2,
        "save_every": 1,
        "stop_kl": None,
        "stop_length": None,
        "stop_repetition": None,
        "precision": "fp32",
    }
    return RLConfig.model_validate(fields | changes)


class KilledError(Exception):
    """Stands for a kill: nothing of the run is left but its folder."""


def killed_at(step: int) -> Callable[[dict[str, float], int], None]:
    """A `log` that kills the run while it logs a step."""

    def log(figures: dict[str, float], at: int) -> None:
        if at == step and "train/kl" in figures:
            raise KilledError

    return log
