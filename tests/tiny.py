"""Tiny real models and data, made once a session from configuration: nothing is fetched.

The words come from the shipped sample, so that its texts really tokenize. `tests/conftest.py`
loads this module as a plugin.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from tasks.paths import samples_dir
from tasks.storage import TableRef, put_table

if TYPE_CHECKING:  # at run time inside the functions: the import costs seconds that most tests save
    from transformers import PreTrainedConfig
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    from tasks.training.arms import ArmSpec

MakeSpec = Callable[..., "ArmSpec"]

LABELS = ("Comedy", "Drama", "Fantasy")
BLOCKS, WIDTH = 4, 32
SIZES = {"train": 48, "validation": 24, "test": 24}

_BERT_SIZES = {
    "hidden_size": WIDTH,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 192,
}


@cache
def sample_records() -> tuple[dict[str, str], ...]:
    """The shipped genre sample, a record a row."""
    lines = (samples_dir() / "genre.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def wordpieces() -> dict[str, int]:
    """A WordPiece vocabulary: special tokens, single characters, the sample's common words."""
    text = " ".join(f"{row['title']} {row['synopsis']}" for row in sample_records()).lower()
    characters = sorted(set(re.sub(r"\s", "", text)) | set(r":.,'{}\-0123456789"))
    words = [word for word, _ in Counter(re.findall(r"[a-z]{2,}", text)).most_common(1500)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *characters, *(f"##{character}" for character in characters), *words]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def bert_tokenizer() -> "PreTrainedTokenizerBase":
    """A WordPiece tokenizer that lower-cases."""
    from transformers import BertTokenizer

    return BertTokenizer(vocab=wordpieces(), model_max_length=192)


def byte_tokenizer(family: str) -> "PreTrainedTokenizerBase":
    """A byte-level BPE tokenizer without merges: one token a byte."""
    from transformers import GPT2Tokenizer, RobertaTokenizer

    kind = {"roberta": RobertaTokenizer, "gpt2": GPT2Tokenizer}[family]
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"]
    alphabet = [
        *(chr(code) for code in [*range(33, 127), *range(161, 173), *range(174, 256)]),
        *(chr(256 + extra) for extra in range(68)),
    ]
    vocabulary = {token: number for number, token in enumerate([*special, *alphabet])}
    return kind(vocab=vocabulary, merges=[])


def save_model(
    folder: Path, config: "PreTrainedConfig", tokenizer: "PreTrainedTokenizerBase", seed: int = 0
) -> Path:
    """Write a headless model with random weights as safetensors, and its tokenizer."""
    import torch
    from transformers import AutoModel

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of 4 blocks x 32 and a WordPiece tokenizer of the sample's words."""
    from transformers import BertConfig

    config = BertConfig(vocab_size=len(wordpieces()), **_BERT_SIZES)
    return save_model(tmp_path_factory.mktemp("tiny-bert"), config, bert_tokenizer())


@pytest.fixture(scope="session")
def tiny_distilbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a DistilBERT of 4 blocks x 32."""
    from transformers import DistilBertConfig

    config = DistilBertConfig(
        vocab_size=len(wordpieces()),
        dim=WIDTH,
        n_layers=BLOCKS,
        n_heads=2,
        hidden_dim=64,
        max_position_embeddings=192,
    )
    return save_model(tmp_path_factory.mktemp("tiny-distilbert"), config, bert_tokenizer())


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a RoBERTa of 4 blocks x 32 that reads bytes."""
    from transformers import RobertaConfig

    tokenizer = byte_tokenizer("roberta")
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **{**_BERT_SIZES, "max_position_embeddings": 400},
    )
    return save_model(tmp_path_factory.mktemp("tiny-roberta"), config, tokenizer)


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a GPT-2 of 4 blocks x 32 that reads bytes and has no pad token."""
    from transformers import GPT2Config

    tokenizer = byte_tokenizer("gpt2")
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=WIDTH,
        n_layer=BLOCKS,
        n_head=2,
        n_positions=192,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return save_model(tmp_path_factory.mktemp("tiny-gpt2"), config, tokenizer)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Llama of 4 blocks x 32, grouped-query attention, and GPT-2's tokenizer."""
    from transformers import LlamaConfig

    tokenizer = byte_tokenizer("gpt2")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=BLOCKS,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=64,
        max_position_embeddings=192,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return save_model(tmp_path_factory.mktemp("tiny-llama"), config, tokenizer)


