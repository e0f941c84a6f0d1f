"""The content-addressed store: tables as Parquet under their digest, and atomic file writes.

Between tasks travel `TableRef`s, never data (DESIGN, rule 1). A file is written beside its name
and renamed, so that a half-written one is never seen under the name that readers look for.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from tasks.errors import RequestError, ThawError
from tasks.paths import store_dir, variable_of

DIGEST = b"thaw.digest"  # of the rows, in the metadata of the file's schema


class TableRef(BaseModel):
    """A stored table: what a task hands to the next instead of the rows themselves.

    `digest` is the SHA-256 of the rows (not of the Parquet file, whose bytes depend on the
    writer's version); `origin` says in words where the rows came from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    digest: str
    rows: int
    columns: tuple[str, ...]
    origin: str

    def read(self, columns: list[str] | None = None) -> pd.DataFrame:
        """The rows as a DataFrame.

        Raises:
            ThawError: the file is gone, damaged, or another table's.
        """
        try:
            return _read(self.path, self.digest, columns).to_pandas()
        except (OSError, pa.ArrowInvalid) as error:
            raise ThawError(
                f"The stored table {self.path} cannot be read ({error}); the same command writes "
                "it anew."
            ) from error

    def take(self, rows: np.ndarray, origin: str) -> "TableRef":
        """Some of the rows, stored as a table of their own.

        Args:
            rows: their numbers, in the order in which they are to stand.
            origin: in words.
        """
        return put_table(_read(self.path, self.digest).take(pa.array(rows)), origin)

    def is_whole(self) -> bool:
        """Whether the file is there and holds this table, undamaged."""
        return _holds(self.path, self.digest)


def _read(path: Path, digest: str, columns: list[str] | None = None) -> pa.Table:
    """Read a stored table; its pages carry checksums, and its schema the digest of its rows.

    Tables of earlier releases carry neither, and are taken as they are.
    """
    # Of one file: what reads whole folders takes longer to begin than most tables take.
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read(columns)
    if lacking := set(columns or ()).difference(table.column_names):
        raise pa.ArrowInvalid(f"it has no column {', '.join(sorted(lacking))}")
    mark = (table.schema.metadata or {}).get(DIGEST, digest.encode()).decode()
    # A reference may go by another digest than its rows' (`put_questions`): the file's name tells.
    if digest != mark and path.stem != mark[:24]:
        raise pa.ArrowInvalid(f"it holds the table {mark[:24]}")
    return table


def _holds(path: Path, digest: str) -> bool:
    try:
        _read(path, digest)
    except (OSError, pa.ArrowInvalid):
        return False
    return True


def table_digest(table: pa.Table) -> str:
    """SHA-256 over the schema and all rows of `table`, independent of how it is chunked."""
    sha = hashlib.sha256()

    class _Sink:
        closed = False

        def write(self, data: bytes) -> int:
            sha.update(data)
            return len(data)

        def flush(self) -> None: ...

        def close(self) -> None: ...

    plain = table.combine_chunks().replace_schema_metadata(None)
    with pa.ipc.new_stream(pa.PythonFile(_Sink(), mode="w"), plain.schema) as writer:
        writer.write_table(plain, max_chunksize=65_536)
    return sha.hexdigest()


def _place(name: str) -> Path:
    return store_dir() / "tables" / f"{name}.parquet"


def stored_table(name: str) -> TableRef | None:
    """The stored table of that name (the stem of its file); None where it is not here."""
    path = _place(name)
    if not path.exists():
        return None
    about = pq.ParquetFile(path)
    mark = (about.schema_arrow.metadata or {}).get(DIGEST, name.encode()).decode()
    columns = tuple(about.schema_arrow.names)
    return TableRef(
        path=path, digest=mark, rows=about.metadata.num_rows, columns=columns, origin=name
    )


def put_table(rows: pd.DataFrame | pa.Table, origin: str) -> TableRef:
    """Store `rows` under their digest and return the reference.

    What is there already is not written again, unless it is damaged.
    """
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata(None)
    digest = table_digest(table)
    path = _place(digest[:24])
    if not _holds(path, digest):
        marked = table.replace_schema_metadata({DIGEST: digest})
        with atomic_path(path) as partial:
            pq.write_table(marked, partial, compression="zstd", write_page_checksum=True)
    return TableRef(
        path=path,
        digest=digest,
        rows=table.num_rows,
        columns=tuple(table.column_names),
        origin=origin,
    )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes that name, on failure it goes.

    Raises:
        ThawError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch(exist_ok=False)
    except OSError as error:
        raise ThawError(_unwritable(path.parent, error)) from error
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        raise ThawError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Refuse a folder in which nothing can be written; it is made if there is none.

    Raises:
        RequestError: with the reason, and the variable that names another.
    """
    probe = folder / f".thaw-{os.getpid()}-{uuid4().hex[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise RequestError(_unwritable(folder, error)) from error


def _unwritable(folder: Path, error: OSError) -> str:
    variable = variable_of(folder)
    # mkdir says "File exists" where something else has the folder's name.
    taken = isinstance(error, FileExistsError)
    reason = "something else has this name" if taken else error.strerror or error
    instead = f"; set {variable} to a folder that can be written" if variable else ""
    return f"Cannot write below {folder}: {reason}{instead}."


def write_text(path: Path, text: str) -> Path:
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks; once, as long as the file stays as it is."""
    status = Path(path).stat()
    return _digest(Path(path).resolve(), (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4096)
def _digest(path: Path, _: tuple[int, int, int]) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def seal(folder: Path, mark: str) -> None:
    """Write the digests of all files below `folder` into its file `mark`: it is whole now."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != mark)
    digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    write_text(folder / mark, json.dumps(digests, indent=1))


def is_sealed(folder: Path, mark: str) -> bool:
    """Whether all that `seal` saw is there as it was.

    An empty mark is an earlier release's, which took no digests.
    """
    try:
        digests = json.loads((folder / mark).read_text(encoding="utf-8") or "{}")
        return all(file_digest(folder / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError):
        return False


def require_free_space(folder: Path, needed: int, purpose: str) -> None:
    """Refuse to start work that the disk cannot hold.

    Args:
        folder: where the bytes would go (need not exist yet).
        needed: bytes.
        purpose: what they are for, as the message says it ("checkpoints of full").

    Raises:
        RequestError: fewer than `needed` bytes are free.
    """
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise RequestError(
            f"{purpose} need {needed / 1e6:.0f} MB below {folder}, and {free / 1e6:.0f} MB are "
            "free; free some space or set THAW_STORE to a larger disk."
        )
