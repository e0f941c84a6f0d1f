"""From what a file was taken for to a case: base model, lengths, training, as YAML."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from tasks.drafting.columns import Column
from tasks.drafting.form import Form
from tasks.drafting.recipes import RECIPES
from tasks.drafting.told import Told
from tasks.drafting.yaml_text import comment, one_line, role_names, section

TITLE_LENGTH = 70
_ENGLISH = "reads English; for other languages give its name, folder or hub id"
_TEX = 0.3
"""Share of the texts to be written with a command of TeX from which on they are formulas."""


STEPS = 600
"""Updates of an arm that the epochs aim at: enough to learn, few enough to wait for."""


def written(form: Form, told: Told, folder: Path, base: str | None, max_length: int | None) -> str:
    """The YAML of a case.

    Args:
        form: the file.
        told: what it was taken for.
        folder: where the YAML is to lie; the file is named from there.
        base: the base model; None for the recipe's.
        max_length: tokens that hold most texts; None where they were not measured.
    """
    recipe = RECIPES[told.task]
    head = comment(
        [
            f"Drafted by `thaw new {form.path.name}` from {len(form.records):,} records. What is "
            "not here is as `thaw show` says it.",
            *(f"- {line}" for line in told.said),
            *(f"? {line}" for line in told.unsure),
        ]
    )
    learned = ", ".join(told.label) or "answers"
    title = f"{learned} from {', '.join(told.text) or form.path.name}"
    top = (
        f"title: {one_line(title[:TITLE_LENGTH])}\n"
        f"task: {told.task}\n"
        f"strategies: [{', '.join(recipe.strategies)}]\n"
    )
    model = {"base": base or recipe.base, "max_length": max_length or recipe.max_length}
    if base is None and not recipe.writes:
        model["backbone_dropout"] = 0.0
    notes = {"base": _ENGLISH} if base is None else {}
    low, high = recipe.epochs
    rows = max(1, int(len(form.records) * 0.7))
    passes = round(STEPS * recipe.training["batch_size"] / rows)
    training = {"epochs": min(high, max(low, passes)), **recipe.training}
    parts = [
        section("data", _data(form, told, folder)),
        section("numbers", told.numbers),
        section("language", _language(told)),
        section("model", model, notes),
        section("training", training),
        section("evaluation", told.evaluation | _judged(told)),
    ]
    return head + top + "".join(f"\n{part}" for part in parts if part)


def _data(form: Form, told: Told, folder: Path) -> dict[str, Any]:
    """The section `data`: the file, its form, which column plays which role."""
    data: dict[str, Any] = {"path": _from(folder, form.path), **form.fields}
    if not told.text:  # a layout knows its columns
        sourced = RECIPES[told.task].writes and "source" in told.columns
        return data | told.data | ({"optional": ["source"]} if sourced else {})
    several = "label_columns" in told.data
    used = [*told.text, *(() if several else told.label)]
    names = _named_by_role(form, told)
    roles = role_names([names.get(column, column) for column in used])
    role_of = {column: roles[names.get(column, column)] for column in used}
    if "header" in data:
        data["header"] = [names.get(column, column) for column in form.names]
    label = "labels" if several else role_of[told.label[0]]
    texts = [role_of[column] for column in told.text]
    longest = max(told.text, key=lambda column: told.columns[column].words)
    columns = {
        role: names.get(column, column)
        for column, role in role_of.items()
        if role != names.get(column, column)
    }
    optional = []
    ids = [c for c in told.columns.values() if c.identifies and c.distinct == 1 and c.name != ""]
    if ids and ids[0].name not in used:
        optional.append("id")
        columns |= {"id": ids[0].name} if ids[0].name != "id" else {}
    data |= {"columns": columns} if columns else {}
    data["required"] = [*texts, label]
    data |= {"optional": optional} if optional else {}
    data |= {"text_role": role_of[longest], "label_role": label}
    data["text"] = [f"{{{role}}}" for role in texts]
    data |= {"may_be_empty": texts} if len(texts) > 1 and "pair" not in told.data else {}
    return {**data, **RECIPES[told.task].data, **told.data}


def _named_by_role(form: Form, told: Told) -> dict[str, str]:
    """Names for the columns of a file without a header."""
    if "header" not in form.fields:
        return {}
    texts = [f"text_{n}" for n in range(1, len(told.text) + 1)] if told.text[1:] else ["text"]
    labels = ["label"] if len(told.label) == 1 else list(told.label)
    return dict(zip((*told.text, *told.label), (*texts, *labels), strict=True))


def _from(folder: Path, path: Path) -> str:
    """The path as it is written beside the case: below its folder without it, else whole."""
    whole = path.expanduser().absolute()
    try:
        return str(whole.relative_to(folder.absolute()))
    except ValueError:
        return str(whole)


def _language(told: Told) -> dict[str, Any]:
    """How pairs become text, in cases that write."""
    if not RECIPES[told.task].writes:
        return {}
    if not told.text:
        return {"target_name": "Response", "answers": 20, "max_new_tokens": 128}
    answers = told.columns[told.label[0]]
    tokens = float(np.percentile([len(cell) / 3 for cell in answers.cells], 98))
    made = {
        "source_name": ", ".join(told.text),
        "target_name": told.label[0],
        "answers": 50,
        "max_new_tokens": int(min(512, max(32, 16 * math.ceil(tokens / 16)))),
    }
    return made | ({"scores": "latex"} if _is_tex(answers) else {})


def _is_tex(column: Column) -> bool:
    with_commands = sum("\\" in cell or "^" in cell for cell in column.cells)
    return with_commands >= _TEX * len(column.cells)


def _judged(told: Told) -> dict[str, Any]:
    """What decides where it is not the kind's own."""
    if RECIPES[told.task].writes and told.label and _is_tex(told.columns[told.label[0]]):
        table = ["normalised_match", "exact_match", "edit_similarity", "parses", "stops", "loss"]
        return {"primary": "test/normalised_match", "table": table}
    return {}
