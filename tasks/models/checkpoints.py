"""Checkpoints of a user's own, as one plain folder that transformers reads.

    config.json and weights      as it is
    adapter_config.json          PEFT's: merged into its base model, once
    modules.json                 sentence-transformers': its transformer, pooling and length
    a GGUF file                  its weights written as safetensors, once

What is made here lies in the cache, under the digest of what it was made from.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer

from tasks.errors import RequestError
from tasks.locks import locked
from tasks.models.classifier import Pooling
from tasks.models.merging import ADAPTER, MERGING, merge
from tasks.models.one_at_a_time import one_at_a_time
from tasks.models.weights import misfit
from tasks.paths import cache_dir
from tasks.storage import file_digest, is_sealed, seal

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
SEAL = ".complete"
MODULES = "modules.json"
_POOLINGS: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
    "cls": "cls",
    "mean": "mean",
    "lasttoken": "last",
}


@dataclass(frozen=True)
class Checkpoint:
    """A plain folder, and what else its maker said.

    Attributes:
        folder: with config.json, weights and tokenizer.
        digest: of what it was made from.
        pooling: what a head shall read; None where nobody says.
        max_length: most tokens of a text; None where nobody says.
        left_out: modules behind the pooling, which are no part of a classifier.
    """

    folder: Path
    digest: str
    pooling: Pooling | None = None
    max_length: int | None = None
    left_out: tuple[str, ...] = ()


def is_checkpoint(path: Path) -> bool:
    """Whether a path that a user gave is a checkpoint's: a folder, or a GGUF file."""
    return path.is_dir() or (path.suffix.lower() == ".gguf" and path.is_file())


def read_checkpoint(path: Path, locate: Callable[[str], tuple[Path, str]]) -> Checkpoint:
    """What a user's folder or file comes to.

    Args:
        path: the folder, or a GGUF file.
        locate: from an adapter's base model to its folder and digest.

    Raises:
        RequestError: it holds no model, or none that can be had as a plain one; says why.
    """
    if path.is_file():
        return _from_gguf(path)
    if (path / ADAPTER).is_file():
        return _merged(path, locate)
    if (path / MODULES).is_file():
        return _of_sentences(path)
    if not (path / "config.json").is_file():
        files = sorted(path.glob("*.gguf"))
        if len(files) == 1:
            return _from_gguf(files[0])
        if files:
            raise RequestError(
                f"{path} has {len(files)} GGUF files: name the one that is meant, "
                f"{files[0].name} or another."
            )
    return Checkpoint(path, folder_digest(path))


