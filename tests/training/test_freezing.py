"""Which parameters a strategy leaves trainable: by name in every family, by number in the book."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny import BLOCKS, DECODERS, FAMILIES
from transformers import AlbertConfig, AutoModel, DistilBertConfig

from tasks.config.strategies import strategy
from tasks.errors import RequestError
from tasks.models.anatomy import count_blocks
from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, TextClassifier, classifying_part
from tasks.models.loading import load_backbone
from tasks.training.freezing import freeze

BOTTOM = {"full": None, "freeze_1": 1, "freeze_4": 4, "last_1": 3, "last_4": 0, "head": 4}


def classifier(folder: Path) -> TextClassifier:
    backbone = load_backbone(locate(str(folder)))
    return TextClassifier(backbone, HeadConfig(labels=3, pooling="mean"))


EMBEDDINGS = {"gpt2": ("wte", "wpe"), "llama": ("embed_tokens",)}
BLOCK_LISTS = {"distilbert": "transformer.layer", "gpt2": "h", "llama": "layers"}


def expected(model: TextClassifier, family: str, name: str) -> set[str]:
    """Names of what should train, told from the names alone."""
    bottom = BOTTOM[name]
    every = {parameter for parameter, _ in model.named_parameters()}
    if bottom is None:
        return every
    if name == "head":
        return {parameter for parameter in every if parameter.startswith("head.")}
    frozen = [f"backbone.{path}." for path in EMBEDDINGS.get(family, ("embeddings",))]
    blocks = BLOCK_LISTS.get(family, "encoder.layer")
    frozen += [f"backbone.{blocks}.{block}." for block in range(bottom)]
    return {parameter for parameter in every if not parameter.startswith(tuple(frozen))}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", BOTTOM)
def test_a_strategy_trains_exactly_its_part(
    family: str, name: str, tiny: Callable[[str], Path]
) -> None:
    model = classifier(tiny(family))
    freezing = freeze(model, strategy(name))
    trains = {parameter for parameter, value in model.named_parameters() if value.requires_grad}
    assert trains == expected(model, family, name)
    assert freezing.frozen_blocks == BOTTOM[name]
    assert freezing.trainable == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert freezing.total == sum(p.numel() for p in model.parameters())
    assert freezing.share == freezing.trainable / freezing.total


@pytest.mark.parametrize("family", FAMILIES)
def test_only_what_trains_gets_a_gradient(family: str, tiny: Callable[[str], Path]) -> None:
    model = classifier(tiny(family))
    freeze(model, strategy("freeze_2"))
    ids = torch.tensor([[10, 11, 12]])
    model(ids, torch.ones_like(ids), torch.ones(1, 3))["loss"].backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


@pytest.mark.parametrize("family", FAMILIES)
def test_the_final_norm_of_a_decoder_trains_when_every_block_is_frozen(
    family: str, tiny: Callable[[str], Path]
) -> None:
    model = classifier(tiny(family))
    all_blocks = freeze(model, strategy(f"freeze_{BLOCKS}")).trainable
    head = freeze(model, strategy("head")).trainable
    assert (all_blocks > head) == (family in DECODERS)


def test_a_strategy_undoes_the_one_before(tiny_bert: Path) -> None:
    model = classifier(tiny_bert)
    freeze(model, strategy("head"))
    assert freeze(model, strategy("full")).share == 1


def test_a_strategy_for_more_blocks_than_there_are_is_refused(tiny_bert: Path) -> None:
    with pytest.raises(RequestError, match="has 4: use last_1 to last_4"):
        freeze(classifier(tiny_bert), strategy("last_5"))


def distilbert_on_meta() -> TextClassifier:
    """DistilBERT's real configuration (the defaults of its class) without its 268 MB of weights."""
    head = HeadConfig(labels=42, pooling="cls", kind="dense", dropout=0.2)
    with torch.device("meta"):
        return TextClassifier(AutoModel.from_config(DistilBertConfig()), head)


@pytest.mark.parametrize(
    ("name", "trainable"),
    [("freeze_4", 14_798_634), ("freeze_3", 21_886_506), ("full", 66_985_770)],
)
def test_distilbert_has_the_chapters_own_counts(name: str, trainable: int) -> None:
    freezing = freeze(distilbert_on_meta(), strategy(name))
    assert (freezing.trainable, freezing.total) == (trainable, 66_985_770)


def test_blocks_that_share_their_weights_train_together_or_not_at_all() -> None:
    config = AlbertConfig(
        vocab_size=20,
        embedding_size=8,
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=1,
        intermediate_size=8,
    )
    backbone = classifying_part(AutoModel.from_config(config))
    model = TextClassifier(backbone, HeadConfig(labels=2, pooling="cls"))
    assert count_blocks(model.backbone) == 1
    assert freeze(model, strategy("full")).share == 1
    assert freeze(model, strategy("head")).trainable == 8 * 2 + 2
    with pytest.raises(RequestError, match=r"'albert' cannot .* its 3 layers share one block"):
        freeze(model, strategy("freeze_1"))
