"""Folders that cannot be written, and folders with odd names."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.network.cache import filling
from tasks.paths import cache_dir, runs_dir, store_dir
from tasks.storage import require_writable, write_text
from tasks.tracking import Tracker

FOLDERS = {"THAW_RUNS": runs_dir, "THAW_STORE": store_dir, "THAW_CACHE": cache_dir}


@pytest.fixture(params=FOLDERS)
def blocked(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A variable that names a folder below a file."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(request.param, str(tmp_path / "file" / "folder"))
    return str(request.param)


def test_a_folder_that_cannot_be_written_is_named_with_its_variable(blocked: str) -> None:
    folder = FOLDERS[blocked]() / "below"
    with pytest.raises(RequestError, match=rf"{folder}.*set {blocked} to a folder that can be"):
        require_writable(folder)


def test_the_cache_and_the_runs_are_looked_at_before_they_are_used(blocked: str) -> None:
    if blocked == "THAW_CACHE":
        with pytest.raises(RequestError, match="set THAW_CACHE"), filling(cache_dir() / "wheels"):
            pass
    if blocked == "THAW_RUNS":
        with pytest.raises(RequestError, match="set THAW_RUNS"):
            Tracker()


def test_a_run_says_so_before_anything_is_trained(blocked: str) -> None:
    if blocked == "THAW_CACHE":
        return  # needed only where something is fetched
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "run", "genre"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("thaw: Cannot write below ")
    assert f"set {blocked}" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_users_folder_is_refused(tmp_path: Path) -> None:
    """As a user without rights: tests may run as root, whom nothing stops."""
    tmp_path.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tasks.storage import require_writable\n"
        "os.setuid(65534) if os.getuid() == 0 else Path(sys.argv[1]).chmod(0o555)\n"
        "require_writable(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    tmp_path.chmod(0o755)
    assert f"Cannot write below {tmp_path}: Permission denied" in done.stderr


def test_writing_into_a_folder_that_is_a_file_is_a_sentence(blocked: str) -> None:
    with pytest.raises(Exception, match=f"set {blocked}"):
        write_text(FOLDERS[blocked]() / "a.txt", "text")


@pytest.mark.parametrize("name", ["a b", "50%", "no#1", "Läufe 試", "it's", 'a "b"', "a&b=c"])
def test_runs_lie_in_a_folder_of_any_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_store: Path
) -> None:
    folder = tmp_path / "place" / name
    folder.mkdir(parents=True)
    (folder / "mlflow.db").write_bytes(migrated_store.read_bytes())
    monkeypatch.setenv("THAW_RUNS", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker = Tracker()
    run = tracker.start_run(tracker.experiment("genre"), "first", {}, {})
    tracker.log_text(run, "kept", "notes/a.txt")
    assert tracker.read_text(run, "notes/a.txt") == "kept"
    with sqlite3.connect(folder / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert [path.name for path in folder.parent.iterdir()] == [name]
    assert (folder / "artifacts").is_dir()


@pytest.mark.parametrize("name", ["what now?", "%41"])
def test_a_name_that_would_put_the_database_elsewhere_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THAW_RUNS", str(tmp_path / name))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RequestError, match=r"part of the database.*set THAW_RUNS"):
        Tracker()
    assert not list(tmp_path.iterdir())
