"""The one configuration path: `conf/<case>.yaml`, then the profile, then overrides.

load_case("genre", "sample", ["training.epochs=1", "strategies=[full,head]"])
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.config import CaseConfig
from tasks.config.kinds import CASES
from tasks.config.plain_yaml import from_yaml, require_shallow
from tasks.errors import RequestError
from tasks.paths import conf_dir
from tasks.secrets import hidden_addresses, shown
from tasks.wording import cut, nearest

C = TypeVar("C", bound=CaseConfig)
DATA_SOURCES = ("sample", "path", "hub", "url")
# Some of their fields have the names of training's, which are meant more often.
SPECIAL = ("hosted", "rl", "vqa")
CHAINS = ("sawyer",)
"""Files of `conf/` that chain cases (`tasks/config/chains.py`) and are none themselves."""
OTHER_NAMES = {"sawyer_sft": "sft"}
"""Names under which a case is known beside its own."""
MOST_POINTS = 10_000
"""Points of a grid: more are a slip, and listing them alone would take minutes."""
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
# What is said of one source and holds for no other.
BELONGINGS = (
    "member",
    "sha256",
    "hub_config",
    "hub_test_split",
    "hub_revision",
    "format",
    "separator",
    "header",
    "quotes_are_text",
)


def case_names() -> list[str]:
    """The cases that `conf/` holds, sorted."""
    return sorted(path.stem for path in conf_dir().glob("*.yaml") if _is_case(path))


def _is_case(path: Path) -> bool:
    return path.stem not in {"base_models", "openai", *CHAINS}


def proper_name(case: str) -> str:
    """A case's name, where another was given that it goes by too: `sawyer_sft` is `sft`."""
    return OTHER_NAMES.get(case, case)


def read_case_file(case: str) -> dict[str, Any]:
    """The YAML of a case or a chain as it stands.

    Raises:
        RequestError: there is no such case, or its file is not YAML.
    """
    case = proper_name(case)
    path = conf_dir() / f"{case}.yaml"
    if case not in (*case_names(), *CHAINS):
        hint = nearest(case, [*case_names(), *CHAINS])
        raise RequestError(
            f"There is no case {case!r}{hint}; the cases are {', '.join(case_names())}."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} is not readable YAML: {error}.") from error
    content = from_yaml(text, str(path))
    if not isinstance(content, dict):
        raise RequestError(f"{path} holds no mapping of fields.")
    return content


def load_case(
    case: str,
    profile: str = "sample",
    overrides: Sequence[str] | Mapping[str, Any] = (),
) -> CaseConfig:
    """The resolved, frozen configuration.

    Args:
        case: a name from `case_names()`.
        profile: `sample` or `book`.
        overrides: `field=value` texts (values are YAML), or the same as a nested mapping.

    Raises:
        RequestError: an unknown case, profile or field (with the nearest valid name), or a
            value that does not fit its field.
    """
    case = proper_name(case)
    fields = read_case_file(case)
    profiles = fields.pop("profiles", {})
    if profile not in profiles:
        raise RequestError(
            f"Case {case} has no profile {profile!r}{nearest(profile, profiles)}; "
            f"it has {', '.join(profiles)}."
        )
    chosen = overrides if isinstance(overrides, Mapping) else parse_overrides(overrides)
    require_shallow(chosen, "The overrides")
    model = _model_of(fields, case)
    check_names(chosen, model)
    for name in ("case", "profile"):
        if name in chosen:
            raise RequestError(f"{name} is no field to override: say `thaw run CASE --profile P`.")
    resolved = _merge(_merge(fields, profiles[profile] or {}), chosen)
    _let_one_source_win(resolved, chosen)
    resolved.update(case=case, profile=profile)
    try:
        config = model.model_validate(resolved)
    except ValidationError as error:
        raise RequestError(_sentence(error)) from error
    list(grid_points(config))  # refuses bad grid values now
    return config


def parse_overrides(texts: Sequence[str]) -> dict[str, Any]:
    """`["training.epochs=1"]` as `{"training": {"epochs": 1}}`.

    Raises:
        RequestError: an override without `=`, or whose value is not YAML.
    """
    tree: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        told = hidden_addresses(text)
        if not equals or not name.strip():
            raise RequestError(
                f"The override {cut(told)!r} is not of the form field=value (training.epochs=1)."
            )
        parsed = _value(value, told)
        _set(tree, name.strip().split("."), parsed, told)
    return tree


def _value(value: str, text: str) -> Any:
    """The value as YAML; a lone punctuation mark (a separator, say) stands for itself."""
    if len(value) <= 1 and not value.isalnum():
        return value
    return _with_numbers(from_yaml(value, f"The value of {cut(text)!r}"))


def _with_numbers(value: Any) -> Any:
    """YAML 1.1 reads 1e-4 as text; here it is a number, in lists and mappings too."""
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_numbers(item) for key, item in value.items()}
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


