"""Tiny packages that answer questions about pictures, and pictures to ask about."""

import io
from typing import TYPE_CHECKING, Any

from kinds.pictures.model.joined_parts import build_joined
from PIL import Image

if TYPE_CHECKING:
    from tasks.kinds.pictures.package import PicturePackage


def tiny_package(temperature: float = 1.0, sees: str = "both", **changes: Any) -> "PicturePackage":
    """An untrained model in a package; `changes` are arguments of `join_models`."""
    from tasks.config import VqaConfig
    from tasks.kinds.pictures.package import PictureInfo, PicturePackage

    joined = build_joined(**changes)
    info = PictureInfo(
        case="vqa",
        arm_key="abc",
        strategy="encoders",
        vqa=VqaConfig(max_answer=5, sees=sees),
        temperature=temperature,
    )
    return PicturePackage(info, joined.model, joined.processor)


def picture(colour: str, mode: str = "RGB") -> Image.Image:
    """A lying picture with a patch of the colour at its left."""
    image = Image.new("RGB", (60, 40), "white")
    image.paste(colour, (5, 5, 25, 30))
    return image.convert(mode)


def content(image: Image.Image, form: str = "PNG") -> bytes:
    """The picture's file."""
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()
