"""Answers of a model as a file that other programs read."""

from pathlib import Path
from typing import Any

import pandas as pd

from tasks.errors import RequestError
from tasks.storage import atomic_path, require_writable

FORMS = (".csv", ".tsv", ".jsonl", ".parquet")


def check_out(path: Path, asked: Path | None = None) -> None:
    """See, before a model is asked, that its answers can be written there.

    Args:
        path: of the answers.
        asked: the file of the questions, if they are one.

    Raises:
        RequestError: no format by that name, the file of the questions itself, or a folder that
            cannot be written.
    """
    if asked is not None and path.exists() and asked.exists() and path.samefile(asked):
        raise RequestError(
            f"--out {path} is the file that is asked about, which its answers would take the place "
            "of: name another."
        )
    if path.suffix.lower() not in FORMS:
        raise RequestError(f"--out {path}: the name has to end in one of {', '.join(FORMS)}.")
    require_writable(path.absolute().parent)


def write_answers(answers: list[dict[str, Any]], path: Path) -> None:
    """Write a row for each answer.

    CSV and TSV have a column for each figure: lists are joined by ", ", and what is by name (the
    probability of each label) becomes a column of that name (`probabilities.spam`).

    Args:
        answers: as `thaw predict --json` prints them.
        path: its ending says the format.
    """
    form = path.suffix.lower()
    with atomic_path(path) as partial:
        if form == ".jsonl":
            pd.DataFrame(answers).to_json(partial, orient="records", lines=True, force_ascii=False)
        elif form == ".parquet":
            pd.DataFrame(answers).to_parquet(partial, index=False)
        else:
            flat = pd.DataFrame([_flat(answer) for answer in answers])
            flat.to_csv(partial, index=False, sep="\t" if form == ".tsv" else ",")


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in answer.items():
        if isinstance(value, dict):
            row |= {f"{name}.{inner}": one for inner, one in value.items()}
        elif isinstance(value, list | tuple):
            row[name] = ", ".join(map(str, value))
        else:
            row[name] = value
    return row
