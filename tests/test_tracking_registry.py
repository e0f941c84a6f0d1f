"""Registered models on a real SQLite store: versions, aliases, cards, and what is refused."""

import shutil
from pathlib import Path

import pytest

from tasks.errors import ThawError
from tasks.tracking import FINISHED, RUNNING, Tracker

CODE = """
import mlflow
from mlflow.pyfunc import PythonModel

class Upper(PythonModel):
    def predict(self, context, model_input: list[str], params=None):
        return [text.upper() for text in model_input]

mlflow.models.set_model(Upper())
"""


@pytest.fixture
def tracker(migrated_store: Path, tmp_path: Path) -> Tracker:
    return Tracker(f"sqlite:///{shutil.copy(migrated_store, tmp_path / 'mlflow.db')}")


@pytest.fixture
def run(tracker: Tracker) -> str:
    return tracker.start_run(tracker.experiment("genre"), "full seed=1", {}, {})


def version_of(tracker: Tracker, run: str, name: str = "genre") -> str:
    """A version without a model behind it, which is all that aliases and cards need."""
    if not tracker.client.search_registered_models(f"name = '{name}'"):
        tracker.client.create_registered_model(name)
    return str(tracker.client.create_model_version(name, f"runs:/{run}/m", run_id=run).version)


def test_a_model_is_logged_registered_and_loaded_by_its_alias(
    tracker: Tracker, run: str, tmp_path: Path
) -> None:
    (tmp_path / "code.py").write_text(CODE)
    fields = {"name": "model", "python_model": str(tmp_path / "code.py"), "pip_requirements": []}
    uri, model_id = tracker.log_pyfunc(run, **fields)
    assert tracker.status(run) == RUNNING  # logging a model does not close the sweep's run
    version = tracker.create_version("genre", uri, run, model_id, {"thaw.arm": "abc"})
    tracker.set_alias("genre", "champion", version)
    standing = tracker.alias("genre", "champion")
    assert standing is not None
    assert (str(standing.version), standing.run_id) == (version, run)
    assert standing.tags["thaw.arm"] == "abc"
    assert tracker.load_pyfunc("models:/genre@champion").predict(["a"]) == ["A"]
    tracker.finish(run)
    assert int(tracker.create_version("genre", uri, run, model_id, {})) == int(version) + 1
    assert tracker.status(run) == FINISHED


def test_a_version_that_is_refused_leaves_nothing_behind(tracker: Tracker, run: str) -> None:
    with pytest.raises(ThawError, match="registry refused a change to the model genre") as caught:
        tracker.create_version("genre", "models:/m-nothing", run, "m-nothing", {})
    assert "\n" not in str(caught.value)
    assert tracker.client.search_registered_models() == []


def test_an_alias_names_one_version_at_a_time(tracker: Tracker, run: str) -> None:
    assert tracker.alias("genre", "champion") is None
    first, second = version_of(tracker, run), version_of(tracker, run)
    for version in (first, second):
        tracker.set_alias("genre", "champion", version)
        standing = tracker.alias("genre", "champion")
        assert standing is not None
        assert str(standing.version) == version
    tracker.delete_alias("genre", "champion")
    assert tracker.alias("genre", "champion") is None


def test_the_card_and_its_tags_are_on_the_version(tracker: Tracker, run: str) -> None:
    version = version_of(tracker, run)
    tracker.describe_version("genre", version, "# Card", {"thaw.verdict": "wins"})
    found = tracker.client.get_model_version("genre", version)
    assert found.tags["thaw.verdict"] == "wins"
    assert found.description == "# Card"


def test_taking_the_only_version_back_leaves_no_model(tracker: Tracker, run: str) -> None:
    first, second = version_of(tracker, run), version_of(tracker, run)
    tracker.delete_version("genre", second)
    assert tracker.client.get_registered_model("genre")
    tracker.delete_version("genre", first)
    assert tracker.client.search_registered_models() == []


def test_what_the_registry_refuses_is_a_sentence(tracker: Tracker) -> None:
    with pytest.raises(ThawError, match="refused a change to the model nothing"):
        tracker.set_alias("nothing", "champion", "1")
    with pytest.raises(ThawError, match="refused a change to the model nothing"):
        tracker.delete_version("nothing", "1")
