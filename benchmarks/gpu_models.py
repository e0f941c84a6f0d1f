"""Models of the chapters' sizes, from their configurations alone, with random weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers


@dataclass(frozen=True)
class Sizes:
    """How large models and data are.

    Attributes:
        width, layers, heads: of BERT, GPT-2 and the ViT; DistilBERT has half as many layers.
        vocabulary: of all tokenizers.
        tokens, answer: of a text, and of what is written.
        rows, scenes: of the data.
        matrix: rows of the square matrices whose product is timed.
    """

    width: int
    layers: int
    heads: int
    vocabulary: int
    tokens: int
    answer: int
    rows: int
    scenes: int
    matrix: int

    @classmethod
    def chapters(cls) -> "Sizes":
        """BERT-base, GPT-2 and ViT-B/16."""
        return cls(768, 12, 12, 30522, 256, 32, 1200, 120, 8192)

    @classmethod
    def tiny(cls) -> "Sizes":
        """So that a CPU tries the script out in seconds."""
        return cls(32, 5, 2, 200, 24, 4, 80, 40, 256)

    @property
    def words(self) -> list[str]:
        """Each is one token of every vocabulary."""
        return [f"w{number}" for number in range(min(150, self.vocabulary - 10))]

    @property
    def blocks(self) -> int:
        """Weights of the matrices in all transformer blocks."""
        return 12 * self.layers * self.width**2


def make_models(folder: Path, sizes: Sizes) -> dict[str, Path]:
    """Write BERT, DistilBERT, GPT-2 and a ViT, each with what reads its input."""
    tokenizer = _tokenizer(sizes)
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
    }
    longest = 2 * sizes.tokens + 2 * sizes.answer + 64
    wide = {
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": 4 * sizes.width,
    }
    bert = transformers.BertConfig(
        vocab_size=sizes.vocabulary, max_position_embeddings=longest, **wide
    )
    distilbert = transformers.DistilBertConfig(
        vocab_size=sizes.vocabulary,
        dim=sizes.width,
        n_layers=max(1, sizes.layers // 2),
        n_heads=sizes.heads,
        hidden_dim=4 * sizes.width,
        max_position_embeddings=longest,
    )
    gpt2 = transformers.GPT2Config(
        vocab_size=sizes.vocabulary,
        n_embd=sizes.width,
        n_layer=sizes.layers,
        n_head=sizes.heads,
        n_positions=longest,
        **ids,
    )
    vit = transformers.ViTConfig(image_size=224, patch_size=16, **wide)
    made: dict[str, Any] = {
        "bert": transformers.BertModel(bert),
        "distilbert": transformers.DistilBertModel(distilbert),
        "gpt2": transformers.GPT2LMHeadModel(gpt2),
        "vit": transformers.ViTModel(vit, add_pooling_layer=False),
    }
    places = {}
    for name, model in made.items():
        places[name] = folder / name
        model.to(torch.float32).save_pretrained(places[name])
        if name == "vit":
            reader = transformers.ViTImageProcessor(size={"height": 224, "width": 224})
            reader.save_pretrained(places[name])
        else:
            tokenizer.save_pretrained(places[name])
    return places


def _tokenizer(sizes: Sizes) -> Any:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    filling = [f"unused{number}" for number in range(sizes.vocabulary)]
    tokens = [*special, *sizes.words, *filling][: sizes.vocabulary]
    return transformers.BertTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        bos_token="[CLS]",  # noqa: S106 - tokens of text, which GPT-2 begins and ends with
        eos_token="[SEP]",  # noqa: S106
    )
