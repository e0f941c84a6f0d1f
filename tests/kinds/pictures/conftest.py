"""Arms on a tiny text encoder: see `answering_parts.py`."""

from pathlib import Path

import pytest
from kinds.pictures.answering_parts import MakeVqaSpec, build_spec, save_eyes


@pytest.fixture
def make_vqa_spec(tiny_bert: Path, isolated_store: Path) -> MakeVqaSpec:
    """`build_spec` with overrides."""
    return lambda *overrides: build_spec(tiny_bert, *overrides)


@pytest.fixture(scope="session")
def tiny_eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`save_eyes`."""
    return save_eyes(tmp_path_factory.mktemp("eyes"))
