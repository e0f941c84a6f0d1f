"""Pages that load nothing: their templates, and pictures inside them."""

import base64
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup


def page_template(file: Path) -> Template:
    """A template, with every text in it escaped; it may include those of this folder."""
    return _environment(file.parent).get_template(file.name)


def data_address(picture: bytes, form: str = "png") -> str:
    """A picture's file as an address that holds it."""
    return f"data:image/{form};base64,{base64.b64encode(picture).decode()}"


def drawing(svg: bytes) -> Markup:
    """A picture of `tasks.evaluation.drawing` as a part of a page: its texts are escaped."""
    bare = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg.decode(), count=2)  # a page knows them
    return Markup(bare)  # noqa: S704 - no markup but matplotlib's


@cache
def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
