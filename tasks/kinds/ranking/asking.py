"""Questions with answers as `thaw predict` takes them for a reward model, and how it ranks them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.errors import RequestError
from tasks.registry.prediction import read_fields

Rows = list[dict[str, Any]]


def answer_records(texts: Sequence[str], file: Path | None) -> list[dict[str, str]]:
    """A record for each answer.

    Args:
        texts: a question and answers to it.
        file: JSON lines with `question` and `answer`.

    Raises:
        RequestError: there is no answer, a question is empty, or the file does not fit.
    """
    if texts and len(texts) < 2:
        raise RequestError(
            "A reward model ranks answers: give QUESTION ANSWER [ANSWER ...], or --file with a "
            "question and an answer on each line."
        )
    question, answers = (texts[0], texts[1:]) if texts else ("", ())
    records = [{"question": question, "answer": answer} for answer in answers]
    if file is not None:
        if file.suffix != ".jsonl":
            raise RequestError(
                f"{file} is no .jsonl file: give JSON lines with a question and an answer each."
            )
        records += read_fields(file, ("question", "answer"))
    if not records:
        raise RequestError("There is nothing to rank: give QUESTION ANSWER ... or --file FILE.")
    empty = [number for number, each in enumerate(records, 1) if not each["question"].strip()]
    if empty:
        raise RequestError(f"The question of answer {empty[0]} is empty: give at least one word.")
    return records


def ranked(rows: Rows, rewards: Rows) -> tuple[Rows, Rows]:
    """The answers to each question by falling reward, the questions in the order they came in."""
    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        first.setdefault(row["question"], number)
    order = sorted(
        range(len(rows)), key=lambda at: (first[rows[at]["question"]], -rewards[at]["reward"])
    )
    return [rows[at] for at in order], [rewards[at] for at in order]
