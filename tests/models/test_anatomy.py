"""The anatomy of each family: where embeddings, blocks and the final norm are."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny import BLOCKS, FAMILIES
from transformers import AutoModel, ElectraConfig

from tasks.errors import RequestError
from tasks.models import anatomy
from tasks.models.anatomy import anatomy_of, blocks_of, frozen_modules
from tasks.models.base_models import load_backbone, locate


def test_the_tiny_models_cover_every_known_family() -> None:
    assert set(FAMILIES) == set(anatomy.FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_blocks_and_final_norm_are_the_whole_model(
    family: str, tiny: Callable[[str], Path]
) -> None:
    backbone = load_backbone(locate(str(tiny(family))))
    where = anatomy_of(backbone)
    prefixes = (*where.embeddings, where.blocks, *where.final)
    names = [name for name, _ in backbone.named_parameters()]
    assert all(name.startswith(tuple(f"{prefix}." for prefix in prefixes)) for name in names)
    assert len(blocks_of(backbone)) == BLOCKS


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
    embeddings = len(anatomy_of(backbone).embeddings)
    assert len(frozen_modules(backbone, 0)) == embeddings
    assert frozen_modules(backbone, 2)[embeddings:] == list(blocks_of(backbone))[:2]


def test_an_unknown_family_says_what_can_be_done_instead() -> None:
    config = ElectraConfig(
        vocab_size=20, embedding_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    with pytest.raises(
        RequestError, match=r"family 'electra' .*bert, roberta.*strategies=\[full\]"
    ):
        blocks_of(AutoModel.from_config(config))
