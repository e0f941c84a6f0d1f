"""A package's model is loaded with the libraries of its own kind alone."""

import json
import subprocess
import sys

LOADED = """
import json, sys
from importlib import import_module
import tasks.registry.asked, tasks.registry.package_folder
for name in sys.argv[1:]:
    import_module(name)
print(json.dumps([name for name in ("torch", "transformers", "datasets") if name in sys.modules]))
"""


def test_models_of_words_are_loaded_without_torch() -> None:
    kinds = ("labels", "numbers", "ranking")
    names = [f"tasks.kinds.{kind}.classical_package" for kind in kinds]
    command = [sys.executable, "-c", LOADED, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