@pytest.fixture(scope="session")
def tiny_writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Llama of 4 blocks x 32, its output layer tied, that reads bytes."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    tokenizer = byte_tokenizer("gpt2")
    folder = tmp_path_factory.mktemp("tiny-writer")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=BLOCKS,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=64,
        max_position_embeddings=192,
        tie_word_embeddings=True,
        initializer_range=0.2,  # else frozen embeddings of 32 numbers allow no sure answer
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a T5 of 2 x 4 blocks x 32 that reads and writes bytes."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = byte_tokenizer("gpt2")
    tokenizer.pad_token = "<pad>"  # noqa: S105 - a token of text
    folder = tmp_path_factory.mktemp("tiny-t5")
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=WIDTH,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_decoder_layers=BLOCKS,
        num_heads=2,
        tie_word_embeddings=False,  # as in FLAN-T5
        decoder_start_token_id=tokenizer.pad_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = T5ForConditionalGeneration(config)
        model.lm_head.weight.data *= 0.2  # a new one is so sure that it always writes the same
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


FAMILIES = ("bert", "distilbert", "roberta", "gpt2", "llama")
DECODERS = ("gpt2", "llama")


@pytest.fixture
def tiny(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """The tiny model of a family by name, built when it is first asked for."""
    return lambda family: request.getfixturevalue(f"tiny_{family}")


@pytest.fixture
def parts() -> dict[str, TableRef]:
    """Three small parts of the sample with three labels, in this test's own store."""
    return make_parts()


def make_parts(**changes: Any) -> dict[str, TableRef]:
    """Store `train`, `validation` and `test` (columns `id`, `text`, `labels`).

    `changes` go into every row, so that a test can make other data of the same shape.
    """
    rows = [
        {
            "id": f"row{number}",
            "text": f"Title: {record['title']}\nSynopsis: {record['synopsis'][:80]}",
            "labels": [g.strip() for g in record["genres"].split(",") if g.strip() in LABELS],
            **changes,
        }
        for number, record in enumerate(sample_records())
    ]
    random.Random(0).shuffle(rows)  # noqa: S311 - the order of test data is no secret
    stored, start = {}, 0
    for name, size in SIZES.items():
        stored[name] = put_table(pd.DataFrame(rows[start : start + size]), f"test data, {name}")
        start += size
    return stored


@pytest.fixture
def make_spec(tiny_bert: Path, parts: dict[str, TableRef]) -> "MakeSpec":
    """Arms on the tiny BERT; `training=` and `model=` take fields to change."""

    def make(**changes: Any) -> "ArmSpec":
        from tasks.config import ModelConfig, TrainingConfig
        from tasks.config.strategies import strategy
        from tasks.models.base_models import locate
        from tasks.training.arms import ArmSpec

        training = {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "precision": "fp32"}
        training["solve_head"] = False  # every strategy learns step by step, but in test_solving.py
        model = {"base": str(tiny_bert), "max_length": 24}
        fields: dict[str, Any] = {
            "case": "genre",
            "task": "multi_label",
            "strategy": strategy(changes.pop("strategy", "freeze_2")),
            "seed": 1,
            "point": {},
            "model": ModelConfig(**(model | changes.pop("model", {}))),
            "training": TrainingConfig(**(training | changes.pop("training", {}))),
            "labels": LABELS,
            **(make_parts(**changes.pop("rows")) if "rows" in changes else parts),
        }
        fields["base_digest"] = locate(fields["model"].base).digest
        return ArmSpec(**(fields | changes))

    return make


def check_case(config: Any) -> Any:
    """The case as its kind runs it; refuses what cannot be."""
    from tasks.kinds.kind import kind_of

    return kind_of(config.task).check(config)


def draw_all(comparison: Any, outcomes: Any, best: Any, labels: Any) -> dict[str, bytes]:
    """Every picture of a case with labels that there is data for."""
    from tasks.evaluation.plots import draw_common, drawn
    from tasks.kinds.kind import kind_of

    kind: Any = kind_of(comparison.task)
    plots = drawn(kind.plots(comparison, best, labels))
    return draw_common(comparison, outcomes, kind.curves) | plots
