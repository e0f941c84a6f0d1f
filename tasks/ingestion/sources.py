"""Where a case's data comes from: the shipped sample, a local file, the hub or a URL."""

from pathlib import Path

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.loading import nearest
from tasks.network import download, hub_dataset, unpack_member
from tasks.paths import cache_dir, samples_dir
from tasks.storage import file_digest


def fetch(config: DataConfig) -> Path | pa.Table:
    """A local file with the rows, or (from the hub) the rows themselves.

    A zip archive, local or downloaded, is replaced by its member `config.member`, or by the only
    data file in it.

    Raises:
        RequestError: the source does not exist or is not what the configuration says.
        ThawError: the outside world cannot be reached.
    """
    if config.sample:
        return _sample(config.sample)
    if config.hub:
        return hub_dataset(config.hub, config.hub_config, config.hub_split, config.hub_revision)
    if config.url:
        return _unpacked(download(config.url, config.sha256), config)
    if config.path is None:
        raise RequestError("data has no source: give data.sample, data.path, data.hub or data.url.")
    return _unpacked(require_file(config.path), config)


def require_file(path: Path) -> Path:
    """`path`, if it is a file with something in it.

    Raises:
        RequestError: it is missing (with the nearest name beside it), a folder, or empty.
    """
    if path.is_dir():
        raise RequestError(f"{path} is a folder: data.path wants a file in it.")
    if not path.exists():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise RequestError(f"There is no file {path}{nearest(path.name, beside)}.")
    if path.stat().st_size == 0:
        raise RequestError(f"{path} is empty (0 bytes): it should hold a table of examples.")
    return path


def _sample(name: str) -> Path:
    shipped = sorted(each.name for each in samples_dir().glob("*") if each.is_file())
    if name not in shipped:
        raise RequestError(
            f"No sample {name!r} ships with Thaw{nearest(name, shipped)}; "
            f"there is {', '.join(shipped) or 'none'}."
        )
    return samples_dir() / name


def _unpacked(path: Path, config: DataConfig) -> Path:
    if config.member is None and path.suffix.lower() != ".zip":
        return path
    return unpack_member(path, config.member, cache_dir() / "unpacked" / file_digest(path)[:24])
