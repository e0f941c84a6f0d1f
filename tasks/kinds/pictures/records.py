"""Questions about pictures as they come in: from Python, from a command line, as JSON.

Who asks in Python names files of his own: a `Path`, bytes, an open picture. A string comes from a
request, and a request opens no file of the machine that serves the model: it holds the picture
itself, in base64. Only below the folder that the server's owner names in `THAW_PICTURES` may it
name a file, and of all others it learns nothing, not even whether they exist.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import BaseModel, ConfigDict

from tasks.errors import RequestError
from tasks.kinds.pictures.data.pictures import LARGEST_SENT, picture_to_ask
from tasks.paths import PICTURES, pictures_dir

LARGEST_NAME = 4096
"""Characters of a file's name, or of what stands before the content of a data address."""
Source = Path | bytes | Image.Image


class PictureQuestion(BaseModel):
    """A question about a picture as JSON can hold it: what MLflow's signature shows.

    Attributes:
        question: what is asked.
        image: the picture: its file encoded in base64 (with or without `data:image/…;base64,`),
            or the path of a file below the folder that the server's owner set (THAW_PICTURES).
    """

    model_config = ConfigDict(extra="forbid")

    question: str
    image: str


Record = Mapping[str, Any] | PictureQuestion


@dataclass(frozen=True)
class Asked:
    """One question, and where its picture is.

    Attributes:
        question: what is asked.
        source: of the picture, not read yet.
        picture: the same for all questions whose pictures are known to be the same.
        name: how an error calls the picture.
    """

    question: str
    source: Source
    picture: str
    name: str

    def read(self) -> Image.Image:
        """The picture, upright and in RGB.

        Raises:
            RequestError: it cannot be used, and why.
        """
        return picture_to_ask(self.source, self.name)


def read_records(records: Sequence[Record]) -> list[Asked]:
    """What is asked, with every picture's source.

    Args:
        records: `question`, and as `image` a `Path`, bytes, an open picture, or a string as
            `PictureQuestion` has it.

    Raises:
        RequestError: a record has no question, no picture, or something else in their places.
    """
    return [_read(record, number) for number, record in enumerate(records, 1)]


def _read(record: Record, number: int) -> Asked:
    fields = record.model_dump() if isinstance(record, PictureQuestion) else record
    where = f"Record {number}"
    if not isinstance(fields, Mapping) or not {"question", "image"} <= fields.keys():
        raise RequestError(f"{where} needs the fields `question` and `image`.")
    question, image = fields["question"], fields["image"]
    if not isinstance(question, str) or not question.strip():
        raise RequestError(f"{where} asks nothing: its `question` should be at least one word.")
    name = str(image) if isinstance(image, Path) else f"The picture of record {number}"
    if isinstance(image, str) and image:
        image = _sent(image, where)
    if isinstance(image, Path):
        return Asked(question, image, str(image), name)
    if isinstance(image, bytes):
        return Asked(question, image, hashlib.sha256(image).hexdigest(), name)
    if isinstance(image, Image.Image):
        return Asked(question, image, f"open {id(image)}", name)
    raise RequestError(
        f"{where} has no picture: its `image` should be a Path, bytes, an open picture or a "
        f"base64 string, and is {image!r:.40}."
    )


def _sent(text: str, where: str) -> Path | bytes:
    """The picture that a request holds in base64, or the file that it may name."""
    head, comma, _ = text[:LARGEST_NAME].partition(",")
    marked = bool(comma) and head.startswith("data:")
    if marked and not head.endswith(";base64"):
        raise RequestError(f"{where}: `image` is a data address without base64: {head!r:.60}.")
    if not marked and (file := _allowed(text)):
        return file
    if len(text) > LARGEST_SENT * 4 // 3 + LARGEST_NAME:
        raise RequestError(
            f"{where}: `image` has {len(text):,} characters; a picture of more than "
            f"{LARGEST_SENT >> 20} MiB is not taken: scale it down."
        )
    try:
        encoded = text[len(head) + 1 :] if marked else text
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        if marked:
            raise RequestError(f"{where}: `image` is no base64 ({error}).") from error
    if pictures_dir() is not None:
        raise RequestError(
            f"{where}: `image` {text!r:.60} is no base64, and no picture file below the folder "
            f"that the server's owner set ({PICTURES})."
        )
    raise RequestError(
        f"{where}: `image` {text!r:.60} is no base64: send the picture itself. A file's name is "
        f"taken only where the server's owner set a folder of pictures ({PICTURES})."
    )


def _allowed(text: str) -> Path | None:
    """The regular file below the owner's folder that a text names, links followed; else none."""
    folder = pictures_dir()
    if folder is None or len(text) > LARGEST_NAME:
        return None
    try:
        root = folder.resolve(strict=True)
        file = (root / text).resolve(strict=True)
        return file if file.is_relative_to(root) and file.is_file() else None
    except (OSError, ValueError, RuntimeError):  # not there, a null byte, links in a circle
        return None
