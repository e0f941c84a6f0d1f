"""Tiny random parts of a joined model, of three different widths, and what a test holds of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tiny import bert_tokenizer, byte_tokenizer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig

    from tasks.kinds.pictures.model.model import MultimodalModel
    from tasks.kinds.pictures.model.processing import MultimodalProcessor

IMAGE = 24
SPREAD = 0.4  # larger than usual: random models then do not all repeat one token
QUESTIONS = ("What is it?", "how many of the red stars are there in it?", "who?")


@dataclass(frozen=True)
class Joined:
    """A model in evaluation mode, its processor, and a batch of three questions."""

    model: "MultimodalModel"
    processor: "MultimodalProcessor"
    batch: "dict[str, Tensor]"


def build_joined(**changes: Any) -> Joined:
    """Joins tiny parts; arguments of `join_models` replace them."""
    import torch

    from tasks.kinds.pictures.model.building import join_models
    from tasks.kinds.pictures.model.processing import MultimodalProcessor, image_processor
    from tasks.kinds.pictures.model.tokens import with_answer_tokens

    answers = with_answer_tokens(byte_tokenizer("gpt2"))
    parts = {
        "text_encoder": text_config(),
        "image_encoder": image_config(),
        "decoder": decoder_config(),
    }
    model = join_models(answers=answers, **(parts | changes)).eval()
    processor = MultimodalProcessor(
        bert_tokenizer(), image_processor(image_config()), answers, answer_tokens=8
    )
    pixels = torch.randn(3, 3, IMAGE, IMAGE, generator=torch.Generator().manual_seed(0))
    batch = processor.read_questions(QUESTIONS) | {"pixel_values": pixels}
    return Joined(model, processor, batch)


def text_config(**changes: Any) -> "PreTrainedConfig":
    from transformers import BertConfig

    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    return BertConfig(
        vocab_size=len(bert_tokenizer()),
        intermediate_size=48,
        initializer_range=SPREAD,
        **{**size, **changes},
    )


def image_config(**changes: Any) -> "PreTrainedConfig":
    from transformers import ViTConfig

    size = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    return ViTConfig(
        image_size=IMAGE,
        patch_size=8,
        intermediate_size=48,
        initializer_range=SPREAD,
        **{**size, **changes},
    )


def decoder_config(**changes: Any) -> "PreTrainedConfig":
    from transformers import GPT2Config

    tokenizer = byte_tokenizer("gpt2")
    size = {"n_embd": 40, "n_layer": 2, "n_head": 2, "n_positions": 32}
    return GPT2Config(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=SPREAD,
        **{**size, **changes},
    )
