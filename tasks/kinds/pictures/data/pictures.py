"""One picture file as an upright RGB picture of bounded size, or the reason why it is none.

Every mode that cameras and editors write is read: grey, CMYK, palettes, transparency (over
white, as viewers show it), 16 bits, and pictures that lie on their side by their EXIF tag.
"""

import hashlib
import io
import os
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageOps, UnidentifiedImageError

from tasks.errors import RequestError

LONGEST = 1024
"""Pixels of the longer side: more than any encoder reads, little enough for memory."""
SMALLEST = 4
"""Pixels of the shorter side below which a picture shows nothing (1 x 1 is a web beacon)."""
STEEPEST = 32
"""Longer side over shorter: an encoder that scales the shorter side up would need gigabytes."""
LARGEST_FILE = 512 << 20
"""Bytes of a picture's file: what no camera writes is not read into memory."""
LARGEST_SENT = 32 << 20
"""Bytes of a picture whose content is handed over, as a request does."""
MOST_SENT = 64_000_000
"""Pixels of such a picture: a few kilobytes may stand for gigabytes of them."""
SENT_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""What such a picture may be: other formats of Pillow start programs (EPS) or are never sent."""
FaultKind = Literal["missing", "no picture", "damaged", "too small", "too narrow", "too large"]

# Pictures up to twice Pillow's limit (179 megapixels) are read; beyond, it refuses by itself.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
# What Pillow's decoders are known to raise on files that are cut off or altered.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, IndexError, EOFError)
_MORE_DAMAGE = (struct.error, zlib.error, KeyError, OverflowError)
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I")


class PictureError(Exception):
    """Why a file cannot be used as a picture."""

    def __init__(self, kind: FaultKind, detail: str) -> None:
        super().__init__(f"{kind} ({detail})")
        self.kind: FaultKind = kind


@dataclass(frozen=True)
class Picture:
    """An upright RGB picture, and what its file was.

    Attributes:
        image: mode RGB, its longer side at most the bound.
        width: pixels in the file, as stored.
        height: pixels in the file, as stored.
        mode: Pillow's name of the file's colours (`CMYK`, `P`, …).
        rotated: an EXIF tag turned or mirrored it.
        digest: SHA-256 of the file.
    """

    image: Image.Image
    width: int
    height: int
    mode: str
    rotated: bool
    digest: str


def read_picture(path: Path, longest: int = LONGEST) -> Picture:
    """Read one file.

    Args:
        path: of a picture in any format that Pillow reads, whatever its name ends in.
        longest: bound of the longer side. A JPEG is decoded at a fraction of its size where that
            is enough.

    Raises:
        PictureError: not there, damaged, or of a size that cannot be used.
    """
    try:
        content = _content(path)
    except FileNotFoundError as error:
        raise PictureError("missing", "no such file") from error
    except OSError as error:
        raise PictureError("no picture", error.strerror or str(error)) from error
    return decode_picture(content, longest)


def _content(path: Path) -> bytes:
    """A regular file's bytes; a pipe would be waited for, and a device never ends."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        found = os.fstat(stream.fileno())
        if stat.S_ISDIR(found.st_mode):
            raise PictureError("no picture", "Is a directory")
        if not stat.S_ISREG(found.st_mode):
            raise PictureError("no picture", "no regular file")
        if found.st_size > LARGEST_FILE:
            raise PictureError("too large", f"more than {LARGEST_FILE >> 20} MiB")
        return stream.read(LARGEST_FILE)


def decode_picture(content: bytes, longest: int = LONGEST, sent: bool = False) -> Picture:
    """The same from a file's content; what was `sent` is held to the limits of that."""
    if sent and len(content) > LARGEST_SENT:
        raise PictureError("too large", f"more than {LARGEST_SENT >> 20} MiB")
    try:
        with Image.open(io.BytesIO(content), formats=SENT_FORMATS if sent else None) as opened:
            width, height, mode = *opened.size, opened.mode
            _check_size(width, height)
            if sent and width * height > MOST_SENT:
                limit = f"{width} x {height} pixels, more than {MOST_SENT // 10**6} megapixels"
                raise PictureError("too large", limit)
            image, rotated = _upright(opened, longest)
    except UnidentifiedImageError as error:
        raise PictureError("no picture", "no known format") from error
    except Image.DecompressionBombError as error:
        raise PictureError("too large", "more than 178 megapixels") from error
    except (*_DAMAGE, *_MORE_DAMAGE) as error:
        raise PictureError("damaged", str(error) or type(error).__name__) from error
    digest = hashlib.sha256(content).hexdigest()
    return Picture(image, width, height, mode, rotated, digest)


def picture_to_ask(source: Path | bytes | Image.Image, name: str = "") -> Image.Image:
    """The picture that a user asks about: upright, RGB, of bounded size.

    Args:
        source: a file, the content of one, or an open picture, which stays as it is.
        name: how errors call it; by default the file's path.

    Raises:
        RequestError: it cannot be used, and why.
    """
    try:
        if isinstance(source, Image.Image):
            return _from_open(source)
        if isinstance(source, bytes):
            return decode_picture(source, sent=True).image
        return read_picture(source).image
    except PictureError as error:
        called = name or (str(source) if isinstance(source, Path) else "The picture")
        raise RequestError(f"{called} cannot be asked about: {error}.") from error


def _from_open(image: Image.Image) -> Image.Image:
    _check_size(*image.size)
    try:
        return _upright(image.copy(), LONGEST)[0]
    except (*_DAMAGE, *_MORE_DAMAGE) as error:  # its file is read only now
        raise PictureError("damaged", str(error) or type(error).__name__) from error


def _check_size(width: int, height: int) -> None:
    shorter, longer = sorted((width, height))
    if shorter < SMALLEST:
        raise PictureError("too small", f"{width} x {height} pixels")
    if longer > STEEPEST * shorter:
        raise PictureError("too narrow", f"{width} x {height} pixels")


def _upright(image: Image.Image, longest: int) -> tuple[Image.Image, bool]:
    """The picture in RGB, no side longer than `longest`, and whether EXIF turned it."""
    if image.mode not in ("L", "RGB", "RGBA", "CMYK", "YCbCr"):
        image = _eight_bits(image)
    image.thumbnail((longest, longest), reducing_gap=2.0)  # asks a JPEG's decoder for less
    turned = ImageOps.exif_transpose(image)
    rotated = image.getexif().get(0x0112, 1) not in (0, 1)
    if turned.mode == "RGBA":
        white = Image.new("RGBA", turned.size, "white")
        turned = Image.alpha_composite(white, turned)
    return turned.convert("RGB"), rotated


def _eight_bits(image: Image.Image) -> Image.Image:
    """Palettes, grey with transparency, bits and 16-bit grey in a mode that can be scaled."""
    if image.mode in _SIXTEEN_BITS:
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    clear = image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if clear else "RGB")
