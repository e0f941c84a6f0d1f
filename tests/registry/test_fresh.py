"""A registered model is asked in a process that knows the code it was packaged with, and no other.

What is put in the way here is what lies around where people work: a checkout that is installed
editable, a file `tasks.py` in the current folder, PYTHONPATH.
"""

import shutil
import site
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grimp
import numpy as np
import pytest
from registry.registered import classifier, reward_model, saved, writer

import tasks
from tasks.errors import RequestError, ThawError
from tasks.kinds.kind import KINDS, kind_of
from tasks.registry.fresh import FreshModel, load_fresh
from tasks.registry.fresh_process import FreshProcess, ahead
from tasks.registry.prediction import load_champion
from tasks.tracking import Tracker

LABELS = ("one", "two", "three")
TEXTS = ["the war of the ship", "a ghost", "the team"]


@pytest.fixture(scope="module")
def packaged(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a packaged classifier, for tests to copy and change."""
    made = classifier(tiny_bert, LABELS)
    return saved(made, "single_label", tmp_path_factory.mktemp("packaged"))


@pytest.fixture
def changed(packaged: Path, tmp_path: Path) -> Path:
    """A copy of it whose packaged code may be changed."""
    return Path(shutil.copytree(packaged, tmp_path / "model"))


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python whose environment holds another Thaw, as an editable installation puts it there."""
    home = tmp_path_factory.mktemp("editable")
    for name in ("tasks", "flows"):
        (home / "checkout" / name).mkdir(parents=True)
        (home / "checkout" / name / "__init__.py").write_text("checkout = True\n")
        (home / "checkout" / name / "only_here.py").write_text("")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True)
    packages = home / "venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    finder = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Editable:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        f"        place = {str(home / 'checkout')!r} + '/' + '/'.join(name.split('.')[:-1])\n"
        "        if name.partition('.')[0] in ('tasks', 'flows'):\n"
        "            return PathFinder.find_spec(name, [place])\n"
        "sys.meta_path.append(Editable)\n"
    )
    (packages / "editable_finder.py").write_text(finder)
    lines = ["import editable_finder", str(home / "checkout"), *site.getsitepackages(), *sys.path]
    (packages / "all.pth").write_text("\n".join(lines))
    return str(home / "venv" / "bin" / "python")


