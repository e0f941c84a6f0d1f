"""Questions and their annotations, joined by `question_id` into one table.

    table, left_out = read_part(find_parts(folder)[0])

Both files are read as streams, record by record; pictures are not touched.
"""

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import ijson
import pyarrow as pa

from tasks.errors import RequestError
from tasks.kinds.pictures.layout import VqaPart

Record = dict[str, Any]


def records(path: Path, key: str) -> Iterator[tuple[int, Record]]:
    """The objects of the list under `key` of a file's one object, with their numbers from 1.

    Raises:
        RequestError: the file is not there, not JSON (after which record), without that list,
            or holds something else than objects in it.
    """
    number = 0
    try:
        with path.open("rb") as stream:
            if stream.read(3) != codecs.BOM_UTF8:  # what Windows' editors put before the text
                stream.seek(0)
            for record in ijson.items(stream, f"{key}.item", use_float=True):
                number += 1
                if not isinstance(record, dict):
                    raise RequestError(f"{path}, {key} {number}: no object, but {record!r:.60}.")
                yield number, record
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ijson.JSONError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise RequestError(
            f"{path} is not whole JSON: after {number} of its {key} comes {reason!r}."
        ) from error
    if not number:
        raise RequestError(f'{path} holds no {key}: {{"{key}": [{{...}}, ...]}} is needed.')


def whole_number(record: Record, name: str, where: str) -> int:
    """A field that must be a whole number (an id).

    Raises:
        RequestError: it is not.
    """
    value = record.get(name)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        shown = f"is {value!r:.40}" if name in record else "is missing"
        raise RequestError(f"{where}: {name} {shown}, and should be a whole number.")
    return value


OnUnmatched = Literal["raise", "skip"]
LONGEST_ANSWER = 100
"""Characters; DAQUAR's longest list of objects has 92. Longer ones are pasted text."""
SCHEMA = pa.schema(
    {
        "question_id": pa.int64(),
        "image_id": pa.int64(),
        "part": pa.string(),
        "question": pa.string(),
        "question_type": pa.string(),
        "answer_type": pa.string(),
        "answer": pa.string(),
        "answers": pa.list_(pa.string()),
    }
)
"""`answer` is what most annotators said, `answers` what each did."""


@dataclass
class LeftOut:
    """Rows that are not used, by reason: how many, and the first five by name."""

    count: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, names: Iterable[object]) -> None:
        """Count rows; each name stands for one."""
        for name in names:
            self.count[reason] += 1
            first = self.first.setdefault(reason, [])
            if len(first) < 5:
                first.append(str(name))

    def take_over(self, other: "LeftOut") -> None:
        """Count what another count has, too."""
        for reason, count in other.count.items():
            self.add(reason, other.first[reason])
            self.count[reason] += count - len(other.first[reason])

    def sentences(self) -> list[str]:
        """`3 no answer: 12, 15, 19`, a line a reason."""
        return [
            f"{count} {reason}: {', '.join(self.first[reason])}{', …' if count > 5 else ''}"
            for reason, count in sorted(self.count.items())
        ]


@dataclass(frozen=True)
class _Annotation:
    """What the annotators said about one question."""

    image_id: int
    question_type: str
    answer_type: str
    answer: str
    answers: list[str]


