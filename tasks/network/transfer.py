"""Files from http(s) addresses: streamed, resumed, retried, checksummed, cached."""

import email.utils
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from tasks.errors import RequestError, ThawError
from tasks.network.cache import cache_key, filling, matches, refuse_offline, require_digest
from tasks.paths import cache_dir

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
ATTEMPTS = 5
FIRST_WAIT = 0.5
"""Seconds before the second attempt; each further wait is twice as long."""
LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more (Retry-After) is given up."""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
USE_A_FILE = "give a local file instead (data.path=FILE)"


class _TransientError(Exception):
    """This attempt failed in a way that another may not; `wait` is what the server asked for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def download(
    url: str, sha256: str | None = None, folder: Path | None = None, name: str | None = None
) -> Path:
    """The file at `url`, from the cache where it was fetched before.

    It lies in a folder named by URL and checksum, and stays until somebody deletes it. What an
    interrupted download left is continued where the server can say that the file is unchanged
    (ETag or Last-Modified), and started again where it cannot.

    Args:
        url: an http or https address.
        sha256: checksum, also verified on a cached file.
        folder: where to cache (default: `downloads` in the cache).
        name: file name (default: the last part of the URL's path).

    Raises:
        RequestError: not an http(s) address, the server refuses (4xx), a checksum that differs,
            a Git LFS pointer in place of the file.
        ThawError: the host cannot be reached or keeps failing, or offline is asked for.
    """
    host, path = _host_and_path(url)
    folder = (folder or cache_dir() / "downloads") / cache_key(_without_user(url), sha256)
    target = folder / _file_name(name or unquote(path))
    if matches(target, sha256):
        return target
    refuse_offline(url, ("THAW_OFFLINE", "HF_HUB_OFFLINE"), USE_A_FILE)
    with filling(folder):
        if not matches(target, sha256):  # another process may have fetched it meanwhile
            try:
                partial = _fetch(url, host, target)
                require_digest(partial, sha256, url)
                partial.replace(target)
            except OSError as error:
                raise ThawError(f"Cannot write {target}: {error.strerror or error}.") from error
    return target


def _host_and_path(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RequestError(f"{url!r} is not an address that starts with http:// or https://.")
    return parts.hostname, parts.path


def _without_user(url: str) -> str:
    """What names the file in the cache: who asks for it does not change it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _file_name(path: str) -> str:
    """The last part of `path`, with nothing in it that a file system could take amiss."""
    return re.sub(r"[^\w.+() -]", "_", PurePosixPath(path).name)[-100:].lstrip(".") or "download"


def _fetch(url: str, host: str, target: Path) -> Path:
    """The complete file beside `target`, after as many attempts as it may take."""
    partial = target.with_name(f"{target.name}.part")
    reason = ""
    with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
        for attempt in range(ATTEMPTS):
            try:
                _transfer(client, url, partial)
                break
            except _TransientError as again:
                reason = str(again)
                wait = max(again.wait, FIRST_WAIT * 2**attempt)
                if wait > LONGEST_WAIT:
                    raise ThawError(
                        f"{host} asks to wait {wait:.0f} s before {url} is asked for again; "
                        f"run again later or {USE_A_FILE}."
                    ) from again
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
                # Nothing has arrived yet: more likely no network than a hiccup, so say so at once.
                if not partial.exists():
                    raise ThawError(
                        f"{host} cannot be reached ({error}); check the network or {USE_A_FILE}."
                    ) from error
                reason, wait = f"the connection was lost ({error})", FIRST_WAIT * 2**attempt
            if attempt < ATTEMPTS - 1:
                time.sleep(wait)
        else:
            raise ThawError(
                f"{url} failed {ATTEMPTS} times ({reason}); run again later to continue, "
                f"or {USE_A_FILE}."
            )
    _validator_file(partial).unlink(missing_ok=True)
    _refuse_pointer(partial, url)
    return partial


def _transfer(client: httpx.Client, url: str, partial: Path) -> None:
    """One attempt: bring `partial` to its full length.

    Raises:
        _TransientError: it may work the next time.
        RequestError: it will not.
    """
    headers = {"Accept-Encoding": "identity"}  # lengths and ranges count the file's own bytes
    have = partial.stat().st_size if partial.exists() else 0
    validator = _validator_file(partial)
    if have and validator.exists():
        headers |= {"Range": f"bytes={have}-", "If-Range": validator.read_text()}
    try:
        with client.stream("GET", url, headers=headers) as response:
            _check_status(response, url, partial)
            continued = response.status_code == httpx.codes.PARTIAL_CONTENT
            start, total = _extent(response)
            if continued and start != have:
                partial.unlink(missing_ok=True)
                raise _TransientError("the server continued from another place than was asked")
            _remember_validator(response, validator)
            with (
                partial.open("ab" if continued else "wb") as out,
                _progress_bar(partial.stem, start, total) as advance,
            ):
                for block in response.iter_bytes():
                    out.write(block)
                    advance(len(block))
                out.flush()
                os.fsync(out.fileno())
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
        raise
    except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
        raise RequestError(f"{url} leads nowhere ({error}); check data.url.") from error
    except httpx.TimeoutException as error:
        raise _TransientError("the server stopped sending") from error
    except httpx.HTTPError as error:
        raise _TransientError(str(error) or type(error).__name__) from error
    size = partial.stat().st_size
    if total is not None and size != total:
        if size > total:
            partial.unlink()
        raise _TransientError(f"{size} of {total} bytes arrived")


def _check_status(response: httpx.Response, url: str, partial: Path) -> None:
    status = response.status_code
    if status in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
        return
    answer = f"{status} {response.reason_phrase}".strip()
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        partial.unlink(missing_ok=True)
        raise _TransientError(f"the server answers {answer}")
    if status >= 500 or status in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT}:
        raise _TransientError(f"the server answers {answer}", _retry_after(response))
    raise RequestError(f"{url} answers {answer}; check the address (data.url) or {USE_A_FILE}.")


def _retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks to wait, given as seconds or as a date; 0 if it does not."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """(offset of this answer, bytes of the whole file or None where the server does not say).

    A body that the server compressed all the same has another length than the file.
    """
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return 0, None
    length = response.headers.get("Content-Length", "")
    part = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    offset, total = (int(part[1]), part[2]) if part else (0, length)
    return offset, int(total) if total.isdecimal() else None


def _validator_file(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.version")


def _remember_validator(response: httpx.Response, file: Path) -> None:
    """Keep what If-Range needs; without it a partial file is never continued (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag", "")
    strong = "" if etag.startswith("W/") else etag
    validator = strong or response.headers.get("Last-Modified", "")
    if validator and "Content-Encoding" not in response.headers:
        file.write_text(validator)
    else:
        file.unlink(missing_ok=True)


def _refuse_pointer(path: Path, url: str) -> None:
    with path.open("rb") as stream:
        is_pointer = stream.read(len(LFS_POINTER)) == LFS_POINTER
    if is_pointer:
        path.unlink()
        raise RequestError(
            f"{url} gave a Git LFS pointer instead of the file: use the repository's media address "
            "(https://media.githubusercontent.com/media/OWNER/REPO/BRANCH/PATH on GitHub)."
        )


@contextmanager
def _progress_bar(name: str, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal's error stream; yields what to call with each block's bytes."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns,
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(name, completed=done, total=total)
        yield lambda size: progress.advance(task, size)
