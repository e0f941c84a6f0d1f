"""What the examination of a base model finds out, on families that the table does not have."""

import importlib
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from families import tokenizer
from tiny import save_model
from transformers import AutoConfig, AutoModel

from tasks.errors import RequestError, ThawError
from tasks.models.base_models import LocatedModel, context_of, locate
from tasks.models.loading import examined, load_backbone, load_tokenizer

_IDS = {"vocab_size": 64, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
_ENCODER = {
    **_IDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_BOTH = {
    **_IDS,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 64,
    "decoder_start_token_id": 2,
}
OTHERS: dict[str, dict[str, Any]] = {
    "marian": _BOTH,
    "roformer": {**_ENCODER, "embedding_size": 32},
    "xlm": {**_IDS, "emb_dim": 32, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 64},
    "mra": _ENCODER,
    "fnet": _ENCODER,
    "fsmt": {**_BOTH, "src_vocab_size": 64, "tgt_vocab_size": 64, "langs": ["en", "de"]},
    "mpt": {**_IDS, "d_model": 32, "n_layers": 2, "n_heads": 2, "max_seq_len": 40},
    "ibert": _ENCODER,
}


@pytest.fixture
def other(request: pytest.FixtureRequest, tmp_path: Path) -> LocatedModel:
    config = AutoConfig.for_model(request.param, **OTHERS[request.param])
    return locate(str(save_model(tmp_path / "model", config, tokenizer("bert"))))


@pytest.mark.parametrize("other", ["marian", "roformer"], indirect=True)
def test_positions_that_are_looked_up_without_a_gradient_are_no_dead_part(
    other: LocatedModel,
) -> None:
    found = examined(other)
    assert found is not None
    assert (found.undivided, found.uncut) == (None, None)
    ids = torch.tensor([[0, 5, 6, 7, 2]])
    library = AutoModel.from_pretrained(other.folder).eval()
    library = library.get_encoder() if library.config.is_encoder_decoder else library
    torch.testing.assert_close(
        load_backbone(other).eval()(input_ids=ids)[0], library(input_ids=ids)[0]
    )


@pytest.mark.parametrize("other", ["xlm"], indirect=True)
def test_layers_that_lie_in_several_lists_are_not_frozen_by_one_of_them(
    other: LocatedModel,
) -> None:
    found = examined(other)
    assert found is not None
    assert found.undivided == "its layers are divided over several lists, ffns and attentions"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ("mra", "no token's state depends on any other token"),  # on a CPU it attends to nothing
        ("fnet", "padded on the right, the states of a text differ"),
        ("fsmt", "their encoder is no model of its own"),
    ],
    indirect=["other"],
)
def test_a_model_that_would_be_read_wrongly_is_refused(other: LocatedModel, why: str) -> None:
    with pytest.raises(RequestError, match=why):
        examined(other)


@pytest.mark.parametrize(("other", "fit"), [("mpt", 40), ("ibert", 62)], indirect=["other"])
def test_the_longest_text_that_fits_can_be_read_and_no_longer_one(
    other: LocatedModel, fit: int
) -> None:
    assert context_of(other) == fit
    backbone = load_backbone(other).eval()
    backbone(input_ids=torch.full((1, fit), 5))
    with pytest.raises((RuntimeError, IndexError)):
        backbone(input_ids=torch.full((1, fit + 1), 5))


def test_a_configuration_that_allows_more_tokens_than_fit_is_refused(tmp_path: Path) -> None:
    config = AutoConfig.for_model("mpt", **OTHERS["mpt"])
    folder = save_model(tmp_path / "model", config, tokenizer("bert"))
    config.max_seq_len, config.max_position_embeddings = 40, 50
    config.save_pretrained(folder)
    with pytest.raises(RequestError, match=r"a text of 50 tokens, which its configuration allows"):
        examined(locate(str(folder)))


def test_minilm_as_a_folder_is_examined_in_less_than_a_second() -> None:
    try:
        shipped = locate("minilm")
    except ThawError as error:
        pytest.skip(f"MiniLM cannot be had here: {error}")
    folder = locate(str(shipped.folder))
    assert (folder.pooling, folder.max_length, folder.shipped) == ("mean", 256, False)
    importlib.import_module("tasks.models.adapting")  # as every arm does
    load_tokenizer(folder)
    load_backbone(shipped)  # what is imported and found out for its family
    started = time.process_time()
    load_backbone(shipped)
    plain = time.process_time() - started
    started = time.process_time()
    load_backbone(folder)
    assert time.process_time() - started - plain < 1.0
    assert examined(folder) is not None


def test_as_many_words_as_positions_are_no_table_of_positions(tmp_path: Path) -> None:
    config = AutoConfig.for_model("bert", **_ENCODER)
    folder = save_model(tmp_path / "model", config, tokenizer("bert"))
    assert config.vocab_size == config.max_position_embeddings
    assert context_of(locate(str(folder))) == 64