def read_part(
    part: VqaPart,
    on_unmatched: OnUnmatched = "raise",
    longest_answer: int = LONGEST_ANSWER,
) -> tuple[pa.Table, LeftOut]:
    """The usable questions of a part, in the order of the questions file.

    Left out and counted are questions without a letter or digit, and those whose answer is
    empty or longer than `longest_answer`; empty answers of single annotators are dropped.

    Args:
        part: from `layout.find_parts`.
        on_unmatched: what a question without annotation, or an annotation without question, does:
            end the run with its id, or be left out and counted.
        longest_answer: characters.

    Returns:
        A table of `SCHEMA`, and what was left out.

    Raises:
        RequestError: unreadable files or fields, an id twice, an annotation of another picture
            than its question, rows that do not match, or no usable row.
    """
    said = _annotations(part)
    left_out = LeftOut()
    rows: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    seen: set[int] = set()
    lonely: list[int] = []
    for number, record in records(part.questions, "questions"):
        where = f"{part.questions}, question {number}"
        question_id = _new_id(record, where, seen)
        found = said.pop(question_id, None)
        if found is None:
            lonely.append(question_id)
            continue
        if whole_number(record, "image_id", where) != found.image_id:
            raise RequestError(
                f"{where}: question {question_id} is about image {record['image_id']}, and its "
                f"annotation in {part.annotations.name} about image {found.image_id}."
            )
        question = _text(record, "question", where)
        if reason := _fault(question, found, longest_answer):
            left_out.add(reason, [question_id])
            continue
        values = (question_id, found.image_id, part.name, question)
        answered = (found.question_type, found.answer_type, found.answer, found.answers)
        for column, value in zip(rows.values(), (*values, *answered), strict=True):
            column.append(value)
    _settle(lonely, part, "question without annotation", on_unmatched, left_out)
    _settle(list(said), part, "annotation without question", on_unmatched, left_out)
    if not rows["question_id"]:
        raise RequestError(
            f"Part {part.name} has no usable question: {'; '.join(left_out.sentences())}."
        )
    return pa.table(rows, schema=SCHEMA), left_out


def _annotations(part: VqaPart) -> dict[int, _Annotation]:
    """Annotations by question id. Equal texts are kept once: most answers are among a thousand."""
    found: dict[int, _Annotation] = {}
    seen: set[int] = set()
    pool: dict[str, str] = {}
    for number, record in records(part.annotations, "annotations"):
        where = f"{part.annotations}, annotation {number}"
        question_id = _new_id(record, where, seen)
        answers = [
            pool.setdefault(text, text)
            for text in (_text(one, "answer", where) for one in _answers(record, where))
            if text
        ]
        answer = _text(record, "multiple_choice_answer", where, needed=False)
        if not answer and answers:
            answer = Counter(answers).most_common(1)[0][0]
        found[question_id] = _Annotation(
            image_id=whole_number(record, "image_id", where),
            question_type=pool.setdefault(kind := str(record.get("question_type", "")), kind),
            answer_type=pool.setdefault(kind := str(record.get("answer_type", "other")), kind),
            answer=pool.setdefault(answer, answer),
            answers=answers or ([answer] if answer else []),
        )
    return found


def _new_id(record: Record, where: str, seen: set[int]) -> int:
    question_id = whole_number(record, "question_id", where)
    if question_id in seen:
        raise RequestError(f"{where}: the question_id {question_id} was there before.")
    seen.add(question_id)
    return question_id


def _answers(record: Record, where: str) -> list[Record]:
    answers = record.get("answers", [])
    if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
        raise RequestError(f'{where}: answers should be a list of {{"answer": "..."}}.')
    return answers


def _text(record: Record, name: str, where: str, needed: bool = True) -> str:
    """A text on one line; a number stands for itself."""
    value = record.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str | int | float):
        raise RequestError(f"{where}: {name} is {value!r:.40}, and should be a text.")
    return " ".join(str(value).split())


def _fault(question: str, annotation: _Annotation, longest: int) -> str | None:
    """Why a question cannot be used, if so."""
    if not any(character.isalnum() for character in question):
        return "questions without a letter or digit"
    if not annotation.answer:
        return "questions without an answer"
    if len(annotation.answer) > longest:
        return f"answers of more than {longest} characters"
    return None


def _settle(
    ids: Sequence[int], part: VqaPart, what: str, on_unmatched: OnUnmatched, left_out: LeftOut
) -> None:
    if not ids:
        return
    if on_unmatched == "raise":
        shown = ", ".join(map(str, ids[:5]))
        raise RequestError(
            f"Part {part.name} has {len(ids)} rows of the kind '{what}' (question_id {shown}"
            f"{', …' if len(ids) > 5 else ''}): {part.questions.name} and "
            f"{part.annotations.name} should hold the same questions."
        )
    left_out.add(what, ids)