def test_a_package_that_lacks_a_module_does_not_stand_by_itself(
    changed: Path, editable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(changed / "code/tasks/models/anatomy.py", changed / "code/tasks/models/only_here")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr("tasks.registry.fresh_process.sys.executable", editable)
    with pytest.raises(
        ThawError, match=r"package does not bring its module tasks\.models\.anatomy"
    ):
        FreshModel(changed).predict(TEXTS)


def test_a_champion_is_asked_with_the_code_that_it_was_packaged_with(
    changed: Path, editable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As an earlier release's is: another reader of the package, another answer."""
    labels = changed / "code" / "tasks" / "kinds" / "labels"
    answers, code = labels / "answers.py", labels / "package.py"
    earlier = answers.read_text().replace("def answers", "EARLIER = 'yes'\n\n\ndef answers")
    answers.write_text(
        earlier.replace('"labels": [labels', '"earlier": EARLIER, "labels": [labels')
    )
    code.write_text(
        code.read_text() + "\n\n    def surroundings(self, names):\n"
        "        import importlib.util, os, sys\n"
        "        def finds(name):\n"
        "            try:\n"
        "                return importlib.util.find_spec(name) is not None\n"
        "            except ModuleNotFoundError:\n"
        "                return False\n"
        "        keys = ('THAW_STORE', 'MLFLOW_TRACKING_URI', 'HF_HUB_OFFLINE')\n"
        "        return [\n"
        "            [name for name in names if finds(name)], sys.modules['tasks'].__file__,\n"
        "            os.getcwd(), [os.environ.get(key) for key in keys],\n"
        "        ]\n"
    )
    here = tmp_path / "here"
    here.mkdir()
    for stray in ("tasks", "mlflow", "json"):
        (here / f"{stray}.py").write_text("raise SystemExit('a stray file was run')\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("PYTHONPATH", str(here))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    monkeypatch.setattr("tasks.registry.fresh_process.sys.executable", editable)
    model = FreshModel(changed)
    for answer in model.predict(TEXTS, {"rendered": True}):
        assert answer["earlier"] == "yes"
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
    names = ["torch", "tasks.kinds.labels.package", "tasks.only_here", "flows", "flows.only_here"]
    found, where, folder, environment = model.call("surroundings", names)
    assert found == ["torch", "tasks.kinds.labels.package"]
    assert where == str(changed / "code" / "tasks" / "__init__.py")
    assert environment == [folder, None, "1"]
    assert not Path(folder).exists()
    assert {path.name for path in here.iterdir()} == {"tasks.py", "mlflow.py", "json.py"}


def test_each_kind_says_what_its_judge_asks(
    tiny_bert: Path, tiny_writer: Path, tmp_path: Path
) -> None:
    judge = reward_model(tiny_bert)
    fresh = FreshModel(saved(judge, "preference", tmp_path / "judge"))
    questions, answers = ["the war", "the ship"], ["a ghost", "the team"]
    pairs = zip(questions, answers, strict=True)
    rows = [{"question": question, "answer": answer} for question, answer in pairs]
    found = [each["reward"] for each in fresh.predict(rows, {"rendered": True})]
    assert found == pytest.approx(judge.rewards(questions, answers, rendered=True), abs=1e-5)

    scribe = writer(tiny_writer)
    fresh = FreshModel(saved(scribe, "completion", tmp_path / "scribe"))
    asked = [("the war", "a ghost"), ("the ship", "the team " * 400)]
    assert np.allclose(fresh.call("nats", asked), scribe.nats(asked), atol=1e-4, equal_nan=True)
    assert {"model", "tokenizer", "package.json"} <= {p.name for p in fresh.package.iterdir()}


def test_a_package_brings_the_code_of_its_kind_and_no_other(packaged: Path) -> None:
    code = packaged / "code" / "tasks"
    brought = {path.parent.name for path in (code / "kinds").glob("*/*.py")}
    assert brought == {"labels"}
    whole = Path(str(tasks.__file__)).parent
    assert 3 * sum(1 for _ in code.rglob("*.py")) < sum(1 for _ in whole.rglob("*.py"))
    assert not [path for path in code.rglob("*") if path.is_file() and path.suffix != ".py"]


def test_a_package_brings_all_that_its_code_imports(tmp_path: Path) -> None:
    """By another reader of imports, those within functions too: no check runs every path."""
    graph = grimp.build_graph("tasks", cache_dir=None)
    for task in KINDS:
        packaging = kind_of(task).packaging
        code = packaging.bring_code(tmp_path / task)
        brought = {
            ".".join(("tasks", *path.relative_to(code).with_suffix("").parts)).removesuffix(
                ".__init__"
            )
            for path in code.rglob("*.py")
        }
        start = "tasks." + packaging.file.removesuffix(".py").replace("/", ".")
        package = start.removesuffix("packaged") + "package"  # which the package's folder names
        wanted = {start}.union(
            *(
                graph.find_upstream_modules(each)
                for each in (start, package)
                if each in graph.modules
            )
        )
        assert len(wanted) > 30
        assert wanted <= brought


def test_predictions_of_other_code_than_this_are_left_to_it(
    changed: Path, packaged: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert FreshModel(packaged).is_of_today
    (changed / "code" / "tasks" / "wording.py").write_text("# of an earlier release\n")
    assert not FreshModel(changed).is_of_today
    named = FreshModel(changed, "The model reviews@champion")
    for folder, answer in ((packaged, "here"), (changed, named)):
        monkeypatch.setattr(Tracker, "alias", lambda *_: "a version")
        monkeypatch.setattr(Tracker, "local_model", lambda *_, found=folder: found)
        monkeypatch.setattr(Tracker, "load_pyfunc", lambda *_: "here")
        found = load_champion("reviews", f"sqlite:///{tmp_path / 'mlflow.db'}")
        assert found == answer


def test_a_process_started_ahead_answers_the_next_question_and_none_is_left(
    packaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[FreshProcess] = []
    begin = FreshProcess.__init__

    def noted(self: FreshProcess, libraries: Sequence[str] = ()) -> None:
        begin(self, libraries)
        started.append(self)

    monkeypatch.setattr(FreshProcess, "__init__", noted)
    with ahead(["torch"]), ahead(["no_such_library"]), ahead(None):
        assert len(started) == 2
        found = FreshModel(packaged).predict(TEXTS, {"rendered": True})
        assert len(found) == 3
        started[1].process.kill()  # for want of memory, say
        started[1].process.wait()
        assert FreshModel(packaged).predict(TEXTS, {"rendered": True}) == found
        with ahead([]):
            assert len(started) == 4
            assert started[3].process.poll() is None
    assert all(each.process.poll() is not None for each in started)
    assert not any(each.here.exists() for each in started)


def test_what_is_not_there_cannot_be_asked(packaged: Path, tmp_path: Path) -> None:
    with pytest.raises(ThawError, match=r"its code has no nats"):
        FreshModel(packaged).call("nats", [("a", "b")])
    with pytest.raises(ThawError, match="models:/nobody/7 cannot be read"):
        load_fresh(Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}"), "models:/nobody/7")


def test_a_process_that_refuses_dies_or_hangs_is_a_sentence(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child.py"
    monkeypatch.setattr("tasks.registry.fresh_process.CHILD", child)
    monkeypatch.setattr("tasks.registry.fresh.LOADING_SECONDS", 2.0)
    monkeypatch.setattr("tasks.registry.fresh.ROW_SECONDS", 1.0)

    def behave(code: str) -> Any:
        child.write_text(code)
        return FreshModel(packaged, "The model genre/3").predict(TEXTS)

    refusal = '{"error": "Text 2 is odd.", "exit_code": 2}'
    with pytest.raises(RequestError, match=r"^Text 2 is odd\.$"):
        behave(f"open('answer.json', 'w').write({refusal!r})")
    with pytest.raises(ThawError, match=r"genre/3 was ended by signal 9 .*want of memory"):
        behave("import os\nos.kill(os.getpid(), 9)")
    with pytest.raises(ThawError, match="genre/3 ended without an answer: no message"):
        behave("import os\nos._exit(3)")
    with pytest.raises(ThawError, match="genre/3 did not answer within 5 s"):
        behave("import time\ntime.sleep(60)")
