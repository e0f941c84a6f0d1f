"""The pages as a site (`make docs`)."""

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_the_site_builds_without_a_warning_and_has_every_page(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="`make docs` installs it")
    pytest.importorskip("myst_parser")
    pytest.importorskip("furo")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    built = subprocess.run(
        [*command, str(DOCS), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    pages = {page.stem for page in tmp_path.glob("*.html")}
    assert {page.stem for page in DOCS.glob("*.md")} <= pages
    front = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'href="own-data.html"' in front
    assert "../README.md" not in (tmp_path / "design.html").read_text(encoding="utf-8")


def test_every_page_stands_in_the_contents() -> None:
    contents = (DOCS / "index.md").read_text(encoding="utf-8").split()
    missing = {page.stem for page in DOCS.glob("*.md")} - {"index", *contents}
    assert not missing
