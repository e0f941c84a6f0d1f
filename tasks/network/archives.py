"""One file out of a zip archive, never written anywhere but below its target folder."""

import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from tasks.errors import RequestError
from tasks.storage import atomic_path, require_free_space
from tasks.wording import nearest

LARGEST_MEMBER = 8 * 1024**3
"""Bytes; an archive that declares more for the wanted file is refused."""
DATA_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"})


def unpack_member(
    archive: Path, member: str | None, folder: Path, largest: int = LARGEST_MEMBER
) -> Path:
    """Extract one file of a zip archive to the same relative place below `folder`.

    Args:
        archive: a zip file.
        member: the file's name in it; None takes the only data file.
        folder: where to put it.
        largest: bytes that it may have.

    Raises:
        RequestError: not a zip or a damaged one; any name in it that would leave the folder
            (`../`, absolute) or any symbolic link; no such member, or several to choose from; an
            encrypted one; one that is larger than `largest` or than the free disk space.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                _refuse_unsafe(info, archive)
            info = _select(opened, member, archive)
            if info.file_size > largest:
                raise RequestError(
                    f"{info.filename} in {archive} declares {info.file_size:,} bytes, more than "
                    f"the {largest:,} that Thaw unpacks; unpack it by hand and give data.path."
                )
            require_free_space(folder, info.file_size, f"The contents of {info.filename}")
            target = folder / info.filename
            # zipfile reads no more than the declared size and checks the CRC at its end.
            with (
                opened.open(info) as source,
                atomic_path(target) as partial,
                partial.open("wb") as out,
            ):
                shutil.copyfileobj(source, out, 1 << 20)
            return target
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise RequestError(f"{archive} is not a zip archive or is damaged ({error}).") from error
    except (RuntimeError, NotImplementedError) as error:
        raise RequestError(f"{archive} cannot be unpacked ({error}); unpack it by hand.") from error
    except (FileNotFoundError, IsADirectoryError) as error:
        raise RequestError(f"{archive} is no file that could be unpacked.") from error


def unpack_all(archive: Path, folder: Path, largest: int = LARGEST_MEMBER) -> int:
    """Extract every file of a zip archive below `folder`; what is there is written over.

    Args:
        archive: a zip file.
        folder: where to put them.
        largest: bytes that each may have.

    Returns:
        How many files.

    Raises:
        RequestError: as `unpack_member`, of any of them.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            files = [info for info in opened.infolist() if not info.is_dir()]
            for info in opened.infolist():
                _refuse_unsafe(info, archive)
            if over := [info.filename for info in files if info.file_size > largest]:
                raise RequestError(
                    f"{over[0]} in {archive} declares more than {largest:,} bytes, which Thaw does "
                    "not unpack: unpack it by hand and give data.path."
                )
            whole = sum(info.file_size for info in files)
            require_free_space(folder, whole, f"The contents of {archive.name}")
            for info in files:
                opened.extract(info, folder)
            return len(files)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise RequestError(f"{archive} is not a zip archive or is damaged ({error}).") from error
    except (RuntimeError, NotImplementedError) as error:
        raise RequestError(f"{archive} cannot be unpacked ({error}); unpack it by hand.") from error


def _refuse_unsafe(info: zipfile.ZipInfo, archive: Path) -> None:
    """One bad name condemns the archive: nobody packs such a thing by accident."""
    name = info.filename
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts
    link = stat.S_ISLNK(info.external_attr >> 16)
    if outside or link:
        what = "a symbolic link" if link else "a path that leaves its folder"
        raise RequestError(f"{archive} is refused: its member {name!r} is {what}.")


def _select(opened: zipfile.ZipFile, member: str | None, archive: Path) -> zipfile.ZipInfo:
    files = [
        info
        for info in opened.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/")
    ]
    names = [info.filename for info in files]
    if member is not None:
        if member not in names:
            raise RequestError(
                f"{archive} has no member {member!r}{nearest(member, names)}; "
                f"it holds {_listed(names)}."
            )
        return opened.getinfo(member)
    data = [name for name in names if PurePosixPath(name).suffix.lower() in DATA_SUFFIXES]
    choices = data or names
    if len(choices) != 1:
        raise RequestError(
            f"{archive} holds {_listed(choices)}; say which with data.member=NAME (`thaw new "
            "--member NAME`), or unpack it."
            if choices
            else f"{archive} holds no file."
        )
    return opened.getinfo(choices[0])


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "nothing") + more
