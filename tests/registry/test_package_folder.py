"""A package's model is loaded with the libraries of its own kind alone."""

import json
import subprocess
import sys

import pytest

LOADED = """
import json, sys
from importlib import import_module
import tasks.registry.asked, tasks.registry.package_folder
import_module(sys.argv[1])
print(json.dumps([name for name in ("torch", "transformers", "datasets") if name in sys.modules]))
"""


@pytest.mark.parametrize("kind", ["labels", "numbers", "ranking"])
def test_a_model_of_words_is_loaded_without_torch(kind: str) -> None:
    command = [sys.executable, "-c", LOADED, f"tasks.kinds.{kind}.classical_package"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
