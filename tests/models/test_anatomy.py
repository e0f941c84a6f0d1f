"""What one reading shows of a model: blocks, what lies above them, what is used by nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny import BLOCKS, FAMILIES, WIDTH
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    T5Config,
    T5ForConditionalGeneration,
    XLMRobertaConfig,
    XLNetConfig,
)

from tasks.config.strategies import strategy
from tasks.errors import RequestError
from tasks.models.adapting import adapt
from tasks.models.anatomy import (
    anatomy_of,
    blocks_in,
    blocks_of,
    context_length,
    frozen_parameters,
)
from tasks.models.base_models import locate
from tasks.models.classifier import classifying_part
from tasks.models.loading import load_backbone

ABOVE = {"gpt2": {"ln_f.weight", "ln_f.bias"}, "llama": {"norm.weight"}}
SMALL = {
    "vocab_size": 50,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 8,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reading_tells_blocks_from_what_lies_above_them(
    family: str, tiny: Callable[[str], Path]
) -> None:
    backbone = load_backbone(locate(str(tiny(family))))
    anatomy = anatomy_of(backbone)
    assert (anatomy.count, anatomy.width, anatomy.inner) == (BLOCKS, WIDTH, WIDTH)
    assert anatomy.above == ABOVE.get(family, set())
    assert anatomy.undivided is None
    assert not anatomy.dead


@pytest.mark.parametrize("family", FAMILIES)
def test_the_blocks_are_listed_bottom_first(family: str, tiny: Callable[[str], Path]) -> None:
    backbone = load_backbone(locate(str(tiny(family)))).eval()
    ran: list[int] = []
    for number, block in enumerate(blocks_of(backbone)):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    backbone(input_ids=torch.tensor([[5, 6, 7]]))
    assert ran == list(range(BLOCKS))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_frozen_grows_from_the_embeddings_up(
    family: str, tiny: Callable[[str], Path]
) -> None:
    backbone = load_backbone(locate(str(tiny(family))))
    bottom = {id(each) for each in frozen_parameters(backbone, 0)}
    more = {id(each) for each in frozen_parameters(backbone, 2)}
    assert id(backbone.get_input_embeddings().weight) in bottom
    assert more - bottom == {id(p) for block in blocks_of(backbone)[:2] for p in block.parameters()}


def test_reading_leaves_a_model_as_it_was(tiny_bert: Path) -> None:
    backbone = AutoModel.from_pretrained(tiny_bert).train()
    backbone.encoder.layer[1].eval()
    for parameter in backbone.embeddings.parameters():
        parameter.requires_grad_(False)
    asked = [parameter.requires_grad for parameter in backbone.parameters()]
    drawn = torch.random.get_rng_state()
    anatomy_of(backbone)
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert [parameter.requires_grad for parameter in backbone.parameters()] == asked
    assert (backbone.training, backbone.encoder.layer[1].training) == (True, False)
    assert not any(parameter.grad is not None for parameter in backbone.parameters())
    assert not any(module._forward_pre_hooks for module in backbone.modules())


def test_a_pooler_that_nothing_reads_is_left_out() -> None:
    backbone = AutoModel.from_config(BertConfig(**SMALL, hidden_dropout_prob=0.25))
    assert {name.split(".")[0] for name in anatomy_of(backbone).dead} == {"pooler"}
    ids = torch.tensor([[5, 6, 7]])
    before = backbone.eval()(input_ids=ids)[0]
    part = classifying_part(backbone)
    assert not any(name.startswith("pooler") for name, _ in part.named_parameters())
    torch.testing.assert_close(part(input_ids=ids)[0], before, rtol=0, atol=0)


def test_a_pooler_is_left_out_where_blocks_are_called_unseen() -> None:
    """SqueezeBERT's only linear layer is one: an adapter beside it would train nothing."""
    config = AutoConfig.for_model("squeezebert", **SMALL, embedding_size=8)
    backbone = classifying_part(AutoModel.from_config(config))
    assert anatomy_of(backbone).undivided == "its blocks are not called one by one"
    assert not [name for name, _ in backbone.named_parameters() if "pooler" in name]
    for named in ("lora_2", "ia3"):
        with pytest.raises(RequestError, match=r"'squeezebert': it has no linear layers"):
            adapt(backbone, strategy(named), seed=1)


def test_a_classifier_takes_the_encoder_of_an_encoder_decoder() -> None:
    config = T5Config(
        vocab_size=50, d_model=8, d_kv=4, d_ff=8, num_layers=3, num_decoder_layers=2, num_heads=2
    )
    part = classifying_part(AutoModel.from_config(config))
    assert anatomy_of(part).count == blocks_in(config) == 3
    assert blocks_in(config, writes=True) == 2
    assert not any("decoder" in name for name, _ in part.named_parameters())
    # One that writes is divided at its decoder, and keeps what its output layer shares below.
    whole = T5ForConditionalGeneration(config)
    assert anatomy_of(whole).blocks == "decoder.block"
    assert "shared.weight" not in anatomy_of(whole).above
    assert isinstance(whole.get_submodule(anatomy_of(whole).blocks), nn.ModuleList)


@pytest.mark.parametrize(
    ("config", "fit"),
    [
        (BertConfig(**SMALL, max_position_embeddings=64), 64),
        (XLMRobertaConfig(**SMALL, max_position_embeddings=64, pad_token_id=1), 62),
        (AutoConfig.for_model("esm", **SMALL, max_position_embeddings=64, pad_token_id=1), 62),
        (AutoConfig.for_model("opt", max_position_embeddings=64, num_hidden_layers=1), 64),
        (XLNetConfig(vocab_size=50, d_model=8, n_layer=1, n_head=2, d_inner=8), None),
    ],
    ids=["bert", "xlm-roberta", "esm", "opt", "xlnet"],
)
def test_how_many_tokens_fit_is_found_out(config: object, fit: int | None) -> None:
    assert context_length(config) == fit  # type: ignore[arg-type]
