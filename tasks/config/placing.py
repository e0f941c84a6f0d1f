"""Models that lie in folders are named by their whole paths."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.config.plain_yaml import from_yaml
from tasks.config.vqa import SMALL
from tasks.paths import conf_dirs


def with_placed_models(fields: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fields of a case in which models that lie in folders are named by their whole paths.

    An arm is asked from other folders than the one it was trained in, and there another model may
    have the same relative path.

    Args:
        fields: of a case, or overrides.
        folder: in which relative paths begin.
    """
    made = dict(fields)
    for section, names in _MODELS.items():
        inner = made.get(section)
        if isinstance(inner, Mapping):
            made[section] = {
                name: _placed(value, folder) if name in names else value
                for name, value in inner.items()
            }
    if isinstance(made.get("rewards"), list | tuple):
        made["rewards"] = [
            {**each, "model": _placed(each["model"], folder)}
            if isinstance(each, Mapping) and "model" in each
            else each
            for each in made["rewards"]
        ]
    return made


_MODELS = {
    "model": ("base",),
    "vqa": ("text_encoder", "image_encoder"),
    "language": ("encoder", "pretrain_on"),
}
"""Section -> its fields that name a model."""


def _placed(name: Any, folder: Path) -> Any:
    if not isinstance(name, str) or not name:
        return name
    path = folder / Path(name).expanduser()
    if not path.exists() or name in (SMALL, *_listed_models()):
        return name
    return str(path.absolute())


def _listed_models() -> set[str]:
    """The names in each `base_models.yaml`, which come before folders of the same name."""
    files = [folder / "base_models.yaml" for folder in conf_dirs()]
    found = (from_yaml(path.read_text("utf-8"), str(path)) for path in files if path.is_file())
    return {str(name) for entries in found if isinstance(entries, dict) for name in entries}
