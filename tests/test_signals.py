"""Whoever stops a run stops it between two writes."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType

import pytest

from tasks.errors import ThawError
from tasks.signals import STOPPING, Undisturbed, undisturbed, within


class Stopped(BaseException):
    """What a signal comes to here."""


@pytest.fixture
def stopping() -> Iterator[None]:
    """SIGTERM raises, as under Prefect."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


class Database:
    """Writes in two halves."""

    halves = 0
    name = "sqlite"

    def write(self, rows: int, *, twice: bool = False) -> int:
        """Stopped in the middle."""
        self.halves += 1
        os.kill(os.getpid(), signal.SIGTERM)
        if twice:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        self.halves += 1
        return rows

    def write_slowly(self) -> None:
        """The time is up in the middle."""
        self.halves += 1
        time.sleep(0.1)
        self.halves += 1


@pytest.mark.parametrize("twice", [False, True])
def test_a_write_is_whole_before_the_run_stops(stopping: None, twice: bool) -> None:
    database = Database()
    handlers = [signal.getsignal(each) for each in STOPPING]
    with pytest.raises(Stopped):
        Undisturbed(database).write(3, twice=twice)
    assert database.halves == 2
    assert [signal.getsignal(each) for each in STOPPING] == handlers
    assert Undisturbed(database).name == "sqlite"


def test_an_error_of_the_write_itself_is_raised_without_a_signal() -> None:
    with pytest.raises(ValueError, match="full"), undisturbed():
        raise ValueError("full")


def test_other_threads_hear_of_no_signal() -> None:
    done: list[int] = []

    def work() -> None:
        with undisturbed():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def patient() -> None:
    """What a library does that tries again."""
    with suppress(Exception):
        time.sleep(10)
    time.sleep(10)


def test_what_takes_too_long_fails_even_where_faults_are_caught() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(ThawError, match="an hour is over"), within(0.05, "an hour is over"):
        patient()
    assert signal.getsignal(signal.SIGALRM) == handler
    with within(0.05, "an hour is over"):
        pass
    time.sleep(0.1)  # nothing rings afterwards


def test_the_alarm_waits_for_a_write() -> None:
    database = Database()
    with pytest.raises(ThawError), within(0.02, "late"):
        Undisturbed(database).write_slowly()
    assert database.halves == 2
