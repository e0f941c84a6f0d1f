"""The one configuration path: `conf/<case>.yaml`, then the profile, then overrides.

load_case("genre", "sample", ["training.epochs=1", "strategies=[full,head]"])
"""

import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tasks.config import CaseConfig
from tasks.config.case_files import find_case, proper_name, read_case_file
from tasks.config.data import GIVEN_GROUP
from tasks.config.kinds import CASES
from tasks.config.placing import with_placed_models
from tasks.config.plain_yaml import from_yaml, require_shallow
from tasks.errors import RequestError
from tasks.secrets import hidden_addresses, shown
from tasks.wording import cut, nearest

C = TypeVar("C", bound=CaseConfig)
DATA_SOURCES = ("sample", "path", "hub", "url", "archives")
# Some of their fields have the names of training's, which are meant more often.
SPECIAL = ("hosted", "rl", "vqa")
MOST_POINTS = 10_000
"""Points of a grid: more are a slip, and listing them alone would take minutes."""
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
# What is said of one source and holds for no other.
BELONGINGS = (
    *("member", "sha256"),
    *("hub_config", "hub_test_split", "hub_validation_split", "hub_revision"),
)
# What a profile says of its own data: other data have a form, columns, labels and languages of
# their own.
OF_THE_PROFILE = (
    *("format", "encoding", "separator", "header", "quotes_are_text"),
    *("columns", "rename_values", "rename_labels", "keep", "may_be_empty", "labels", "positive"),
    *("split_column", "time_column", "group_column"),
)
OWN = "own"
"""What the profile is called where a case has none, or where a run reads other data than its."""


def load_case(
    case: str,
    profile: str | None = None,
    overrides: Sequence[str] | Mapping[str, Any] = (),
) -> CaseConfig:
    """The resolved, frozen configuration.

    Args:
        case: a name from `case_names()`, or the path of a case's file.
        profile: `sample` or `book` (by default the first that the case has); a user's own case
            needs none.
        overrides: `field=value` texts (values are YAML), or the same as a nested mapping.

    Raises:
        RequestError: an unknown case, profile or field (with the nearest valid name), or a
            value that does not fit its field.
    """
    fields = read_case_file(case)
    name = proper_name(case)
    profiles = fields.pop("profiles", None) or {}
    chosen = overrides if isinstance(overrides, Mapping) else parse_overrides(overrides)
    require_shallow(chosen, "The overrides")
    model = _model_of(fields, case)
    check_names(chosen, model)
    for field in ("case", "profile"):
        if field in chosen:
            raise RequestError(f"{field} is no field to override: say `thaw run CASE --profile P`.")
    above = _profile_of(name, profiles, profile)
    used = profile or next(iter(profiles), OWN)
    chosen = with_placed_models(_with_lists(chosen, model), Path.cwd())
    if _is_the_profiles_own(chosen, above):
        told = {k: v for k, v in above["data"].items() if k not in (*DATA_SOURCES, "sha256")}
        above = {**above, "data": told}
    elif _names_data(chosen):
        fields, above, used = _without_source(fields), _without_data(above), OWN
    resolved = _with_group(_merge(_merge(_merge(model.defaults, fields), above), chosen))
    resolved.update(case=name, profile=used)
    if used not in (OWN, next(iter(profiles), OWN)):
        # What one profile registers is neither another's champion nor its start.
        named = {"name": f"{name}-{used}"}
        resolved["registry"] = {**named, **(resolved.get("registry") or {})}
    try:
        config = model.model_validate(resolved)
    except ValidationError as error:
        raise RequestError(_sentence(error)) from error
    list(grid_points(config))  # refuses bad grid values now
    return config


def _with_group(fields: dict[str, Any]) -> dict[str, Any]:
    """A case that names `data.group_column`, split by it where nothing else says what groups."""
    split = fields.get("split") or {}
    named = (fields.get("data") or {}).get("group_column") is not None
    if not named or split.get("group_by", "none") != "none":
        return fields
    return fields | {"split": {**split, "group_by": "column", "group_role": GIVEN_GROUP}}


