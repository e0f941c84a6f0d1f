"""Asking a hosted model about every row of a part: concurrently, resumably, in any order.

Each answer is appended to a journal beside the job with the id of its row, so that neither the
order in which answers arrive nor a restart can put one beside another row's truth.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from tqdm import tqdm

from tasks.errors import RequestError, ThawError
from tasks.hosted.jsonl import Example, examples
from tasks.network.hosted_errors import RefusedError
from tasks.network.replies import Reply
from tasks.storage import TableRef

REFUSALS = 5
"""So many refused rows, and no row answered, are a wrong request rather than odd rows."""

Ask = Callable[[Example], Reply]


class Answer(BaseModel):
    """A row's answer; `refused` is the server's reason where it would not answer that row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    reply: Reply
    refused: str = ""


def journal_of(folder: Path, part: str) -> Path:
    """Where a part's answers lie."""
    return folder / f"answers-{part}.jsonl"


def read_answers(journal: Path) -> dict[str, Answer]:
    """The answers that are there, by row id; a last line that a kill cut short is none.

    Raises:
        ThawError: another line is damaged.
    """
    try:
        *lines, _ = journal.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    found = {}
    for number, line in enumerate(lines, 1):
        try:
            answer = Answer.model_validate_json(line)
        except ValidationError as error:
            raise ThawError(
                f"{journal}, line {number} is damaged: delete the line, and the row is asked again."
            ) from error
        found[answer.id] = answer
    return found


def ask_all(
    table: TableRef, ask: Ask, journal: Path, concurrency: int, title: str
) -> dict[str, Answer]:
    """An answer for every row, those of the journal included.

    Args:
        table: the part.
        ask: gives one row's reply; called from several threads.
        journal: takes each answer as it comes.
        concurrency: rows that are asked at a time.
        title: what the progress bar says.

    Returns:
        Row id -> answer, for every row of the part.

    Raises:
        ThawError: the server failed for good; what was answered is kept.
        RequestError: it takes no row at all.
    """
    found = read_answers(journal)
    left = (one for batch in examples(table) for one in batch if one.id not in found)
    missing = table.rows - len(found)
    if not missing:
        return found
    _drop_torn_line(journal)
    with (
        journal.open("a", encoding="utf-8") as stream,
        tqdm(total=table.rows, initial=len(found), desc=title, unit="row", disable=None) as bar,
    ):
        for answer in _asked(left, missing, ask, concurrency):
            stream.write(answer.model_dump_json() + "\n")
            stream.flush()
            found[answer.id] = answer
            bar.update()
            if answer.refused:
                _refuse_if_all_are(found)
    return found


def _asked(rows: Iterator[Example], count: int, ask: Ask, concurrency: int) -> Iterator[Answer]:
    """Answers as they arrive.

    The threads are daemons: after Ctrl-C, nobody waits for a server that is silent, or that has
    asked for two minutes' patience.
    """
    arrived: queue.Queue[Answer | Exception] = queue.Queue()
    lock, stop = threading.Lock(), threading.Event()

    def work() -> None:
        while not stop.is_set():
            try:
                with lock:
                    row = next(rows, None)
                if row is None:
                    return
                arrived.put(_answer(row, ask))
            except Exception as error:
                arrived.put(error)
                return

    for number in range(min(concurrency, count)):
        threading.Thread(target=work, name=f"thaw-ask-{number}", daemon=True).start()
    try:
        for _ in range(count):
            answer = arrived.get()
            if isinstance(answer, Exception):
                stop.set()
                while not arrived.empty():  # what has arrived is paid for: keep it
                    late = arrived.get()
                    if isinstance(late, Answer):
                        yield late
                raise answer
            yield answer
    finally:
        stop.set()


def _answer(row: Example, ask: Ask) -> Answer:
    try:
        return Answer(id=row.id, reply=ask(row))
    except RefusedError as refusal:
        return Answer(id=row.id, reply=Reply(text=""), refused=str(refusal))


def _refuse_if_all_are(found: dict[str, Answer]) -> None:
    refused = [answer.refused for answer in found.values() if answer.refused]
    if len(refused) == len(found) >= REFUSALS:
        raise RequestError(refused[0])


def _drop_torn_line(journal: Path) -> None:
    """Cut off what a kill left of a line, so that the next one starts at a line's start."""
    if not journal.exists():
        journal.parent.mkdir(parents=True, exist_ok=True)
        return
    with journal.open("rb+") as stream:
        content = stream.read()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            stream.truncate(whole)
            stream.flush()
            os.fsync(stream.fileno())
