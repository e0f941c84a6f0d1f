"""Prediction with the champion, from the command line or from Python."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import RequestError
from tasks.tracking import Tracker


def load_champion(case: str, tracking_uri: str | None = None, alias: str = "champion") -> Any:
    """The model that the alias names.

    Raises:
        RequestError: there is none yet; says which flow makes it.
    """
    tracker = Tracker(tracking_uri)
    if tracker.alias(case, alias) is None:
        raise RequestError(
            f"There is no {alias} of {case} yet: `thaw run {case}` trains and registers one."
        )
    return tracker.load_pyfunc(f"models:/{case}@{alias}")


def predict(
    model: Any, texts: list[str], params: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Labels by falling probability for each text, or what a model that writes answers.

    Args:
        model: from `load_champion` or `load_arm`.
        texts: what is asked.
        params: of a model that writes, see `Writer.predict`.

    Raises:
        RequestError: there is no text, or one is empty.
    """
    if not texts:
        raise RequestError("There is nothing to predict: give a text or --file FILE.")
    empty = [number for number, text in enumerate(texts, 1) if not text.strip()]
    if empty:
        raise RequestError(f"Text {empty[0]} is empty: give at least one word.")
    answers: list[dict[str, Any]] = (
        model.predict(texts, params=params) if params else model.predict(texts)
    )
    return answers


def read_texts(path: Path) -> list[str]:
    """Texts from a file: one a line, or the `text` field of each JSONL record.

    Raises:
        RequestError: the file is missing, not UTF-8, empty, or a JSONL line does not fit.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} cannot be read as UTF-8 text: {error}.") from error
    # Not splitlines(): a JSON string may hold U+2028 and its like, which are no line ends here.
    lines = {n: line for n, line in enumerate(content.split("\n"), 1) if line.strip()}
    if not lines:
        raise RequestError(f"{path} holds no text.")
    return list(_jsonl_texts(lines, path)) if path.suffix == ".jsonl" else list(lines.values())


def _jsonl_texts(lines: dict[int, str], path: Path) -> Iterator[str]:
    for number, line in lines.items():
        try:
            text = json.loads(line)["text"]
        except (json.JSONDecodeError, KeyError, TypeError):
            text = None
        if not isinstance(text, str):
            raise RequestError(f"{path} line {number} is no JSON record with a `text` field.")
        yield text
