"""A table with a column of paths of pictures as a folder in the layout of VQA v2.

The pictures are copied: a case keeps what it was drafted from, wherever the table goes.
"""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from tasks.drafting.columns import Column
from tasks.drafting.form import Form
from tasks.errors import RequestError, ThawError
from tasks.ingestion.delimited import shown_columns
from tasks.ingestion.labels import NO, YES
from tasks.kinds.pictures.layout import image_name, named_part
from tasks.storage import write_text

PART = "all"
"""What the one part is called; validation and test are cut from it."""


def picture_column(form: Form) -> str | None:
    """The first column whose cells are all paths of pictures."""
    columns = (Column(name, [row.get(name) for row in form.records]) for name in form.names)
    return next((column.name for column in columns if column.pictures), None)


def folder_of_table(form: Form, pictures: str, folder: Path, anew: bool = False) -> list[str]:
    """Write the table's questions, answers and pictures as a folder.

    Args:
        form: the table; paths in it are read from its own folder.
        pictures: the column of paths.
        folder: to be made, whole or not at all.
        anew: it may take the place of one that was made so.

    Returns:
        What was taken for what, and what was left out, a line each.

    Raises:
        RequestError: the folder is there, no two columns are question and answer, or no row has
            a picture in reach.
        ThawError: a picture cannot be copied.
    """
    if folder.exists() and not (anew and named_part(folder, PART).questions.is_file()):
        raise RequestError(f"{folder} is there already: remove it, or give another --name.")
    asks, answers = _roles(form, pictures)
    partial, former = (folder.with_name(f".{folder.name}.{uuid4().hex[:8]}") for _ in range(2))
    try:
        counts = _write(form, (pictures, asks, answers), partial)
        if not counts["used"]:
            raise RequestError(
                f"{form.path}: no row has a picture in reach ({_left_out(counts, pictures)}); "
                "paths are read from the folder of the file, and none may lead out of it."
            )
        if folder.exists():
            folder.rename(former)
        try:
            partial.rename(folder)
        except OSError:
            if former.exists():
                former.rename(folder)
            raise
    except OSError as error:
        raise ThawError(f"Cannot copy the pictures into {folder}: {error}.") from error
    finally:
        for each in (partial, former):
            shutil.rmtree(each, ignore_errors=True)
    said = [
        f"{pictures} names pictures, {asks} asks about them, {answers} is the answer",
        f"{counts['pictures']:,} pictures of {counts['used']:,} questions, copied to {folder}",
    ]
    left_out = _left_out(counts, pictures)
    return said + ([f"rows left out: {left_out}"] if left_out else [])


def _left_out(counts: Counter[str], pictures: str) -> str:
    named = {
        "empty": f"{pictures}, question or answer is empty",
        "outside": "the path leads out of the file's folder",
        "missing": "there is no such picture",
    }
    return "; ".join(f"{counts[key]:,} where {why}" for key, why in named.items() if counts[key])


def _roles(form: Form, pictures: str) -> tuple[str, str]:
    """The columns with questions and answers: by their names, or the only two that are left."""
    by_name = {name.strip().lower(): name for name in form.names}
    if "question" in by_name and "answer" in by_name:
        return by_name["question"], by_name["answer"]
    columns = [Column(name, [row.get(name) for row in form.records]) for name in form.names]
    left = [c for c in columns if c.cells and c.name != pictures and not c.identifies]
    if len(left) != 2:
        raise RequestError(
            f"{form.path}: {pictures} names pictures, and which columns ask about them and answer "
            f"is not clear: call two of them question and answer (the columns are "
            f"{shown_columns(form.names)}), or learn from texts alone with --text and --label."
        )
    asks, answers = sorted(left, key=lambda column: -column.words)
    return asks.name, answers.name


def _write(form: Form, roles: Sequence[str], folder: Path) -> Counter[str]:
    part = named_part(folder, PART)
    part.images.mkdir(parents=True)
    home = form.path.expanduser().absolute().parent.resolve()
    counts: Counter[str] = Counter(used=0)
    ids: dict[Path, int] = {}
    questions: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, record in enumerate(form.records, 1):
        picture, question, answer = (str(record.get(name) or "").strip() for name in roles)
        place = (home / picture).resolve()
        if not (picture and question and answer):
            counts["empty"] += 1
        elif not place.is_relative_to(home):
            counts["outside"] += 1
        elif not place.is_file():
            counts["missing"] += 1
        else:
            if place not in ids:
                ids[place] = len(ids) + 1
                shutil.copyfile(place, part.images / image_name(PART, ids[place]))
            named = {"question_id": number, "image_id": ids[place]}
            questions.append({**named, "question": question})
            said = {"multiple_choice_answer": answer, "answer_type": _kind(answer)}
            annotations.append({**named, **said, "answers": [{"answer": answer}]})
            counts["used"] += 1
    counts["pictures"] = len(ids)
    write_text(part.questions, json.dumps({"questions": questions}, ensure_ascii=False))
    write_text(part.annotations, json.dumps({"annotations": annotations}, ensure_ascii=False))
    return counts


def _kind(answer: str) -> str:
    """VQA v2's kind of an answer."""
    if answer.isdecimal():
        return "number"
    return "yes/no" if answer.lower() in YES | NO else "other"
