"""Pictures of every kind, upright and in RGB; those that cannot be used, named and counted."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from kinds.pictures.data.vqa_files import simple_part
from PIL import Image

from tasks.errors import RequestError
from tasks.kinds.pictures.data.audit import audit_pictures, with_image_ids
from tasks.kinds.pictures.data.pictures import PictureError, picture_to_ask, read_picture
from tasks.kinds.pictures.data.reading import LeftOut, read_part

RED = (200, 30, 40)


def two_halves() -> Image.Image:
    """Red on the left, white on the right."""
    image = Image.new("RGB", (60, 40), "white")
    image.paste(RED, (0, 0, 30, 40))
    return image


def left_pixel(path: Path) -> tuple[int, ...]:
    picture = read_picture(path)
    assert picture.image.mode == "RGB"
    return tuple(int(value) for value in np.asarray(picture.image)[20, 10])


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "YCbCr"])
def test_colours_of_any_kind_become_rgb(tmp_path: Path, mode: str) -> None:
    two_halves().convert(mode).save(tmp_path / "a.jpg", "JPEG", quality=95)
    assert read_picture(tmp_path / "a.jpg").mode in (mode, "RGB")
    assert left_pixel(tmp_path / "a.jpg") == pytest.approx(RED, abs=12)


@pytest.mark.parametrize("mode", ["P", "RGBA", "PA"])
def test_palettes_and_layers_become_rgb(tmp_path: Path, mode: str) -> None:
    image = two_halves().quantize(8) if mode in ("P", "PA") else two_halves().convert(mode)
    image.save(tmp_path / "a.png")
    assert left_pixel(tmp_path / "a.png") == pytest.approx(RED, abs=8)


@pytest.mark.parametrize(("mode", "value"), [("L", 120), ("1", 255), ("I;16", 120 * 256)])
def test_grey_pictures_of_any_depth_become_rgb(tmp_path: Path, mode: str, value: int) -> None:
    Image.new(mode, (30, 30), value).save(tmp_path / "a.png")
    assert left_pixel(tmp_path / "a.png") == (value if value < 256 else 120,) * 3


def test_what_is_transparent_is_white_as_viewers_show_it(tmp_path: Path) -> None:
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert left_pixel(tmp_path / "clear.png") == (255, 255, 255)
    palette = two_halves().quantize(8)
    palette.info["transparency"] = palette.getpixel((5, 5))
    palette.save(tmp_path / "palette.png")
    assert left_pixel(tmp_path / "palette.png") == (255, 255, 255)


@pytest.mark.parametrize("suffix", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("tag", "operation"),
    [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90),
     (8, Image.Transpose.ROTATE_270), (2, Image.Transpose.FLIP_LEFT_RIGHT)],
)  # fmt: skip
def test_a_picture_that_lies_on_its_side_stands_up(
    tmp_path: Path, suffix: str, tag: int, operation: Image.Transpose
) -> None:
    exif = Image.Exif()
    exif[0x0112] = tag
    lying = two_halves().transpose(operation)
    lying.save(tmp_path / "a.jpg", suffix, exif=exif)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.rotated
    assert picture.image.size == (60, 40)
    assert (picture.width, picture.height) == lying.size
    assert left_pixel(tmp_path / "a.jpg") == pytest.approx(RED, abs=12)


@pytest.mark.parametrize(("name", "mode"), [("a.jpg", "RGB"), ("a.jpg", "CMYK"), ("a.png", "P")])
def test_a_huge_picture_is_read_small(tmp_path: Path, name: str, mode: str) -> None:
    Image.new(mode, (10_000, 10_000), 0).save(tmp_path / name)
    picture = read_picture(tmp_path / name)
    assert (picture.width, picture.height) == (10_000, 10_000)
    assert picture.image.size == (1024, 1024)


@pytest.mark.parametrize(
    ("size", "kind"), [((1, 1), "too small"), ((3, 50), "too small"), ((8, 600), "too narrow")]
)
def test_sizes_that_show_nothing_are_refused(
    tmp_path: Path, size: tuple[int, int], kind: str
) -> None:
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match=rf"{kind} \({size[0]} x {size[1]} pixels\)"):
        read_picture(tmp_path / "a.png")


def test_a_picture_of_more_than_memory_holds_is_not_decoded(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("1", (8, 8)).save(content, "PNG")
    header = bytearray(content.getvalue())
    header[16:24] = struct.pack(">II", 20_000, 20_000)
    header[29:33] = struct.pack(">I", zlib.crc32(bytes(header[12:29])))
    (tmp_path / "bomb.png").write_bytes(bytes(header))
    with pytest.raises(PictureError, match="too large"):
        read_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_is_cut_off_is_damaged(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, suffix)
    cut = content.getvalue()[: int(len(content.getvalue()) * share)]
    (tmp_path / "a.jpg").write_bytes(cut)
    with pytest.raises(PictureError, match=r"damaged|no picture"):
        read_picture(tmp_path / "a.jpg")


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>404</html>")
    (tmp_path / "b.jpg").write_bytes(b"")
    (tmp_path / "c.jpg").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        with pytest.raises(PictureError, match="no picture"):
            read_picture(tmp_path / name)
    with pytest.raises(RequestError, match=r"d\.jpg cannot be asked about: missing"):
        picture_to_ask(tmp_path / "d.jpg")


def test_altered_bytes_never_end_in_another_error(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        content = io.BytesIO()
        options = {"exif": exif} if suffix in ("JPEG", "PNG", "WEBP") else {}
        two_halves().save(content, suffix, **options)
        for _ in range(40):
            altered = np.frombuffer(content.getvalue(), dtype=np.uint8).copy()
            places = random.integers(0, len(altered), 6)
            altered[places] = random.integers(0, 256, 6)
            (tmp_path / "a").write_bytes(altered.tobytes())
            with contextlib.suppress(PictureError):
                assert read_picture(tmp_path / "a").image.mode == "RGB"


def test_faulty_pictures_are_counted_with_their_paths(tmp_path: Path) -> None:
    part = simple_part(tmp_path, dict.fromkeys(range(1, 41), 2))
    part.image_path(3).unlink()
    part.image_path(4).write_bytes(part.image_path(5).read_bytes()[:50])
    table, left_out = read_part(part)
    audit = audit_pictures(table, [part])
    assert audit.counts()["pictures"] == 40
    assert audit.counts()["missing"] == 1
    assert audit.sentences() == [
        f"1 damaged: {part.image_path(4)}",
        f"1 missing: {part.image_path(3)}",
    ]
    usable = audit.usable(table, left_out)
    assert len(usable) == 76
    assert set(usable["image_id"].to_pylist()).isdisjoint({3, 4})
    assert left_out.sentences() == ["4 questions about pictures that cannot be used: 5, 6, 7, 8"]
    assert len(audit_pictures(table, [part], workers=3).faulty) == 2


def test_a_folder_without_its_pictures_says_how_many_and_which(tmp_path: Path) -> None:
    part = simple_part(tmp_path, dict.fromkeys(range(1, 11), 1))
    for number in range(1, 11):
        part.image_path(number).unlink()
    table, _ = read_part(part)
    first = ", ".join(part.image_path(number).name for number in range(1, 6))
    with pytest.raises(RequestError, match=rf"10 of 10 .*\(10 missing\), the first 5: {first};"):
        audit_pictures(table, [part]).usable(table, LeftOut())


def test_a_picture_is_known_by_its_content(tmp_path: Path) -> None:
    part = simple_part(tmp_path, {1: 1, 2: 1, 3: 1})
    part.image_path(2).write_bytes(part.image_path(1).read_bytes())
    table, left_out = read_part(part)
    audit = audit_pictures(table, [part])
    first, second, third = audit.usable(table, left_out)["image"].to_pylist()
    assert first == second != third
    assert audit.counts()["same file under two names"] == 1
    assert with_image_ids(table)["image"].to_pylist()[0] == "000000000001"
