"""PostgreSQL databases of their own, for tests that need an empty one."""

import contextlib
import time
from collections.abc import Iterator

import psycopg
from psycopg import sql

TRIES, PAUSE = 100, 0.1


@contextlib.contextmanager
def new_database(url: str, name: str) -> Iterator[str]:
    """Create an empty database beside the one at `url`; yield its address, and drop it then."""
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            _drop(server, name)


def _drop(server: psycopg.Connection, name: str) -> None:
    """Drop a database, whoever is connected to it.

    An autovacuum worker is a superuser's, which we may not end: it has to finish first.
    """
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    for _ in range(TRIES):
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            server.execute(drop)
            return
        time.sleep(PAUSE)
    server.execute(drop)
