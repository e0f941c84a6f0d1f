"""Several zip archives as one folder: sizes said first, fetched one by one, unpacked, let go.

Pictures are many gigabytes. An archive goes as soon as it is unpacked, and what was unpacked is not
fetched again; an interrupted download goes on where it stopped.
"""

from collections.abc import Sequence
from pathlib import Path

import httpx
from rich.console import Console

from tasks.address import Address
from tasks.errors import ThawError
from tasks.network.archives import unpack_all
from tasks.network.cache import cache_key, filling, refuse_offline
from tasks.network.transfer import TIMEOUT, USE_A_FILE, download
from tasks.paths import cache_dir
from tasks.storage import require_free_space


def unpacked(addresses: Sequence[Address]) -> Path:
    """The folder with all that the archives hold, fetched where it is not there yet.

    Raises:
        RequestError: an address that leads nowhere, or what is no archive.
        ThawError: a host cannot be reached, there is too little room, or offline is asked for.
    """
    folder = cache_dir() / "unpacked" / cache_key(*map(str, addresses))
    marks = {address: folder / f".{cache_key(str(address))}.done" for address in addresses}
    missing = [address for address, mark in marks.items() if not mark.exists()]
    if not missing:
        return folder
    refuse_offline(str(missing[0]), ("THAW_OFFLINE", "HF_HUB_OFFLINE"), USE_A_FILE)
    with filling(folder):
        missing = [address for address in missing if not marks[address].exists()]
        sizes = [size_of(address) for address in missing]
        _say(missing, sizes, folder)
        # Each archive and its contents at once, and the contents of those before it.
        require_free_space(folder, sum(sizes) + max(sizes, default=0), "The archives' contents")
        for address in missing:
            archive = download(address.reveal())
            unpack_all(archive, folder)
            marks[address].touch()
            archive.unlink()
    return folder


def size_of(address: Address) -> int:
    """Bytes of the file at an address as its server says; 0 where it does not.

    Raises:
        ThawError: the host cannot be reached.
    """
    try:
        answer = httpx.head(address.reveal(), timeout=TIMEOUT, follow_redirects=True)
    except httpx.HTTPError as error:
        raise ThawError(
            f"{address} cannot be reached ({error or type(error).__name__}); check the network or "
            f"{USE_A_FILE}."
        ) from error
    length = answer.headers.get("Content-Length", "")
    return int(length) if answer.is_success and length.isdecimal() else 0


def _say(addresses: Sequence[Address], sizes: Sequence[int], folder: Path) -> None:
    lines = [f"{each!s}: {_gb(size)}" for each, size in zip(addresses, sizes, strict=True)]
    told = f"Fetching {_gb(sum(sizes))} in {len(addresses)} archives, which go into {folder}:"
    Console(stderr=True, highlight=False).print("\n  ".join([told, *lines]), markup=False)


def _gb(size: int) -> str:
    return f"{size / 1e9:,.2f} GB" if size else "of unknown size"
