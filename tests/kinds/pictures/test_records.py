"""What a request may bring to a served model of pictures: content within limits, and no file.

A record that comes over the network holds strings; whoever sends it learns nothing of the
machine's files, and makes it neither wait nor fill its memory.
"""

import base64
import os
import struct
import zlib
from pathlib import Path

import pytest
from kinds.pictures.picture_parts import content, picture
from PIL import Image

from tasks.errors import RequestError
from tasks.kinds.pictures.data.pictures import LARGEST_SENT
from tasks.kinds.pictures.records import PictureQuestion, read_records


def ask(image: str) -> Image.Image:
    """The picture that a request for `image` is answered about."""
    (asked,) = read_records([PictureQuestion(question="what is it?", image=image)])
    return asked.read()


def refusal(image: str) -> str:
    """What the request is told instead, but for the name that it sent itself."""
    with pytest.raises(RequestError) as refused:
        ask(image)
    return str(refused.value).replace(repr(image)[:60], "NAME")


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A server's disk: a folder of pictures, and beside it what is nobody else's business."""
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "red.png").write_bytes(content(picture("red")))
    (tmp_path / "private.png").write_bytes(content(picture("blue")))
    (shown / "link.png").symlink_to(tmp_path / "private.png")
    (shown / "circle.png").symlink_to(shown / "circle.png")
    os.mkfifo(shown / "pipe.png")
    os.mkfifo(tmp_path / "pipe.png")
    return tmp_path


def test_without_a_folder_no_file_is_opened_and_none_betrayed(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THAW_PICTURES", raising=False)
    monkeypatch.chdir(machine)
    there = ["private.png", "shown/red.png", "pipe.png", "/dev/zero.", str(machine / "pipe.png")]
    says = {refusal(name) for name in (*there, "no/such.png", "~/.ssh/id.rsa", "\0.png")}
    assert says == {
        "Record 1: `image` NAME is no base64: send the picture itself. A file's name is taken only "
        "where the server's owner set a folder of pictures (THAW_PICTURES)."
    }


def test_in_the_owners_folder_regular_files_alone_are_read(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_PICTURES", str(machine / "shown"))
    monkeypatch.chdir(machine)
    for name in ("red.png", "./red.png", str(machine / "shown" / "red.png")):
        assert ask(name).getpixel((10, 10)) == (255, 0, 0)
    outside = ["../private.png", str(machine / "private.png"), "link.png", "/etc/host.conf"]
    odd = ["pipe.png", "circle.png", "../pipe.png", "x" * 5000 + ".png", "no.png", "../no.png", "."]
    says = {refusal(name) for name in (*outside, *odd)}
    assert len(says) == 1
    assert "no picture file below the folder that the server's owner set" in says.pop()


def test_what_is_sent_stays_within_its_limits() -> None:
    sent = encoded(content(picture("red"), "JPEG"))
    assert ask(sent).size == ask(f"data:image/jpeg;base64,{sent}").size == (60, 40)
    for marked in ("", "data:image/png;base64,"):
        assert "more than 32 MiB is not taken" in refusal(
            marked + "A" * (LARGEST_SENT * 4 // 3 + 9000)
        )
    with pytest.raises(RequestError, match="too large"):
        read_records([{"question": "a", "image": b"\0" * (LARGEST_SENT + 1)}])[0].read()


def test_few_bytes_do_not_become_many_pixels() -> None:
    """A PNG of a hundred megapixels whose rows are all zero packs into a hundred kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_001 * 10_000)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    assert len(bomb) < 200_000
    assert "too large (10000 x 10000 pixels, more than 64 megapixels)" in refusal(encoded(bomb))


def test_a_format_that_starts_another_program_is_no_picture() -> None:
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60 40\n%%EndComments\nshowpage\n"
    assert "no picture (no known format)" in refusal(encoded(page))


def test_in_python_a_path_is_ones_own_file_but_no_pipe(machine: Path) -> None:
    def own(name: str) -> Image.Image:
        return read_records([{"question": "what?", "image": machine / name}])[0].read()

    assert own("private.png").getpixel((10, 10)) == (0, 0, 255)
    with pytest.raises(RequestError, match=r"pipe\.png cannot be asked about: no picture \(no reg"):
        own("pipe.png")
