"""What every fetcher shares: the offline switches, cache keys, locks and checksums."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from tasks.errors import RequestError, ThawError
from tasks.locks import locked
from tasks.storage import file_digest, require_writable

LONGEST_LOCK_WAIT = 3600.0
"""Seconds to wait for another process that is fetching the same thing."""


def refuse_offline(what: str, switches: tuple[str, ...], hint: str) -> None:
    """Stop where an environment variable forbids the network.

    Args:
        what: what would be fetched, as the message names it.
        switches: the variables that count for it.
        hint: what the user can do instead.

    Raises:
        ThawError: one of the variables is on.
    """
    for switch in switches:
        if os.environ.get(switch, "").strip().lower() in {"1", "true", "yes", "on"}:
            raise ThawError(f"{what} is not in the cache and {switch} forbids fetching it; {hint}.")


def cache_key(*parts: str | None) -> str:
    """A folder name for one request: equal for equal parts, 24 hex digits."""
    return hashlib.sha256("\n".join(part or "" for part in parts).encode()).hexdigest()[:24]


@contextmanager
def filling(folder: Path) -> Iterator[None]:
    """Hold `folder` (made if absent) against other processes that want to fill it.

    Raises:
        RequestError: the folder cannot be written.
        ThawError: its holder takes over an hour.
    """
    require_writable(folder)
    try:
        with locked(folder / ".lock", LONGEST_LOCK_WAIT, "THAW_CACHE"):
            yield
    except Timeout as error:
        raise ThawError(
            f"Another process has been filling {folder} for an hour; end it and run again."
        ) from error


def matches(path: Path, sha256: str | None) -> bool:
    """Whether `path` is a file with this digest (any file where no digest is known)."""
    return path.is_file() and (sha256 is None or file_digest(path) == sha256.strip().lower())


def require_digest(path: Path, sha256: str | None, origin: str) -> None:
    """Delete a fetched file that is not the one that was asked for.

    Raises:
        RequestError: naming both digests.
    """
    if sha256 is None or (found := file_digest(path)) == (wanted := sha256.strip().lower()):
        return
    path.unlink()
    raise RequestError(
        f"What {origin} gave has sha256 {found} where {wanted} was expected, and was deleted: "
        "either it changed at its source or the checksum is wrong."
    )
