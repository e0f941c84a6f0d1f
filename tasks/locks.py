"""Locks between processes: what goes wrong with one is said in a sentence.

A lock is an empty file that stays. It holds between the processes and threads of one machine, and
between machines where the folder is shared and its file system passes `flock` on (NFS 4 does).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from tasks.errors import ThawError


@contextmanager
def locked(path: Path, timeout: float = -1, variable: str = "THAW_STORE") -> Iterator[None]:
    """Hold the lock file `path`, made with its folder if there is none.

    Args:
        path: the lock file.
        timeout: seconds to wait for another holder; without end where it is negative.
        variable: the environment variable that moves the folder, as the message names it.

    Raises:
        ThawError: it is another user's, or the folder cannot be written.
        filelock.Timeout: another process held it for longer than `timeout`.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=timeout)
    except TimeoutError:  # an OSError too, and the caller's to explain
        raise
    except OSError as error:
        raise ThawError(_refusal(path, error, variable)) from error
    try:
        yield
    finally:
        lock.release()


def _refusal(path: Path, error: OSError, variable: str) -> str:
    reason = error.strerror or str(error)
    if isinstance(error, PermissionError) and (owner := _owner(path)):
        return (
            f"The lock {path} is {owner}'s and cannot be opened ({reason}): set {variable} to a "
            f"folder of your own, or have {owner} make this one writable for a group of you both."
        )
    return f"Cannot lock {path} ({reason}); set {variable} to a folder that can be written."


def _owner(path: Path) -> str | None:
    """Whose the file is, by number where the number has no name; None where it cannot be seen."""
    try:
        return path.owner()
    except KeyError:
        return f"user {path.stat().st_uid}"
    except OSError:
        return None


@contextmanager
def locked_in_database(uri: str, name: str) -> Iterator[None]:
    """Hold `name` in a PostgreSQL database against every machine that asks for it there.

    Other databases and servers have no such lock: nothing is held there.
    """
    from sqlalchemy import NullPool, create_engine, text

    if not uri.startswith("postgresql"):
        yield
        return
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    engine = create_engine(uri, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # the database gives the lock back when this is closed
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": number})
        yield
