"""Statements said to PostgreSQL in one call each, past what psycopg does about a cursor.

psycopg takes a dozen Python calls to send a statement and to wait for its answer, so as to serve
other styles of work too: some 0.1 ms of an arrival's 1.5. Values and rows are still its own matter.
"""

import re
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any, Self

from psycopg import Connection, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

DONE = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})

# By its text, the name of what is prepared on a connection.
Prepared = dict[str, bytes]


def say(connection: "Connection[Any]", command: bytes) -> None:
    """Run a command that has no values and no rows. Raises psycopg's errors."""
    _checked(connection.pgconn.exec_(command))


class PreparedCursor:
    """A cursor for a few statements that come often: each is prepared at its first use.

    On connections that may not prepare (`prepare_threshold` None: behind a pooler) each is sent as
    a whole. Values are strings, numbers, truth values, moments and None, their types what the
    statement makes of them; rows are read as psycopg does by itself, so moments in UTC.
    """

    def __init__(self, connection: "Connection[Any]", prepared: Prepared) -> None:
        self._connection = connection
        self._prepared = prepared
        self._rows: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Send a statement with `%s` for each value, and fetch its rows."""
        transformer = Transformer(self._connection)
        as_text = transformer.dump_sequence(values, [PyFormat.TEXT] * len(values))
        result = _checked(self._answer(statement, as_text))
        transformer.set_pgresult(result)
        self._rows = transformer.load_rows(0, result.ntuples, tuple) if result.nfields else []

    def _answer(self, statement: str, values: Sequence[Any]) -> PGresult:
        server = self._connection.pgconn
        if self._connection.prepare_threshold is None:
            return server.exec_params(_numbered(statement), values)
        name = self._prepared.get(statement)
        if name is None:
            name = b"hot_%d" % len(self._prepared)
            _checked(server.prepare(name, _numbered(statement)))
            self._prepared[statement] = name
        return server.exec_prepared(name, values)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None after the last."""
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []


@cache
def _numbered(statement: str) -> bytes:
    numbers = count(1)
    return re.sub("%s", lambda _: f"${next(numbers)}", statement).encode()


def _checked(result: PGresult) -> PGresult:
    if result.status in DONE:
        return result
    error = error_from_result(result)
    if error.sqlstate is None:  # the library's own word: the server says nothing any more
        raise OperationalError(str(error))
    raise error
