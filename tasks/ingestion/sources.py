"""Where a case's data comes from: the shipped sample, a local file, the hub or a URL."""

from pathlib import Path

import pyarrow as pa

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.ingestion.plain import plain_file
from tasks.network import download, hub_dataset
from tasks.paths import samples_dir
from tasks.wording import nearest

SPLIT = "split"
"""Column that tells rows of `hub_split` ("train") from those of the other splits ("validation",
"test")."""


def fetch(config: DataConfig) -> Path | pa.Table:
    """A local file with the rows, or (from the hub) the rows themselves.

    A zip archive, local or downloaded, is replaced by its member `config.member`, or by the only
    data file in it; a compressed file by what it holds; text that is not UTF-8 by a copy that is.

    Raises:
        RequestError: the source does not exist or is not what the configuration says.
        ThawError: the outside world cannot be reached.
    """
    if config.sample:
        return _sample(config.sample)
    if config.hub:
        return _from_hub(config.hub, config)
    if config.url:
        return _plain(download(config.url.reveal(), config.sha256), config)
    if config.archives:
        raise RequestError(
            "data.archives are for cases about pictures: give this one's rows with data.url."
        )
    if config.path is None:
        raise RequestError("data has no source: give data.sample, data.path, data.hub or data.url.")
    return _plain(require_file(config.path), config)


def _from_hub(dataset: str, config: DataConfig) -> pa.Table:
    """The rows of one split, or of several with a column that says which is which."""

    def rows_of(split: str) -> pa.Table:
        return hub_dataset(dataset, config.hub_config, split, config.hub_revision)

    train = rows_of(config.hub_split)
    more = {"validation": config.hub_validation_split, "test": config.hub_test_split}
    if not any(more.values()):
        return train
    if SPLIT in train.column_names:
        raise RequestError(
            f"The hub dataset {dataset} has a column {SPLIT} of its own: leave out "
            "data.hub_test_split and data.hub_validation_split, and let data.split_column, or "
            "split.test_role and split.test_values, say what it means."
        )
    parts = {"train": train} | {name: rows_of(split) for name, split in more.items() if split}
    named = [
        rows.append_column(SPLIT, pa.array([name] * len(rows), pa.string()))
        for name, rows in parts.items()
    ]
    try:
        return pa.concat_tables(named, promote_options="permissive")
    except pa.ArrowException as error:
        raise RequestError(
            f"The splits {' and '.join([config.hub_split, *filter(None, more.values())])} of the "
            f"hub dataset {dataset} have columns of different kinds ({error}), so they make no one "
            "table."
        ) from error


def require_file(path: Path) -> Path:
    """`path`, if it is a file with something in it.

    Raises:
        RequestError: it is missing (with the nearest name beside it), a folder, a pipe or device,
            or empty.
    """
    if path.is_dir():
        raise RequestError(f"{path} is a folder: data.path wants a file in it.")
    if not path.exists():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise RequestError(f"There is no file {path}{nearest(path.name, beside)}.")
    if not path.is_file():
        raise RequestError(
            f"{path} is a pipe or a device, which can be read once at most: write what it gives "
            "into a file, and name that."
        )
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


def _plain(path: Path, config: DataConfig) -> Path:
    return plain_file(path, config.member, config.encoding)
