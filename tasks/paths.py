"""Where things lie: the project's own folders, the data store and the download cache."""

import os
from functools import cache
from pathlib import Path


def project_root() -> Path:
    """The folder with `conf/` and `mlruns/`: `THAW_HOME` if set, else the checkout itself.

    Installed from a wheel there is no checkout: then it is the folder in which a command is given.
    """
    home = os.environ.get("THAW_HOME")
    if home:
        return Path(home).resolve()
    return Path.cwd() if _shipped_apart() else _above_tasks()


def _above_tasks() -> Path:
    return Path(__file__).resolve().parent.parent


@cache
def _shipped_apart() -> Path | None:
    """Where a wheel has put `conf/`; None in a checkout, which has its own."""
    if (_above_tasks() / "conf" / "base_models.yaml").is_file():
        return None
    places = [above / "share" / "thaw" / "conf" for above in _above_tasks().parents]
    return next((place for place in places if place.is_dir()), None)


def shipped_conf() -> Path:
    """The folder of Thaw's own cases."""
    apart = None if os.environ.get("THAW_HOME") else _shipped_apart()
    return apart or project_root() / "conf"


def conf_dirs() -> tuple[Path, ...]:
    """Where configuration files are looked for, the first first.

    The folders of `THAW_CONF` (a user's own cases; several like PATH), then the project's `conf/`.
    """
    own = (each for each in os.environ.get("THAW_CONF", "").split(os.pathsep) if each)
    return (*(Path(each).expanduser().absolute() for each in own), shipped_conf())


def conf_file(name: str) -> Path:
    """The first such file of `conf_dirs()`; where there is none, the place in the project's own."""
    places = [folder / name for folder in conf_dirs()]
    return next((place for place in places if place.is_file()), places[-1])


def samples_dir() -> Path:
    """The data that ships with Thaw."""
    return Path(__file__).resolve().parent / "ingestion" / "samples"


def runs_dir() -> Path:
    """MLflow's database and artifacts; `THAW_RUNS` points elsewhere."""
    return Path(os.environ.get("THAW_RUNS") or project_root() / "mlruns")


def store_dir() -> Path:
    """Content-addressed data, checkpoints and the results of finished arms (`THAW_STORE`)."""
    return Path(os.environ.get("THAW_STORE") or runs_dir() / "store")


def cache_dir() -> Path:
    """Downloads and unpacked base models, shared by every checkout of a user (`THAW_CACHE`)."""
    return Path(os.environ.get("THAW_CACHE") or Path.home() / ".cache" / "thaw")


PICTURES = "THAW_PICTURES"


def pictures_dir() -> Path | None:
    """The one folder from which a model that is served opens pictures that requests name.

    None, the default, where the server's owner has not set THAW_PICTURES.
    """
    folder = os.environ.get(PICTURES)
    return Path(folder) if folder else None


def variable_of(path: Path) -> str | None:
    """The environment variable that moves the folder in which `path` lies; None if none does."""
    folders = {"THAW_CACHE": cache_dir(), "THAW_STORE": store_dir(), "THAW_RUNS": runs_dir()}
    whole = path.absolute()
    return next(
        (name for name, folder in folders.items() if whole.is_relative_to(folder.absolute())), None
    )
