"""A drafted case as the YAML that its user keeps: short, commented, only what is no default."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

WIDTH = 100


def one_line(value: Any) -> str:
    """A value as YAML writes it within a line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def section(name: str, fields: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> str:
    """A group of fields, each on a line of its own, some with a note behind it."""
    if not fields:
        return ""
    lines = [f"{name}:"]
    for field, value in fields.items():
        note = (notes or {}).get(field)
        if isinstance(value, list | tuple) and any(len(str(item)) > 60 for item in value):
            lines += [f"  {field}:", *(f"    - {one_line(item)}" for item in value)]
        else:
            lines.append(f"  {field}: {one_line(value)}" + (f" # {note}" if note else ""))
    return "\n".join(lines) + "\n"


def comment(lines: Sequence[str]) -> str:
    """Sentences as comment lines that fit the width."""
    found = []
    for line in lines:
        words = " ".join(line.split())
        while len(words) > WIDTH - 2:
            at = words.rfind(" ", 0, WIDTH - 2)
            at = at if at > 0 else WIDTH - 2
            found.append(f"# {words[:at]}")
            words = "  " + words[at:].strip()
        found.append(f"# {words}")
    return "\n".join(found) + "\n"


def role_names(columns: Sequence[str]) -> dict[str, str]:
    """A name for each column that a template can hold: itself where that is one."""
    roles: dict[str, str] = {}
    for column in columns:
        bare = re.sub(r"\W+", "_", column.strip().lower()).strip("_") or "column"
        role = column if column.isidentifier() else bare
        role = f"{role}_" if role in ("row", "id") or role[0].isdigit() else role
        while role in roles.values():
            role += "_"
        roles[column] = role
    return roles
