"""A tokenizer whose labels are single tokens, and parts of rows."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tiny import byte_tokenizer, save_model

from tasks.storage import TableRef, put_table

MakePart = Callable[..., TableRef]


@pytest.fixture(scope="session")
def label_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bytes, and the words ham and spam and the digits 1 to 5 with and without a space."""
    return make_label_tokenizer(tmp_path_factory.mktemp("labels"))


def make_label_tokenizer(folder: Path) -> Path:
    """Save a tiny GPT-2 with that tokenizer."""
    from transformers import GPT2Config, GPT2Tokenizer

    merges = [("h", "a"), ("ha", "m"), ("s", "p"), ("a", "m"), ("sp", "am")]
    merges += [("Ġ", token) for token in ("ham", "spam", *"12345")]
    vocabulary = dict(byte_tokenizer("gpt2").get_vocab())
    for first, second in merges:
        vocabulary.setdefault(first + second, len(vocabulary))
    tokenizer = GPT2Tokenizer(vocab=vocabulary, merges=merges)
    sizes = {"n_embd": 8, "n_layer": 1, "n_head": 1, "n_positions": 64}
    sizes |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return save_model(folder, GPT2Config(vocab_size=len(tokenizer), **sizes), tokenizer)


@pytest.fixture
def make_part() -> MakePart:
    """A stored part: `make_part(texts, labels)`; ids r0, r1, … and rows from 1."""

    def make(texts: list[str], labels: list[str] | None = None) -> TableRef:
        labels = labels or ["ham" if number % 2 else "spam" for number in range(len(texts))]
        return put_table(
            pd.DataFrame(
                {
                    "id": [f"r{number}" for number in range(len(texts))],
                    "row": range(1, len(texts) + 1),
                    "text": texts,
                    "labels": [[label] for label in labels],
                }
            ),
            "test part",
        )

    return make
