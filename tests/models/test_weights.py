"""A folder's weights are all there and all used, but for heads and constants."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import BLOCKS
from torch import Tensor
from transformers import AutoModelForMaskedLM

from tasks.errors import RequestError
from tasks.models.base_models import locate
from tasks.models.generators import load_generator
from tasks.models.loading import examined, load_backbone, load_tokenizer

IDS = torch.tensor([[10, 11, 12, 13]])


@pytest.fixture
def copy(tiny_bert: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bert, tmp_path / "model"))


def add(folder: Path, more: dict[str, Tensor], files: str = "safetensors") -> None:
    file = folder / "model.safetensors"
    state = load_file(file) | more
    if files == "safetensors":
        save_file(state, file, metadata={"format": "pt"})
    else:
        file.unlink()
        torch.save(state, folder / "pytorch_model.bin")


def tell(folder: Path, **fields: object) -> None:
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told | fields))


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_weights_of_more_blocks_than_the_configuration_has_are_not_dropped(
    family: str, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny(family), tmp_path / "model"))
    tell(folder, **{"n_layer" if family == "gpt2" else "num_hidden_layers": 2})
    with pytest.raises(RequestError, match=rf"hold {BLOCKS} blocks, and its config\.json .* of 2:"):
        load_backbone(locate(str(folder)))


def test_of_a_model_that_writes_neither(tiny_writer: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_writer, tmp_path / "model"))
    tell(folder, num_hidden_layers=2)
    with pytest.raises(RequestError, match=f"hold {BLOCKS} blocks"):
        load_generator(locate(str(folder)))


@pytest.mark.parametrize("files", ["safetensors", "bin"])
def test_learned_weights_for_which_a_block_has_no_place_are_named(copy: Path, files: str) -> None:
    biases = {f"encoder.layer.{n}.attention.self.query.gate": torch.randn(32) for n in range(4)}
    add(copy, biases, files)
    with pytest.raises(
        RequestError, match=r"blocks have no place for 4 of them, encoder\.layer\.0\..*gate"
    ):
        load_backbone(locate(str(copy)))


def test_learned_weights_beside_the_blocks_are_said(copy: Path) -> None:
    add(copy, {"embeddings.word_embeddings.more": torch.randn(8, 32)})
    found = examined(locate(str(copy)))
    assert found is not None
    assert "does not read: embeddings.word_embeddings.more." in found.sentence


@pytest.mark.parametrize("files", ["safetensors", "bin"])
def test_constants_and_heads_may_be_left_out(copy: Path, tiny_bert: Path, files: str) -> None:
    mask = torch.ones(8, 8).tril()
    constants = {f"encoder.layer.{n}.attention.mask": mask.clone() for n in range(BLOCKS)}
    more = {
        "embeddings.position_ids": torch.arange(192)[None],
        "pooler.dense.weight": torch.randn(32, 32),
        "cls.predictions.bias": torch.randn(7),
    }
    add(copy, constants | more, files)
    wanted = load_backbone(locate(str(tiny_bert))).eval()(input_ids=IDS)[0]
    torch.testing.assert_close(load_backbone(locate(str(copy))).eval()(input_ids=IDS)[0], wanted)


def test_a_model_that_was_saved_under_a_head_is_checked_too(
    tiny_bert: Path, tmp_path: Path
) -> None:
    whole = AutoModelForMaskedLM.from_pretrained(tiny_bert).eval()
    whole.save_pretrained(tmp_path)
    load_tokenizer(locate(str(tiny_bert))).save_pretrained(tmp_path)
    backbone = load_backbone(locate(str(tmp_path))).eval()
    torch.testing.assert_close(backbone(input_ids=IDS)[0], whole.bert(input_ids=IDS)[0])
    tell(tmp_path, num_hidden_layers=3)
    with pytest.raises(RequestError, match=f"hold {BLOCKS} blocks"):
        load_backbone(locate(str(tmp_path)))


def test_a_decoder_that_no_classifier_reads_may_hold_anything(
    tiny_t5: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_t5, tmp_path / "model"))
    tell(folder, num_decoder_layers=1)
    load_backbone(locate(str(folder)))
    tell(folder, num_layers=1)
    with pytest.raises(RequestError, match="hold 2 blocks"):
        load_backbone(locate(str(folder)))
