"""Questions about pictures as they come in: from Python, from a command line, as JSON."""

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
from tasks.ingestion.vqa.pictures import picture_to_ask

Source = Path | bytes | Image.Image


class PictureQuestion(BaseModel):
    """A question about a picture as JSON can hold it: what MLflow's signature shows.

    Attributes:
        question: what is asked.
        image: the picture: its file encoded in base64 (with or without `data:image/…;base64,`),
            or the path of a file that the model's machine can read.
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
        records: `question`, and as `image` a path, bytes, an open picture or a base64 string.

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
    if isinstance(image, str) and image:
        image = _file_or_content(image, where)
    if isinstance(image, Path):
        return Asked(question, image, str(image), str(image))
    name = f"The picture of record {number}"
    if isinstance(image, bytes):
        return Asked(question, image, hashlib.sha256(image).hexdigest(), name)
    if isinstance(image, Image.Image):
        return Asked(question, image, f"open {id(image)}", name)
    raise RequestError(
        f"{where} has no picture: its `image` should be a path, bytes, an open picture or a "
        f"base64 string, and is {image!r:.40}."
    )


def _file_or_content(text: str, where: str) -> Path | bytes:
    """A path, or what base64 stands for.

    Names of picture files have a dot, and base64 has none; without one, a file of that name wins.
    """
    head, comma, rest = text.partition(",")
    marked = bool(comma) and head.startswith("data:")
    if marked and not head.endswith(";base64"):
        raise RequestError(f"{where}: `image` is a data address without base64: {head!r:.60}.")
    try:
        if not marked and ("." in text or _is_file(text)):
            return Path(text)
        return base64.b64decode("".join((rest if marked else text).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        if marked:
            raise RequestError(f"{where}: `image` is no base64 ({error}).") from error
        return Path(text)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # longer than names may be
        return False
