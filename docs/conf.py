"""Sphinx turns these pages and the README into a site: `make docs`."""

from typing import Any

project = "Thaw"
author = "Thaw's authors"
copyright = "Apache-2.0"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Thaw"
myst_heading_anchors = 3  # so that links to a heading are checked
exclude_patterns = ["site"]


def setup(app: Any) -> None:
    """The README is the site's first page."""

    def read(app: Any, name: str, source: list[str]) -> None:
        source[0] = source[0].replace("../README.md", "index.md")

    app.connect("source-read", read)
