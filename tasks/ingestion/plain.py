"""A file as the readers want it: unpacked, and as UTF-8; a copy in the cache where it is not so."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from tasks.errors import RequestError
from tasks.ingestion.encoding import UTF8
from tasks.network import unpack_member
from tasks.paths import cache_dir
from tasks.storage import atomic_path, file_digest, require_free_space

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".br": "brotli"}
"""Suffix of a file that is nothing but another one compressed -> Arrow's name of how."""
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
LARGEST = 64 * 2**30
"""Bytes that a compressed file may come to."""
CHUNK = 2**20


def plain_file(path: Path, member: str | None = None, encoding: str | None = None) -> Path:
    """`path`, or a copy of it that is not packed and is UTF-8.

    Args:
        path: a file on this machine.
        member: of a zip archive, the file in it; None takes the only data file.
        encoding: of its text (`cp1252`, `utf-16`); None where it is UTF-8, or no text.

    Raises:
        RequestError: damaged, not in that encoding, a workbook, or no encoding by that name.
    """
    if path.suffix.lower() in WORKBOOKS:
        raise RequestError(
            f"{path} is a workbook: save the sheet that is meant as CSV (UTF-8), and give that."
        )
    if member is not None or path.suffix.lower() == ".zip":
        path = unpack_member(path, member, cache_dir() / "unpacked" / file_digest(path)[:24])
    elif path.suffix.lower() in COMPRESSIONS:
        path = _decompressed(path, COMPRESSIONS[path.suffix.lower()])
    return path if _is_utf8(encoding) else _recoded(path, str(encoding))


@contextmanager
def named_as_given(plain: Path | None, given: Path | str | None) -> Iterator[None]:
    """Let what is said of a copy in the cache name what the user gave: a file, or an address.

    Raises:
        RequestError: as the block raises it.
    """
    try:
        yield
    except RequestError as error:
        raise RequestError(str(error).replace(str(plain), str(given))) from error


def _decompressed(path: Path, how: str) -> Path:
    target = cache_dir() / "unpacked" / file_digest(path)[:24] / path.stem
    if target.exists():
        return target
    with atomic_path(target) as partial, partial.open("wb") as out:
        for number, chunk in enumerate(_chunks(path, how)):
            if number % 256 == 0:
                require_free_space(target.parent, 256 * CHUNK, f"The contents of {path}")
            if number * CHUNK > LARGEST:
                raise RequestError(f"{path} comes to over {LARGEST:,} bytes: unpack it by hand.")
            out.write(chunk)
    return target


def _chunks(path: Path, how: str) -> Iterator[bytes]:
    try:
        with pa.input_stream(str(path), compression=how) as source:
            while chunk := source.read(CHUNK):
                yield chunk
    except (pa.ArrowException, OSError) as error:
        raise RequestError(f"{path} cannot be unpacked as {how} ({error}).") from error


def _is_utf8(encoding: str | None) -> bool:
    if encoding is None:
        return True
    try:
        return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
    except (LookupError, ValueError) as error:
        raise RequestError(
            f"data.encoding={encoding!r} is no encoding that Python knows; those in use are utf-8, "
            "cp1252 (Windows), latin-1, utf-16, cp932 and gb18030."
        ) from error


def _recoded(path: Path, encoding: str) -> Path:
    target = cache_dir() / "unpacked" / f"{file_digest(path)[:24]}-{encoding}" / path.name
    if target.exists():
        return target
    try:
        with (
            path.open(encoding=encoding, newline="") as source,
            atomic_path(target) as partial,
            partial.open("w", encoding=UTF8.removesuffix("-sig"), newline="") as out,
        ):
            while text := source.read(CHUNK):
                out.write(text)
    except (UnicodeError, LookupError) as error:
        raise RequestError(f"{path} is no text in the encoding {encoding} ({error}).") from error
    return target
