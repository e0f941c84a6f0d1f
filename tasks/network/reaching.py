"""Whether anybody answers at an address, asked before a library asks for minutes.

MLflow's client tries a server seven times, and its store a database ten: an address that nobody
serves costs the user four minutes before he hears of it.
"""

import socket
import ssl
from urllib.parse import urlsplit

import httpx

WAIT = 10.0
"""Seconds for an answer; a server that needs longer would not carry a run."""
AWAY = (502, 503, 504)
"""What a gateway says whose server is away."""
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def check_somebody_answers(address: str, wait: float = WAIT) -> None:
    """Return if an HTTP server answers there, whatever it says, or a database takes a connection.

    Addresses without a host (files), and those whose port is not known, are not asked. No
    credentials are sent.

    Args:
        address: `http://…`, `postgresql+psycopg://…` and the like.
        wait: seconds for connecting, and again for the answer's first line.

    Raises:
        OSError: nobody does; the text says why.
    """
    parts = urlsplit(address)
    scheme = parts.scheme.partition("+")[0]
    if parts.hostname is None:
        return
    if scheme in ("http", "https"):
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
        _check_http(f"{bare}/health", wait)
    elif port := parts.port or PORTS.get(scheme):
        socket.create_connection((parts.hostname, port), wait).close()


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
