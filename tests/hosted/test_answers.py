"""Asking every row: bounded, in any order, resumed where it stopped."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hosted_parts import MakePart

from tasks.errors import RequestError, ThawError
from tasks.hosted.answers import ask_all, read_answers
from tasks.hosted.jsonl import Example
from tasks.network.hosted_errors import RefusedError
from tasks.network.replies import Reply

TEXTS = [f"text {number}" for number in range(40)]


def echo(row: Example) -> Reply:
    return Reply(text=row.text)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "arm" / "answers-test.jsonl"


def test_answers_that_arrive_in_any_order_stay_with_their_rows(
    make_part: MakePart, journal: Path
) -> None:
    chance = random.Random(1)  # noqa: S311

    def slow(row: Example) -> Reply:
        time.sleep(chance.uniform(0, 0.02))
        return echo(row)

    found = ask_all(make_part(TEXTS), slow, journal, 8, "t")
    assert {name: answer.reply.text for name, answer in found.items()} == {
        f"r{number}": text for number, text in enumerate(TEXTS)
    }
    order = [line.split('"')[3] for line in journal.read_text().splitlines()]
    assert order != [f"r{number}" for number in range(40)]  # they did arrive out of order


def test_no_more_rows_are_asked_at_a_time_than_allowed(make_part: MakePart, journal: Path) -> None:
    lock, busy, most = threading.Lock(), 0, 0

    def watched(row: Example) -> Reply:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.005)
        with lock:
            busy -= 1
        return echo(row)

    ask_all(make_part(TEXTS), watched, journal, 3, "t")
    assert most == 3


def fails_after(count: int, error: Exception) -> Callable[[Example], Reply]:
    lock, seen = threading.Lock(), [0]

    def ask(row: Example) -> Reply:
        with lock:
            seen[0] += 1
            if seen[0] > count:
                raise error
        return echo(row)

    return ask


def test_after_a_failure_only_the_missing_rows_are_asked(
    make_part: MakePart, journal: Path
) -> None:
    part = make_part(TEXTS)
    with pytest.raises(ThawError, match="gone"):
        ask_all(part, fails_after(15, ThawError("gone")), journal, 4, "t")
    kept = set(read_answers(journal))
    assert len(kept) == 15
    asked: list[str] = []

    def ask(row: Example) -> Reply:
        asked.append(row.id)
        return echo(row)

    found = ask_all(part, ask, journal, 4, "t")
    assert set(asked) == {f"r{number}" for number in range(40)} - kept
    assert len(asked) == 25
    assert found == read_answers(journal)
    ask_all(part, fails_after(0, ThawError("never asked again")), journal, 4, "t")


def test_a_line_that_a_kill_cut_short_is_asked_again(make_part: MakePart, journal: Path) -> None:
    part = make_part([f"{text} \u2028 é" for text in TEXTS])
    whole = ask_all(part, echo, journal, 4, "t")
    content = journal.read_bytes()
    for cut in (1, 3, 20):
        journal.write_bytes(content[:-cut])
        assert len(read_answers(journal)) == 39
        assert ask_all(part, echo, journal, 1, "t") == whole
        assert read_answers(journal) == whole


def test_a_damaged_line_is_named(make_part: MakePart, journal: Path) -> None:
    ask_all(make_part(TEXTS), echo, journal, 4, "t")
    lines = journal.read_text().splitlines()
    lines[6] = "{}"
    journal.write_text("\n".join(lines) + "\n")
    with pytest.raises(ThawError, match="line 7 is damaged"):
        read_answers(journal)


def test_a_row_that_the_server_refuses_is_kept_as_such(make_part: MakePart, journal: Path) -> None:
    def ask(row: Example) -> Reply:
        if row.id == "r3":
            raise RefusedError("too long")
        return echo(row)

    found = ask_all(make_part(TEXTS), ask, journal, 4, "t")
    assert found["r3"].refused == "too long"
    assert sum(bool(answer.refused) for answer in found.values()) == 1


def test_a_server_that_refuses_every_row_is_asked_no_further(
    make_part: MakePart, journal: Path
) -> None:
    with pytest.raises(RequestError, match="logprobs are not supported"):
        ask_all(
            make_part(TEXTS),
            fails_after(0, RefusedError("logprobs are not supported")),
            journal,
            2,
            "t",
        )
    assert len(read_answers(journal)) <= 10
