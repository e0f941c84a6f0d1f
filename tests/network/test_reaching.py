"""Whether anybody answers, asked of real sockets on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback import Site, answers, goes_silent

from tasks.errors import ThawError
from tasks.network.reaching import WAIT, check_somebody_answers
from tasks.tracking import Tracker


@pytest.fixture
def silent() -> Iterator[str]:
    """Host and port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"127.0.0.1:{port}"


def test_whatever_a_server_says_it_answers(site: Site) -> None:
    site.moods += [answers(404), answers(401), answers(500)]
    for _ in range(3):
        check_somebody_answers(site.url.replace("http://", "http://user:secret@"))
    assert [path for path, _ in site.seen] == ["/health"] * 3
    assert all("Authorization" not in headers for _, headers in site.seen)


def test_a_gateway_whose_server_is_away_does_not(site: Site) -> None:
    site.moods += [answers(503)]
    with pytest.raises(OSError, match="503"):
        check_somebody_answers(site.url)


def test_a_server_that_says_nothing_does_not(site: Site, silent: str) -> None:
    site.moods += [goes_silent(3)]
    for address in (site.url, f"http://{silent}", f"https://{silent}"):
        with pytest.raises(OSError, match="no answer within 1 seconds"):
            check_somebody_answers(address, wait=1)


def test_a_database_that_takes_the_connection_and_says_nothing_does_not(silent: str) -> None:
    for scheme in ("postgresql", "postgresql+psycopg", "mysql+pymysql"):
        with pytest.raises(OSError, match="no answer within 1 seconds"):
            check_somebody_answers(f"{scheme}://user:secret@{silent}/mlflow", wait=1)
    check_somebody_answers(f"mssql+pyodbc://user:secret@{silent}/mlflow", wait=1)  # not known
    with pytest.raises(OSError, match="refused"):
        check_somebody_answers(f"postgresql://user:secret@{closed()}/mlflow")


@pytest.mark.parametrize(
    "address", ["sqlite:////tmp/some.db", "file:///tmp/runs", "databricks://profile", "runs"]
)
def test_what_has_no_host_is_not_asked(address: str) -> None:
    check_somebody_answers(address)


def test_a_real_database_answers(postgres: str) -> None:
    """The session's listens on a socket of the file system: a byte is carried each way."""
    folder = parse_qs(urlsplit(postgres).query)["host"][0]

    def carry(listening: socket.socket) -> None:
        asked, _ = listening.accept()
        with asked, socket.socket(socket.AF_UNIX) as database:
            database.connect(f"{folder}/.s.PGSQL.5432")
            database.sendall(asked.recv(8))
            asked.sendall(database.recv(1))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        carrying = threading.Thread(target=carry, args=(listening,))
        carrying.start()
        check_somebody_answers(f"postgresql://127.0.0.1:{listening.getsockname()[1]}/mlflow")
        carrying.join(timeout=10)


def test_a_store_whose_database_says_nothing_is_a_sentence(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WAIT == 10
    monkeypatch.setattr("tasks.network.reaching.WAIT", 2.0)
    begun = time.monotonic()
    with pytest.raises(ThawError, match=r"cannot be reached .no answer within 2 seconds"):
        Tracker(f"postgresql://user:secret@{silent}/mlflow")
    assert time.monotonic() - begun < 7


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_store_whose_server_is_away_is_a_sentence_at_once(scheme: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ThawError, match=r"cannot be reached .*check tracking\.uri"):
        Tracker(f"{scheme}://{closed()}")
    assert time.monotonic() - begun < 15
