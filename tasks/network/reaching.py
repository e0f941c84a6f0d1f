"""Whether anybody answers at an address, asked before a library asks for minutes.

MLflow's client tries a server seven times, and its store a database ten: an address that nobody
serves costs the user four minutes before he hears of it, and a file that is none a minute and a
half.
"""

import os
import socket
import sqlite3
import ssl
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx

WAIT = 10.0
"""Seconds for an answer; a server that needs longer would not carry a run."""
AWAY = (502, 503, 504)
"""What a gateway says whose server is away."""
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
HELLOS = {"postgresql": bytes.fromhex("0000000804d2162f"), "mysql": b""}
"""What a database has to hear before it says its first byte: PostgreSQL whether it encrypts
(SSLRequest in its protocol, 55.2.10), MySQL nothing."""


def check_somebody_answers(address: str, wait: float | None = None) -> None:
    """Return if a server of HTTP or a database answers there, whatever it says.

    A file of SQLite has to be one, or a place where one can be made. Addresses whose port is not
    known are not asked; of a database whose first words are not known it is enough that it takes
    the connection. No credentials are sent.

    Args:
        address: `http://…`, `postgresql+psycopg://…`, `sqlite:///…` and the like.
        wait: seconds for connecting, and again for the answer's first line (`WAIT`).

    Raises:
        OSError: nobody does; the text says why.
    """
    wait = WAIT if wait is None else wait
    parts = urlsplit(address)
    scheme = parts.scheme.partition("+")[0]
    if scheme == "sqlite":
        _check_file(address)
    if parts.hostname is None:
        return
    if scheme in ("http", "https"):
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
        _check_http(f"{bare}/health", wait)
    elif port := parts.port or PORTS.get(scheme):
        _check_database(parts.hostname, port, HELLOS.get(scheme), wait)


def _check_file(address: str) -> None:
    from sqlalchemy.engine import make_url

    name = make_url(address).database or ""
    if not name or name == ":memory:" or name.startswith("file:"):
        return
    file = Path(name).absolute()
    if not file.exists():
        folder = next(parent for parent in file.parents if parent.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise OSError(f"no file can be made in {folder}")
        return
    if not file.is_file():
        raise OSError("that is a folder" if file.is_dir() else "that is no file")
    try:
        line = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
        try:
            line.execute("PRAGMA schema_version").fetchone()
        finally:
            line.close()
    except sqlite3.OperationalError as error:  # busy, or in need of its journal: there it is
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN:  # and its kinds
            raise OSError(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise OSError(str(error)) from error


def _check_database(host: str, port: int, hello: bytes | None, wait: float) -> None:
    try:
        with socket.create_connection((host, port), wait) as line:
            if hello is not None:
                line.sendall(hello)
                line.recv(1)
    except TimeoutError as error:
        raise OSError(f"no answer within {wait:.0f} seconds") from error


def _check_http(url: str, wait: float) -> None:
    try:
        with httpx.stream("GET", url, timeout=wait) as answer:
            if answer.status_code in AWAY:
                raise OSError(f"{answer.status_code} {answer.reason_phrase}")
    except httpx.TimeoutException as error:
        raise OSError(f"no answer within {wait:.0f} seconds") from error
    except httpx.TransportError as error:
        if not _is_about_certificates(error):  # which MLflow has settings of its own for
            raise OSError(str(error)) from error


def _is_about_certificates(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None