def folder_digest(folder: Path) -> str:
    """SHA-256 of a folder's configuration and weights, every shard of them.

    Raises:
        RequestError: one of the two is missing.
    """
    if not (folder / "config.json").is_file():
        raise RequestError(f"{folder} has no config.json, so it holds no model.")
    weights = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not weights:
        raise RequestError(f"{folder} has no weights: one of {', '.join(WEIGHTS)} is needed.")
    for index in [path for path in weights if path.suffix == ".json"]:
        shards = sorted({*_json(index).get("weight_map", {}).values()})
        missing = [name for name in shards if not (folder / name).is_file()]
        if missing:
            raise RequestError(f"{folder} lacks {missing[0]}, which its {index.name} names.")
        weights += [folder / name for name in shards]
    parts = [file_digest(path) for path in (folder / "config.json", *weights)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _of_sentences(folder: Path) -> Checkpoint:
    """A sentence-transformers folder: the transformer of its first module, its pooling, its length.

    What stands behind the pooling (a dense layer, a normalisation) is no part of a classifier; what
    stands before it changes the states that are pooled.
    """
    try:
        modules = json.loads((folder / MODULES).read_text(encoding="utf-8"))
        kinds = {str(each["type"]).rpartition(".")[2]: str(each["path"]) for each in modules}
    except (OSError, ValueError, RecursionError, TypeError, KeyError) as error:
        raise RequestError(f"{folder / MODULES} is no list of modules: {error}.") from error
    if "Transformer" not in kinds:
        raise RequestError(
            f"{folder} holds the modules {', '.join(kinds)}, and no transformer among them."
        )
    first, *others = kinds
    between = others[: others.index("Pooling")] if "Pooling" in others else []
    if first != "Transformer" or between:
        raise RequestError(
            f"{folder} holds the modules {', '.join(kinds)}, and what is pooled here is what its "
            "transformer alone gives: name another base model."
        )
    inner = _inside(folder, kinds["Transformer"])
    pooling: Pooling | None = None
    if "Pooling" in kinds:
        file = _inside(folder, kinds["Pooling"]) / "config.json"
        if not file.is_file():
            raise RequestError(
                f"{folder / MODULES} says that the model pools, and {file}, which says how, is "
                "missing: copy the whole folder."
            )
        told = _json(file)
        on = [name for name, value in told.items() if name.startswith("pooling_mode_") and value]
        named = told.get("pooling_mode", on)
        modes = [str(each) for each in (named if isinstance(named, list) else [named])]
        if len(modes) != 1 or modes[0] not in _POOLINGS:
            raise RequestError(
                f"{folder} pools by {', '.join(modes) or 'nothing'}, and a head here reads the "
                "first token, the last or the mean: name another base model, or set model.pooling "
                f"and model.base={inner} to its transformer without its modules.json."
            )
        pooling = _POOLINGS[modes[0]]
    length = _json(inner / "sentence_bert_config.json").get("max_seq_length")
    found = Checkpoint(inner, folder_digest(inner), pooling)
    found = replace(found, left_out=tuple(each for each in others if each != "Pooling"))
    return replace(found, max_length=length) if isinstance(length, int) and length > 0 else found


def _inside(folder: Path, path: str) -> Path:
    inner = (folder / path).resolve()
    if not inner.is_relative_to(folder.resolve()):
        raise RequestError(f"{folder / MODULES} names a module outside of its folder: {path}.")
    return inner


def _json(path: Path) -> dict[str, Any]:
    """The file's object; an empty one where there is no file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"{path} cannot be read: {error}.") from error
    return found if isinstance(found, dict) else {}


def _made_once(name: str, digest: str, make: Callable[[Path], None]) -> Checkpoint:
    """A folder of the cache that `make` fills, unless it did before."""
    folder = cache_dir() / "base_models" / f"{name}-{digest[:16]}"
    with locked(folder.with_name(f"{folder.name}.lock"), variable="THAW_CACHE"):
        if not is_sealed(folder, SEAL):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                make(folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            seal(folder, SEAL)
    return Checkpoint(folder, digest)


def _from_gguf(file: Path) -> Checkpoint:
    def make(folder: Path) -> None:
        (folder / file.name).symlink_to(file.resolve())
        try:
            convert_gguf(folder, file.name)
        except RequestError:
            raise
        except Exception as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise RequestError(f"The GGUF file {file} cannot be read: {lines[0]}") from error

    return _made_once(file.stem, file_digest(file), make)


@one_at_a_time
def convert_gguf(folder: Path, gguf: str) -> None:
    """Write a GGUF file's weights as safetensors once: reading those takes a tenth of the time."""
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=gguf)
    model, loading = AutoModel.from_pretrained(
        folder, gguf_file=gguf, dtype=torch.float32, output_loading_info=True
    )
    if why := misfit(model, loading, folder):
        raise RequestError(f"The weights of {gguf} cannot be read: {why}.")
    tokenizer.save_pretrained(folder)
    # The weights are plain float32 by now, but transformers refuses to save what it has loaded
    # through a quantizer.
    del model.config.quantization_config
    plain = AutoModel.from_config(model.config, dtype=torch.float32)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
    (folder / gguf).unlink()


def _merged(folder: Path, locate: Callable[[str], tuple[Path, str]]) -> Checkpoint:
    """A PEFT adapter, added to the weights of its base model."""
    told = _json(folder / ADAPTER)
    weights = [each for each in sorted(folder.glob("adapter_model.*")) if each.is_file()]
    if not weights:
        raise RequestError(f"{folder} has an {ADAPTER} and no weights (adapter_model.safetensors).")
    name = told.get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise RequestError(
            f"{folder / ADAPTER} does not say which base model it adapts "
            "(base_model_name_or_path): write its name, folder or hub id there."
        )
    if Path(name).expanduser().resolve() == folder.resolve():
        raise RequestError(
            f"{folder / ADAPTER} says that the adapter's base model is the adapter itself "
            "(base_model_name_or_path): write the name, folder or hub id of its base model there."
        )
    base, digest = locate(name)
    parts = [file_digest(each) for each in (folder / ADAPTER, *weights)]
    whole = hashlib.sha256("".join([digest, *parts, MERGING]).encode()).hexdigest()
    return _made_once(folder.name, whole, lambda into: merge(folder, base, into))
