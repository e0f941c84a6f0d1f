"""Which model lies in a package's folder: one on a base model, or one of words.

Each is loaded by the module that knows it, and nothing is imported for the other: a model of words
answers without torch, a transformer without scikit-learn.
"""

from importlib import import_module
from pathlib import Path
from typing import Any


def of_base(folder: str | Path) -> bool:
    """Whether it is a model on a base model."""
    return (Path(folder) / "config.json").exists()


def load_package(folder: str | Path, on_base: str, of_words: str) -> Any:
    """A package's model.

    Args:
        folder: what its `save` wrote.
        on_base: `module:class` of this kind's models on a base model.
        of_words: the same of its models of words.
    """
    module, _, name = (on_base if of_base(folder) else of_words).partition(":")
    return getattr(import_module(module), name).load(folder)
