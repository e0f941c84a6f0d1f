"""Pages that load nothing: their templates, and pictures inside them."""

import base64
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


def page_template(name: str) -> Template:
    """A template of this folder, with every text in it escaped."""
    return _environment().get_template(name)


def data_address(picture: bytes, form: str = "png") -> str:
    """A picture's file as an address that holds it."""
    return f"data:image/{form};base64,{base64.b64encode(picture).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
