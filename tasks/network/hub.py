"""From the Hugging Face hub: data sets as Arrow tables, models as folders."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import RequestError, ThawError
from tasks.network.cache import cache_key, filling, refuse_offline
from tasks.paths import cache_dir
from tasks.storage import atomic_path

PROBE_TIMEOUT = httpx.Timeout(10.0)
SWITCHES = ("THAW_OFFLINE", "HF_HUB_OFFLINE")
USE_A_FILE = "give a local file instead (data.path=FILE)"
USE_A_FOLDER = "give a local folder in its place"
MODEL_FILES = ("*.json", "*.txt", "*.model", "*.jinja")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def hub_dataset(
    dataset: str, config: str | None = None, split: str = "train", revision: str | None = None
) -> pa.Table:
    """One split of a hub dataset; class indices become the class names that the dataset declares.

    The rows are kept in the cache by (id, config, split, revision): a dataset that has been
    fetched is used without asking the hub, until its file is deleted from the cache.

    Args:
        dataset: hub id (`owner/name`), or a folder that holds a clone of one.
        config: configuration name, for a dataset that has several.
        split: split, or a slice of one (`train[:1000]`).
        revision: commit, tag or branch.

    Raises:
        RequestError: no such dataset, configuration, split or revision, or one that only code
            of its own could load (which is never run).
        ThawError: the hub cannot be reached, or offline is asked for.
    """
    if Path(dataset).is_dir():
        return _load(dataset, config, split, revision)
    key = cache_key(dataset, config, split, revision)
    cached = cache_dir() / "hub" / key / "rows.parquet"
    if not cached.exists():
        refuse_offline(f"The hub dataset {dataset}", SWITCHES, USE_A_FILE)
        with filling(cached.parent):
            if not cached.exists():
                _require_hub(f"the dataset {dataset}", USE_A_FILE)
                rows = _load(dataset, config, split, revision)
                with atomic_path(cached) as partial:
                    pq.write_table(rows, partial, compression="zstd")
    try:
        return pq.ParquetFile(cached, memory_map=True).read()
    except (OSError, pa.ArrowInvalid) as error:
        raise ThawError(f"{cached} cannot be read ({error}); delete it and run again.") from error


def hub_snapshot(repository: str, revision: str | None = None) -> Path:
    """The folder of the hub library's own cache that holds a model, fetched if it is not there.

    Only what `from_pretrained` reads is taken: configuration, tokenizer and safetensors, or
    PyTorch's own format where there are none (transformers loads that with `weights_only`).

    Args:
        repository: hub id (`owner/name`, or a bare name).
        revision: commit, tag or branch.

    Raises:
        RequestError: no such repository or revision, or one without weights.
        ThawError: the hub cannot be reached, or offline is asked for.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    def snapshot(weights: str, cached: bool) -> Path:
        folder = snapshot_download(
            repository,
            revision=revision,
            allow_patterns=[*MODEL_FILES, weights],
            ignore_patterns=["*/*"],  # the same weights for other runtimes
            local_files_only=cached,
            endpoint=_endpoint(),
        )
        return Path(folder)

    def has_weights(folder: Path, weights: str) -> bool:
        return any(folder.glob(weights))

    what = f"the model {repository}"
    try:
        for weights in WEIGHTS:
            if has_weights(folder := snapshot(weights, cached=True), weights):
                return folder
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise RequestError(f"{repository!r} is no hub id such as owner/name.") from error
    refuse_offline(f"The model {repository}", SWITCHES, USE_A_FOLDER)
    _require_hub(what, USE_A_FOLDER)
    with _explained(what, USE_A_FOLDER):
        for weights in WEIGHTS:
            if has_weights(folder := snapshot(weights, cached=False), weights):
                return folder
    raise RequestError(f"The hub repository {repository} holds no weights that Thaw can load.")


def _endpoint() -> str:
    from huggingface_hub import constants

    return os.environ.get("HF_ENDPOINT") or constants.ENDPOINT


def _require_hub(what: str, hint: str) -> None:
    """Ask once, because the hub's libraries try six times in half a minute before they give up."""
    try:
        httpx.head(_endpoint(), timeout=PROBE_TIMEOUT)
    except httpx.HTTPError as error:
        raise ThawError(
            f"The hub at {_endpoint()} cannot be reached for {what} "
            f"({error or type(error).__name__}); check the network or {hint}."
        ) from error


@contextmanager
def _explained(what: str, hint: str) -> Iterator[None]:
    """Turn what the hub's libraries raise into sentences."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.errors import HTTPError as TransportError  # type: ignore[attr-defined]

    try:
        yield
    except HfHubHTTPError as error:
        kind = RequestError if error.response.status_code < 500 else ThawError
        raise kind(f"The hub refuses {what}: {_first_line(error)}") from error
    except (ConnectionError, TimeoutError, TransportError, LocalEntryNotFoundError) as error:
        raise ThawError(
            f"The hub failed while {what} was fetched ({_first_line(error)}); "
            f"run again later or {hint}."
        ) from error


def _load(dataset: str, config: str | None, split: str, revision: str | None) -> pa.Table:
    import datasets  # not at the top: it costs a second that most runs save

    try:
        with _explained(f"the dataset {dataset}", USE_A_FILE):
            rows = datasets.load_dataset(dataset, config, split=split, revision=revision)
    except (ValueError, RuntimeError, OSError, datasets.exceptions.DatasetsError) as error:
        raise RequestError(
            f"The hub dataset {dataset} (config {config or 'default'}, split {split}, revision "
            f"{revision or 'main'}) cannot be loaded: {_first_line(error)}"
        ) from error
    table = rows.with_format("arrow")[:]
    for name, feature in rows.features.items():
        if isinstance(feature, datasets.ClassLabel):
            place = table.column_names.index(name)
            table = table.set_column(place, name, _named(table.column(name), feature.names))
        elif isinstance(getattr(feature, "feature", None), datasets.ClassLabel):
            place = table.column_names.index(name)
            named = [_named_list(chunk, feature.feature.names) for chunk in table[name].chunks]
            table = table.set_column(place, name, pa.chunked_array(named, pa.list_(pa.string())))
    return table


def _named(indices: pa.ChunkedArray, names: list[str]) -> pa.ChunkedArray:
    """Class names for class indices; the hub writes -1 where a test set's label is withheld."""
    import pyarrow.compute as pc

    known = pc.if_else(pc.greater_equal(indices, 0), indices, None)
    return pc.take(pa.array(names, pa.string()), known)


def _named_list(chunk: pa.ListArray, names: list[str]) -> pa.ListArray:
    return pa.array(
        [None if row is None else [names[index] for index in row] for row in chunk.to_pylist()],
        pa.list_(pa.string()),
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
