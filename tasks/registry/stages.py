"""Registered models that later work starts from: `NAME@ALIAS`, resolved once and then pinned.

An alias may move while a sweep runs. So it is looked up when the sweep begins, and its package is
copied into the store under the digest of its files; from there on only `NAME@v3` and the digest
travel, and arms read the store alone, wherever they run.

Training starts from transformers alone. Where the champion of a case is a classical model, or there
is none, `NAME@champion` is its challenger: the best arm that was not shown to beat the references.

    found = fetch("sft@champion", tracker)
    found.name, found.version, found.digest      "sft", "3", "9f2c…"
    package_folder(found.digest)                 what `Writer.save` wrote
"""

import hashlib
import re
import shutil
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from tasks.config.case_files import case_names, proper_name
from tasks.config.loading import OWN
from tasks.errors import RequestError, ThawError
from tasks.models.base_models import LocatedModel, locate
from tasks.paths import store_dir
from tasks.storage import file_digest, is_sealed, seal
from tasks.tracking import Tracker

CLASSICAL = "thaw.classical"
"""The tag of versions that are no transformer, see `promotion.py`."""
PROFILE = "thaw.profile"
"""The tag that says which profile, or that a user's data, made a version."""
PACKAGE = "package.json"
SEAL = ".complete"
# A hub id holds a slash, a folder a slash or no @; MLflow keeps `v3` free for version 3.
_FORM = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)@(?P<alias>[A-Za-z0-9_.-]+)")
_VERSION = re.compile(r"v(\d+)")


class Registered(BaseModel):
    """A version of a registered model whose package lies in the store.

    Attributes:
        digest: SHA-256 of the package's files.
        base: what its own training started from, a name as `model.base` takes it; None where its
            run does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    digest: str
    base: str | None = None

    @property
    def reference(self) -> str:
        """The version itself, as `model.base` and `rewards[].model` take it: `sft@v3`."""
        return f"{self.name}@v{self.version}"


def is_reference(name: str) -> bool:
    """Whether a model's name is `NAME@ALIAS`, and no folder of that name lies here."""
    return _FORM.fullmatch(name) is not None and not Path(name).expanduser().is_dir()


def fetch(reference: str, tracker: Tracker, profile: str | None = None) -> Registered:
    """Look a registered model up and bring its package into the store.

    Args:
        reference: `NAME@ALIAS`, or `NAME@v3` for a version by its number.
        tracker: the registry.
        profile: of the case that starts from it: an alias may name what other data made, a number
            is meant as it stands. None: whatever it names.

    Raises:
        RequestError: there is no such version (says which flow makes it), or it is of another
            profile, or of a user's data where the case has its own.
        ThawError: its files cannot be read.
    """
    form = _FORM.fullmatch(reference)
    if form is None:
        raise RequestError(f"{reference!r} names no registered model: write NAME@ALIAS.")
    name, alias = proper_name(form["name"]), form["alias"]
    number = _VERSION.fullmatch(alias)
    found = tracker.version(name, number[1]) if number else tracker.alias(name, alias)
    if alias == "champion" and (found is None or CLASSICAL in found.tags):
        found = tracker.alias(name, "challenger")
    if found is None:
        raise RequestError(_missing(name, f"version {number[1]}" if number else alias))
    made_by = found.tags.get(PROFILE)  # versions of earlier releases do not say
    if number is None and None not in (profile, made_by) and profile != made_by:
        raise RequestError(
            f"{reference} is version {found.version}, which {_whose(str(made_by))} made, and this "
            f"is a run of {_whose(str(profile))}: start from {name}@v{found.version} if that is "
            "meant, or run its case first."
        )
    folder = tracker.model_artifact(found, "package")
    base = tracker.params(str(found.run_id)).get("model.base") if found.run_id else None
    return Registered(name=name, version=str(found.version), digest=_keep(folder), base=base)


def _whose(profile: str) -> str:
    return "data of your own" if profile == OWN else f"the profile {profile}"


def _missing(name: str, what: str) -> str:
    case, _, profile = name.partition("-")
    if profile and case in case_names() and name not in case_names():
        run = f"thaw run {case} --profile {profile}"
        return f"There is no {what} of {name} yet: `{run}` trains and registers one."
    if name not in case_names():
        return f"There is no {what} of {name} in the registry, and no case of that name makes one."
    return f"There is no {what} of {name} yet: `thaw run {name}` trains and registers one."


def package_folder(digest: str) -> Path:
    """Where the package of that digest lies.

    Raises:
        ThawError: the store does not hold it any more.
    """
    folder = store_dir() / "registered" / digest[:24]
    if not (folder / PACKAGE).is_file():
        raise ThawError(
            f"{folder} is gone from the store: the same command fetches the registered model again."
        )
    return folder


def _keep(package: Path) -> str:
    """Copy a package into the store, whole or not at all; returns its digest.

    A model that writes keeps weights and tokenizer apart; here they stand in one folder too, as
    in any base model.
    """
    files = sorted(path for path in package.rglob("*") if path.is_file())
    sha = hashlib.sha256()
    for path in files:
        sha.update(f"{path.relative_to(package).as_posix()} {file_digest(path)}\n".encode())
    digest = sha.hexdigest()
    folder = store_dir() / "registered" / digest[:24]
    if is_sealed(folder, SEAL):
        return digest
    shutil.rmtree(folder, ignore_errors=True)  # damaged, or of an earlier release
    partial = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    try:
        shutil.copytree(package, partial)
        if (partial / "model").is_dir():
            shutil.copytree(partial / "tokenizer", partial / "model", dirs_exist_ok=True)
        seal(partial, SEAL)
        if not folder.is_dir():  # another process may have been quicker
            partial.rename(folder)
    except OSError as error:
        raise ThawError(f"Cannot keep a registered model in {folder}: {error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return digest


def locate_start(name: str, digest: str) -> LocatedModel:
    """A base model, or the model inside a registered one that writes.

    Args:
        name: as `model.base` has it; a reference is taken for what `digest` says that it was.
        digest: of the weights, or of the package.

    Raises:
        RequestError: the registered model does not write; or see `locate`.
        ThawError: see `package_folder`.
    """
    if not is_reference(name):
        return locate(name)
    folder = package_folder(digest) / "model"
    if not (folder / "config.json").is_file():
        raise RequestError(
            f"model.base={name} is a registered model that does not write: name one that does "
            "(sft@champion), or a base model."
        )
    return LocatedModel(name=name, folder=folder, digest=digest, origin=name, pooling="last")
