"""Locks: who holds one keeps the others out, and one that cannot be had is a sentence."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import Timeout

from tasks.errors import ThawError
from tasks.locks import locked

NOBODY = 65534


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are this user's alone."""
    with tempfile.TemporaryDirectory(prefix="thaw-shared-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def another_user() -> Iterator[None]:
    """This process as a user who may do nothing."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def test_a_lock_keeps_others_out_until_it_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.lock"
    with locked(path), pytest.raises(Timeout), locked(path, timeout=0.1):
        pass
    with locked(path, timeout=0.1):
        pass


def test_another_users_lock_names_the_owner_and_the_way_out(
    shared_folder: Path, another_user: None
) -> None:
    os.seteuid(0)
    path = shared_folder / "arm.lock"
    path.touch()
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    os.seteuid(NOBODY)
    with pytest.raises(ThawError, match=r"arm\.lock is root's .*: set THAW_STORE to") as caught:
        locked(path).__enter__()
    assert "\n" not in str(caught.value)


def test_a_folder_of_another_user_is_a_sentence(shared_folder: Path, another_user: None) -> None:
    with pytest.raises(ThawError, match=r"Cannot lock .*new/a\.lock \(Permission denied\); set"):
        locked(shared_folder / "new" / "a.lock").__enter__()


def test_a_file_where_the_folder_should_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(ThawError, match="set THAW_CACHE to a folder that can be written"):
        locked(tmp_path / "store" / "a.lock", variable="THAW_CACHE").__enter__()
