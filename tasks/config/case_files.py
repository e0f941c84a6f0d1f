"""Where a case's YAML lies: in `conf/`, in a folder of `THAW_CONF`, or where it is given by path.

read_case_file("genre")             ships with Thaw
read_case_file("tickets")           lies in a folder of THAW_CONF (several, like PATH)
read_case_file("work/tickets.yaml") lies where it says; the case is called `tickets`
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.config.placing import with_placed_models
from tasks.config.plain_yaml import from_yaml
from tasks.errors import RequestError
from tasks.paths import conf_dirs, conf_file, shipped_conf
from tasks.wording import nearest

CHAINS = ("sawyer",)
"""Files of `conf/` that chain cases (`tasks/config/chains.py`) and are none themselves."""
OTHER_NAMES = {"sawyer_sft": "sft"}
"""Names under which a case is known beside its own."""
_SUFFIXES = (".yaml", ".yml")
_IS_CASE = re.compile(r"^task\s*:", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,79}")


@dataclass(frozen=True)
class CaseFile:
    """A case by its file.

    Attributes:
        name: of the case; the stem of the file.
        path: where it lies.
    """

    name: str
    path: Path

    @property
    def ships(self) -> bool:
        """Whether it is one of Thaw's own."""
        return self.path.parent == shipped_conf()


def case_names() -> list[str]:
    """The cases of all `conf_dirs()`, sorted."""
    files = [path for folder in conf_dirs() for path in folder.glob("*.yaml")]
    return sorted({path.stem for path in files if _is_case(path)})


def _is_case(path: Path) -> bool:
    """Whether a file says what is learned; others (base models, prices, chains) are none."""
    try:
        return bool(_IS_CASE.search(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False


def ships(name: str) -> bool:
    """Whether a case of that name is one of Thaw's own: a user's cannot have the same."""
    return (shipped_conf() / f"{name}.yaml").is_file()


def is_name(name: str) -> bool:
    """Whether a case can be called so: letters, digits, `_` and `-`."""
    return _NAME.fullmatch(name) is not None


def is_path(case: str) -> bool:
    """Whether a case is given by the path of its file."""
    return case.endswith(_SUFFIXES) or os.sep in case


def proper_name(case: str) -> str:
    """The name of a case, given by path, by name, or by another that it goes by (`sawyer_sft`)."""
    return Path(case).stem if is_path(case) else OTHER_NAMES.get(case, case)


def find_case(case: str) -> CaseFile:
    """The file of a case or a chain.

    Args:
        case: its name, or the path of its file.

    Raises:
        RequestError: there is none, or its name cannot be a case's.
    """
    if is_path(case):
        return _by_path(Path(case).expanduser())
    name = proper_name(case)
    path = conf_file(f"{name}.yaml")
    if not (path.is_file() and is_name(name)):
        known = case_names()
        here = Path(f"{name}.yaml")
        way = f" (there is {here} in this folder: give it as {here})" if here.is_file() else ""
        raise RequestError(
            f"There is no case {case!r}{way or nearest(name, [*known, *CHAINS])}; "
            f"the cases are {', '.join(known)}."
        )
    return CaseFile(name, path)


def _by_path(path: Path) -> CaseFile:
    if not path.is_file():
        raise RequestError(
            f"There is no file {path}; a case is a YAML file, or a name that `thaw list` gives."
        )
    found = CaseFile(path.stem, path.absolute())
    if not is_name(found.name):
        raise RequestError(
            f"{path} names its case, and {found.name!r} is no name: use letters, digits, _ and -."
        )
    other = conf_file(f"{found.name}.yaml")
    taken = other.is_file() and (found.name in CHAINS or _is_case(other))
    if taken and other.resolve() != path.resolve():
        raise RequestError(
            f"{path} would be a case called {found.name}, and {other} is one already: runs and "
            "champions of both would be mixed up. Rename the file."
        )
    return found


def read_case_file(case: str) -> dict[str, Any]:
    """The YAML of a case or a chain as it stands, files that it names by where they lie.

    Raises:
        RequestError: there is no such case, or its file is not YAML.
    """
    found = find_case(case)
    try:
        text = found.path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{found.path} is not readable YAML: {error}.") from error
    content = from_yaml(text, str(found.path))
    if not isinstance(content, dict):
        raise RequestError(f"{found.path} holds no mapping of fields.")
    return content if found.ships else _beside(content, found.path.parent)


def _beside(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A user's case with `data.path` of it and its profiles taken from the folder of its file, and
    so its models that lie there."""

    def placed(fields: Any) -> Any:
        if not isinstance(fields, Mapping):
            return fields
        fields = with_placed_models(fields, folder)
        data = fields.get("data")
        given = data.get("path") if isinstance(data, Mapping) else None
        if not isinstance(given, str):
            return fields
        return {**fields, "data": {**(data or {}), "path": str(folder / Path(given).expanduser())}}

    profiles = content.get("profiles")
    if isinstance(profiles, Mapping):
        content = {**content, "profiles": {name: placed(one) for name, one in profiles.items()}}
    made: dict[str, Any] = placed(content)
    return made
