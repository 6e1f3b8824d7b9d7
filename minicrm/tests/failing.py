"""Database statements that fail on purpose: any one of a request's, as the database would.

On PostgreSQL the failures are the server's own. SQLite's are raised in place of the statement: in
the middle of a transaction its one writer cannot be made to fail.
"""

import contextlib
import re
import select
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from django.db import connection, connections

from minicrm import transactions

COMMIT = "COMMIT"
SAVEPOINT_NUMBER = re.compile(r"(?<=_x)\d+")


class Statements:
    """The statements of a block in order, COMMIT included, and one of them that fails.

    Number `at`, from 0, fails in the first way of `ways`. When everything is run again, it fails
    in the next, until there is none left. The pauses in between are left out, for `pause`.
    """

    def __init__(self, ways=(), at=None, *, pause=lambda: None):
        self.texts = []
        self.left = list(ways)
        self._at, self._failing = at, None
        self._pause = pause
        self._seen = Counter()  # in this attempt at this transaction

    @contextlib.contextmanager
    def watched(self):
        """See every statement until the end of the block."""
        commit = connection._commit  # to Django no statement: execute wrappers do not see it

        def committed():
            self._step(COMMIT, commit)
            self._seen.clear()

        with connection.execute_wrapper(self._on_statement), pytest.MonkeyPatch.context() as patch:
            patch.setattr(connection, "_commit", committed)
            patch.setattr(transactions.time, "sleep", self._on_pause)
            yield self

    def _on_statement(self, execute, sql, params, many, context):
        return self._step(sql, lambda: execute(sql, params, many, context))

    def _on_pause(self, seconds):
        self._seen.clear()
        self._pause()

    def _step(self, text, run):
        self.texts.append(text)
        plain = SAVEPOINT_NUMBER.sub("", text)
        self._seen[plain] += 1
        place = plain, self._seen[plain]
        if len(self.texts) - 1 == self._at:
            self._failing = place
        if not self.left or place != self._failing:
            return run()
        with connection.wrap_database_errors:
            self.left.pop(0)(text, run)
        raise AssertionError(f"did not fail: {text}")


@dataclass(frozen=True)
class Failure:
    """How a statement fails.

    Each way is called with the statement's text and a function that sends it, and raises the
    driver's error.
    """

    name: str
    vendor: str
    ways: tuple[Callable, ...]
    gone: bool = False  # the database: no use in running the transaction again
    stored: bool = False  # the statement took effect all the same
    can_hit: Callable = lambda text: True

    def __str__(self):
        return self.name


def is_commit(text):
    return text == COMMIT


def is_new_work(text):
    """Whether a lock may be missing. PostgreSQL refuses all but ROLLBACK after an error anyway."""
    return not text.startswith("ROLLBACK")


# PostgreSQL -----------------------------------------------------------------------------------

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{}'; END $$"
RAISE_AT_COMMIT = """
CREATE TEMPORARY TABLE failing (id integer);
CREATE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{}'; END $$;
CREATE CONSTRAINT TRIGGER failing AFTER INSERT ON failing DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pg_temp.fail();
INSERT INTO failing VALUES (1);
"""


def raised_by_server(code, text, run):
    """Fail with an error code; the server aborts the transaction."""
    statements = RAISE_AT_COMMIT if is_commit(text) else RAISE
    connection.connection.execute(statements.format(code))
    run()  # the COMMIT, which fires the trigger


def end_connection():
    """Have the server end our connection; return when it has said so."""
    ours = connection.connection
    with contextlib.closing(connections["default"].copy()) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [ours.info.backend_pid])
        assert cursor.fetchone()[0]
    assert select.select([ours.fileno()], [], [], 10)[0]


def lose_connection(text, run):
    end_connection()
    run()


def lose_answer(text, run):
    run()
    end_connection()
    connection.connection.execute("SELECT 1")


# SQLite ---------------------------------------------------------------------------------------


def find_it_locked(text, run):
    raise sqlite3.OperationalError("database is locked")


def lose_disk(text, run):
    connection.connection.rollback()  # as SQLite does by itself
    raise sqlite3.OperationalError("disk I/O error")


def lose_disk_after(text, run):
    run()
    raise sqlite3.OperationalError("disk I/O error")


LOCK_CODES = {
    "40001": "serialization_failure",
    "40P01": "deadlock_detected",
    "55P03": "lock_not_available",
}
FAILURES = [
    Failure(
        " ".join(LOCK_CODES),
        "postgresql",
        tuple(partial(raised_by_server, code) for code in LOCK_CODES),
        can_hit=is_new_work,
    ),
    Failure("connection lost", "postgresql", (lose_connection,), gone=True),
    Failure("answer lost", "postgresql", (lose_answer,), gone=True, stored=True, can_hit=is_commit),
    Failure("database is locked", "sqlite", (find_it_locked,), can_hit=is_new_work),
    Failure("disk lost", "sqlite", (lose_disk,), gone=True),
    Failure(
        "disk lost after", "sqlite", (lose_disk_after,), gone=True, stored=True, can_hit=is_commit
    ),
]