def _profile_of(case: str, profiles: Mapping[str, Any], wanted: str | None) -> Mapping[str, Any]:
    """The fields of one profile of a case: of the first where none is asked for."""
    if wanted is None:
        return next(iter(profiles.values()), None) or {}
    if not profiles:
        raise RequestError(f"Case {case} has no profiles: leave out --profile.")
    if wanted not in profiles:
        raise RequestError(
            f"Case {case} has no profile {wanted!r}{nearest(wanted, profiles)}; "
            f"it has {', '.join(profiles)}."
        )
    return profiles[wanted] or {}


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
    """The value as YAML, but for what is a comment there and part of a name here (`my model #2`);
    a lone punctuation mark (a separator, say) stands for itself."""
    if len(value) <= 1 and not value.isalnum():
        return value
    if re.match(r"[^\[{'\"]*(?<!\S)#", value):
        return value.strip()
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


def _with_lists(chosen: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Overrides in which a lone value stands for a list of one, and commas for several.

    `seeds=1`, `strategies=full,head`. A list of texts is written as one: they may hold commas.
    """
    made = {}
    for name, value in chosen.items():
        kind = model.model_fields[name].annotation if name in model.model_fields else None
        if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, Mapping):
            value = _with_lists(value, kind)
        elif get_origin(kind) is tuple and isinstance(value, str | int | float):
            parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else []
            if len(parts) < 2:
                value = [value]
            elif get_args(kind)[0] is not str:
                value = parts
        made[name] = value
    return made


def _names_data(chosen: Mapping[str, Any]) -> bool:
    """Whether overrides name a source of their own."""
    over = chosen.get("data") or {}
    return any(over.get(source) is not None for source in DATA_SOURCES)


def _is_the_profiles_own(chosen: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    """Whether overrides name a copy of the very file that the profile would download: what it says
    of its data then holds."""
    over, data = chosen.get("data") or {}, above.get("data") or {}
    path, wanted = over.get("path"), data.get("sha256")
    if not (isinstance(path, str) and data.get("url") and wanted):
        return False
    try:
        with Path(path).expanduser().open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted
    except OSError:
        return False  # refused by what reads it


def _without_source(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A case without the source that it names, what belongs to it, and figures beside its own."""
    data = dict(fields.get("data") or {})
    for field in (*DATA_SOURCES, *BELONGINGS):
        data.pop(field, None)
    return {name: value for name, value in fields.items() if name != "reference"} | {"data": data}


def _without_data(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A profile without anything that it says of its own data."""
    kept = _without_source(profile)
    for field in OF_THE_PROFILE:
        kept["data"].pop(field, None)
    return kept


def case_model(case: str) -> type[CaseConfig]:
    """What a case of that name holds: the common sections, and those of its kind.

    Raises:
        RequestError: there is no such case, or its file names no kind that there is.
    """
    return _model_of(read_case_file(case), case)


def _model_of(fields: Mapping[str, Any], case: str) -> type[CaseConfig]:
    task = fields.get("task")
    if task not in CASES:
        hint = nearest(str(task), tuple(CASES))
        path = find_case(case).path
        raise RequestError(f"{path}: task is {task!r}{hint}; use {', '.join(CASES)}.")
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
        changes = with_placed_models(changes, Path.cwd())
        try:
            sections = {
                part: type(section).model_validate({**section.model_dump(), **changes[part]})
                for part in changes
                if (section := getattr(config, part))
            }
        except ValidationError as error:
            raise RequestError(f"grid: {_sentence(error)}") from error
        yield point, config.model_copy(update=sections)


def on_each_base(config: C) -> dict[str, C]:
    """Base model, as it was given -> the case with it: the case's own, or those of its grid."""
    if "base" not in config.grid.model:
        return {config.model.base: config}
    return {str(point["model.base"]): made for point, made in grid_points(config)}


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