def _set(tree: dict[str, Any], keys: list[str], value: Any, text: str) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise RequestError(f"The override {cut(text)!r} contradicts an earlier one.")
    earlier = tree.get(keys[-1])
    if isinstance(earlier, dict):  # the whole group, after one of its fields
        if not isinstance(value, dict):
            raise RequestError(f"The override {cut(text)!r} contradicts an earlier one.")
        value = _merge(earlier, value)
    tree[keys[-1]] = value


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _let_one_source_win(resolved: dict[str, Any], chosen: Mapping[str, Any]) -> None:
    """An override that names a source replaces the profile's, with what belonged to it."""
    over = chosen.get("data") or {}
    named = [source for source in DATA_SOURCES if over.get(source) is not None]
    if not named:
        return
    belongings = (*DATA_SOURCES, *BELONGINGS)
    for field in belongings:
        if field not in over:
            resolved["data"].pop(field, None)


def case_model(case: str) -> type[CaseConfig]:
    """What a case of that name holds: the common sections, and those of its kind.

    Raises:
        RequestError: there is no such case, or its file names no kind that there is.
    """
    return _model_of(read_case_file(case), proper_name(case))


def _model_of(fields: Mapping[str, Any], case: str) -> type[CaseConfig]:
    task = fields.get("task")
    if task not in CASES:
        hint = nearest(str(task), tuple(CASES))
        raise RequestError(f"conf/{case}.yaml: task is {task!r}{hint}; use {', '.join(CASES)}.")
    return CASES[task]


def known_fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted field name of a configuration model."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_fields(field.annotation, f"{prefix}{name}.")


def check_names(tree: Mapping[str, Any], model: type[CaseConfig]) -> None:
    """Refuse a name that a case's configuration does not have, with the nearest one that it has.

    Raises:
        RequestError: the first such name.
    """
    for name in _unknown(tree, model):
        section = name.partition(".")[0]
        owners = [task for task, other in CASES.items() if section in other.model_fields]
        if owners and section not in model.model_fields:
            raise RequestError(
                f"{section} is a section of cases with task {' or '.join(owners)}, and this one's "
                "is another; `thaw show CASE` lists all fields."
            )
        known = [
            field
            for field in known_fields(model)
            if (of := field.partition(".")[0]) not in SPECIAL or name.startswith(f"{of}.")
        ]
        hint = nearest(name, known)
        raise RequestError(f"Unknown field {name}{hint}; `thaw show CASE` lists all fields.")
    for part, values in (tree.get("grid") or {}).items():
        fields: Any = model.model_fields[part].annotation
        for name in values or {}:
            if name not in fields.model_fields:
                hint = nearest(name, fields.model_fields)
                raise RequestError(f"Unknown field grid.{part}.{name}{hint}.")


def _unknown(tree: Mapping[str, Any], model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted names that a model does not have.

    Raises:
        RequestError: a group of fields is set to nothing.
    """
    for key, value in tree.items():
        field = model.model_fields.get(key)
        if field is None:
            yield f"{prefix}{key}"
            continue
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            if isinstance(value, Mapping):
                yield from _unknown(value, nested, f"{prefix}{key}.")
            elif value is None:
                raise RequestError(f"{prefix}{key} is a group of fields: override one of them.")


def grid_points(config: C) -> Iterator[tuple[dict[str, Any], C]]:
    """Each combination of grid values, with the configuration that it makes.

    Yields:
        (point, config); point is `{"training.learning_rate": 1e-5, …}`, empty when there is no
        grid.

    Raises:
        RequestError: a field without values, or a value that does not fit its field.
    """
    axes = [
        (f"{part}.{name}", values)
        for part in type(config.grid).model_fields
        for name, values in getattr(config.grid, part).items()
    ]
    for name, values in axes:
        if not values:
            raise RequestError(f"grid.{name} has no values: give a list of at least one.")
    points = math.prod(len(values) for _, values in axes)
    if points > MOST_POINTS:
        raise RequestError(
            f"The grid comes to {points:,} points, each trained by itself: name fewer values "
            f"(at most {MOST_POINTS:,} points)."
        )
    for combination in itertools.product(*(values for _, values in axes)):
        point = dict(zip((name for name, _ in axes), combination, strict=True))
        changes: dict[str, dict[str, Any]] = {}
        for name, value in point.items():
            part, _, field = name.partition(".")
            changes.setdefault(part, {})[field] = value
        try:
            sections = {
                part: type(section).model_validate({**section.model_dump(), **changes[part]})
                for part in changes
                if (section := getattr(config, part))
            }
        except ValidationError as error:
            raise RequestError(f"grid: {_sentence(error)}") from error
        yield point, config.model_copy(update=sections)


def _sentence(error: ValidationError) -> str:
    """Pydantic's findings as one readable sentence a field."""
    findings = []
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in item["loc"]) or "the configuration"
        what = item["msg"].removeprefix("Value error, ")
        given = item["input"]
        repeated = "" if isinstance(given, dict | BaseModel) else f" (given: {_repeated(given)})"
        findings.append(f"{where}: {what}{repeated}")
    return "; ".join(findings) + "."


def _repeated(given: Any) -> str:
    """What was given, as an error may repeat it: of an address, with a scheme or not, no secret."""
    whole = isinstance(given, str) and ("@" in given or "://" in given)
    return cut(repr(shown(given)) if whole else hidden_addresses(repr(given)))
