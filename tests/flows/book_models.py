"""A hub cache with the book's models: true ids and commits, true architectures, tiny sizes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tiny import bert_tokenizer, byte_tokenizer, wordpieces

from tasks.models.base_models import known_base_models

WIDTH = 32
_BERT = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 9,  # the book freezes eight
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 514,
}


def hub_cache(folder: Path) -> None:
    """Fill the hub library's own cache: `models--owner--name/snapshots/COMMIT`, and `refs/main`."""
    for name, make in MODELS.items():
        spec = known_base_models()[name]
        repository = folder / "hub" / f"models--{str(spec.hub).replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text(str(spec.revision))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            make(repository / "snapshots" / str(spec.revision))


def _saved(model: Any, tokenizer: Any) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        model().save_pretrained(folder)
        made = tokenizer()
        made.model_max_length = 512
        made.save_pretrained(folder)

    return save


def _ids(tokenizer: Any) -> dict[str, int]:
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    return {name: getattr(tokenizer, name) for name in names}


def _bert() -> Any:
    return transformers.BertForPreTraining(
        transformers.BertConfig(vocab_size=len(wordpieces()), **_BERT)
    )


def _distilbert() -> Any:
    sizes = {"dim": WIDTH, "n_layers": 6, "n_heads": 2, "hidden_dim": 64}
    config = transformers.DistilBertConfig(
        vocab_size=len(wordpieces()), max_position_embeddings=512, **sizes
    )
    return transformers.DistilBertForMaskedLM(config)


def _roberta_config(**more: Any) -> Any:
    tokenizer = byte_tokenizer("roberta")
    return transformers.RobertaConfig(
        vocab_size=len(tokenizer),
        type_vocab_size=1,  # as RoBERTa has it: pairs are told by their separators
        **_ids(tokenizer),
        **(_BERT | {"num_hidden_layers": 2}),
        **more,
    )


def _roberta() -> Any:
    return transformers.RobertaForMaskedLM(_roberta_config())


def _classifier(labels: int) -> Callable[[], Any]:
    return lambda: transformers.RobertaForSequenceClassification(
        _roberta_config(num_labels=labels, initializer_range=0.1)
    )


def _gpt2() -> Any:
    tokenizer = byte_tokenizer("gpt2")
    end = tokenizer.eos_token_id
    sizes = {"n_embd": WIDTH, "n_layer": 4, "n_head": 2, "n_positions": 1024}
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), bos_token_id=end, eos_token_id=end, **sizes
    )
    return transformers.GPT2LMHeadModel(config)


def _t5_tokenizer() -> Any:
    tokenizer = byte_tokenizer("gpt2")
    tokenizer.pad_token = "<pad>"  # noqa: S105 - a token of text
    return tokenizer


def _t5() -> Any:
    tokenizer = _t5_tokenizer()
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=WIDTH,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_decoder_layers=2,
        num_heads=2,
        tie_word_embeddings=False,  # as in FLAN-T5
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=tokenizer.pad_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = transformers.T5ForConditionalGeneration(config)
    model.lm_head.weight.data *= 0.2
    return model


def _dino(folder: Path) -> None:
    config = transformers.ViTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=224,
        patch_size=16,
    )
    transformers.ViTModel(config).save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 224, "width": 224}).save_pretrained(folder)


MODELS: dict[str, Callable[[Path], None]] = {
    "bert-base-uncased": _saved(_bert, bert_tokenizer),
    "distilbert-base-uncased": _saved(_distilbert, bert_tokenizer),
    "roberta-base": _saved(_roberta, lambda: byte_tokenizer("roberta")),
    "gpt2": _saved(_gpt2, lambda: byte_tokenizer("gpt2")),
    "flan-t5-small": _saved(_t5, _t5_tokenizer),
    "dino-vitb16": _dino,
    "roberta-base-cola": _saved(_classifier(2), lambda: byte_tokenizer("roberta")),
    "twitter-roberta-sentiment": _saved(_classifier(3), lambda: byte_tokenizer("roberta")),
}
