"""Statements said to PostgreSQL in one call each, past what psycopg does about a cursor.

psycopg takes a dozen Python calls to send a statement and to wait for its answer, so as to serve
other styles of work too: some 0.1 ms of an arrival's 1.5. Values and rows are still its own matter.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from itertools import count
from typing import Any

from psycopg import Connection, Error, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from minicrm.databases.hot import FetchedRows

DONE = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})

# What the server says of a statement that it has under no such name, or under one with other types.
FORGOTTEN = frozenset({"26000", "0A000", "42P05"})


class Prepared:
    """What is prepared on a connection: names by the statements' texts."""

    def __init__(self) -> None:
        self._names: dict[str, bytes] = {}
        self._numbers = count()

    def name_of(self, statement: str) -> bytes | None:
        """Return the name of a statement, or None for one that is not prepared."""
        return self._names.get(statement)

    def new_name(self) -> bytes:
        """Return a name that nothing has."""
        return b"hot_%d" % next(self._numbers)

    def note(self, statement: str, name: bytes) -> None:
        """Remember that a statement is prepared."""
        self._names[statement] = name

    def forget(self, statement: str) -> None:
        """Have a statement prepared anew."""
        self._names.pop(statement, None)


def say(connection: "Connection[Any]", command: bytes) -> None:
    """Run a command that has no values and no rows. Raises psycopg's errors."""
    _checked(connection.pgconn.exec_(command))


def commit(connection: "Connection[Any]") -> None:
    """Commit. Raises psycopg's errors; also where the server has undone all after an error.

    It answers such a COMMIT with ROLLBACK, and calls that a success.
    """
    result = _checked(connection.pgconn.exec_(b"COMMIT"))
    if result.command_status != b"COMMIT":
        raise OperationalError("the transaction was rolled back, as a statement in it had failed")


class HotCursor(FetchedRows):
    """A cursor for a few statements that come often: each is prepared at its first use, or none is.

    With `prepared` None, and on connections that may not prepare (`prepare_threshold` None: behind
    a pooler), each is sent as a whole. Values are strings, numbers, truth values, moments
    and None, their types what the statement makes of them; rows are read as psycopg does by itself,
    so moments in UTC.
    """

    def __init__(
        self,
        connection: "Connection[Any]",
        errors: AbstractContextManager[Any],
        prepared: Prepared | None,
    ) -> None:
        super().__init__(errors)
        self._connection = connection
        self._prepared = prepared

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Send a statement with `%s` for each value, and fetch its rows."""
        with self._errors:
            self._execute(statement, values)

    def _execute(self, statement: str, values: Sequence[Any]) -> None:
        transformer = Transformer(self._connection)
        as_text = transformer.dump_sequence(values, [PyFormat.TEXT] * len(values))
        try:
            result = _checked(self._answer(statement, as_text))
        except Error as error:
            if self._prepared and error.sqlstate in FORGOTTEN:
                self._prepared.forget(statement)
            raise
        transformer.set_pgresult(result)
        self._rows = transformer.load_rows(0, result.ntuples, tuple) if result.nfields else []

    def _answer(self, statement: str, values: Sequence[Any]) -> PGresult:
        server = self._connection.pgconn
        if self._prepared is None or self._connection.prepare_threshold is None:
            return server.exec_params(_numbered(statement), values)
        name = self._prepared.name_of(statement)
        if name is None:
            name = self._prepared.new_name()
            _checked(server.prepare(name, _numbered(statement)))
            self._prepared.note(statement, name)
        return server.exec_prepared(name, values)


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
