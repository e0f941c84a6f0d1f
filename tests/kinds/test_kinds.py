"""The contract of kinds: every task has one, found by its name, and no shared room names one."""

import ast
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from tasks.config.base import Task
from tasks.kinds.kind import KINDS, Kind, kind_of
from tasks.registry.words_folder import WordsFolder

ROOT = Path(__file__).resolve().parents[2]
NAMES = {*get_args(Task), "numbers"}
# Comparisons with a kind's name that still stand outside of tasks/kinds/: each is to go, and none
# is added.
STILL = {
    "tasks/evaluation/baselines.py": 2,
    "tasks/evaluation/label_table.py": 1,
    "tasks/evaluation/metrics.py": 2,
    "tasks/evaluation/weighted.py": 2,
    "tasks/models/classifier.py": 3,
    "tasks/training/encoding.py": 1,
    "tasks/evaluation/aligned.py": 1,
    "tasks/evaluation/tables.py": 1,
}


def compares_a_kind(node: ast.AST) -> bool:
    """Whether a node compares something with a kind's name.

    OpenAI's formats and the fields of its files have one of these names, too.
    """
    if not isinstance(node, ast.Compare):
        return False
    of_openai = ast.unparse(node.left).endswith("hosted.format") or "record" in ast.unparse(node)
    found = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
    return bool(found & NAMES) and not of_openai


def test_no_module_outside_of_the_kinds_compares_a_kinds_name() -> None:
    found: Counter[str] = Counter()
    for folder in ("flows", "tasks"):
        for source in ROOT.glob(f"{folder}/**/*.py"):
            name = source.relative_to(ROOT).as_posix()
            if not name.startswith("tasks/kinds/"):
                tree = ast.parse(source.read_text(encoding="utf-8"))
                found[name] += sum(map(compares_a_kind, ast.walk(tree)))
    more = {name: count for name, count in found.items() if count > STILL.get(name, 0)}
    assert not more, "a shared room names a kind: let the kind's object say it"
    gone = {name: left for name, left in STILL.items() if found[name] < left}
    assert not gone, "fewer are left than STILL says: lower it"


def test_every_task_has_a_kind_that_is_found_by_its_name() -> None:
    assert KINDS.keys() == set(get_args(Task))
    for task in KINDS:
        assert isinstance(kind_of(task), Kind)
        assert kind_of(task) is kind_of(task)


@pytest.mark.parametrize("command", ["list", "show genre"])
def test_commands_that_run_nothing_import_no_model_library(command: str) -> None:
    code = (
        f"import sys; sys.argv = ['thaw', *{command.split()}]\n"
        "from flows.cli import main\n"
        "main()\n"
        "assert not {'torch', 'transformers', 'mlflow'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["labels", "numbers", "ranking"])
def test_models_of_words_stand_where_their_packages_look(kind: str) -> None:
    packaged = import_module(f"tasks.kinds.{kind}.packaged")
    module, _, name = packaged.WORDS.partition(":")
    assert issubclass(getattr(import_module(module), name), WordsFolder)
