"""Locks that a migration takes on PostgreSQL: waited for briefly, and who stands in the way.

ALTER TABLE waits for every transaction that has touched the table, and whoever comes after it waits
behind it, readers too. So it gives up soon, lets them pass, and tries again.
"""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

MAX_SHOWN = 3

HOLDERS = """
SELECT DISTINCT a.pid, coalesce(a.state, ''), coalesce(a.application_name, ''), a.xact_start,
    extract(epoch FROM clock_timestamp() - a.xact_start)::integer
FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = l.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY a.xact_start LIMIT %s
"""

BLOCKERS = """
SELECT a.pid, coalesce(a.state, ''), coalesce(a.application_name, ''), a.xact_start,
    extract(epoch FROM clock_timestamp() - a.xact_start)::integer
FROM pg_stat_activity a WHERE a.pid = ANY(pg_blocking_pids(%s))
ORDER BY a.xact_start LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """A transaction that holds locks on tables; what it does is not shown: that holds values."""

    pid: int
    state: str
    application: str
    seconds: int

    def __str__(self) -> str:
        name = f" of {self.application!r}" if self.application else ""
        return f"process {self.pid}{name} ({self.state}, its transaction open for {self.seconds} s)"


def lock_holders(connection: BaseDatabaseWrapper) -> list[Holder]:
    """Return the transactions under way that hold locks on tables, the oldest first."""
    return _holders(connection, HOLDERS, MAX_SHOWN)


def blockers(connection: BaseDatabaseWrapper, pid: int) -> list[Holder]:
    """Return the transactions that the process waits for at this moment, the oldest first."""
    return _holders(connection, BLOCKERS, pid, MAX_SHOWN)


def _holders(connection: BaseDatabaseWrapper, query: str, *values: int) -> list[Holder]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [
            Holder(pid, state, application, seconds or 0)
            for pid, state, application, _start, seconds in cursor.fetchall()
        ]


@contextlib.contextmanager
def impatient(connection: BaseDatabaseWrapper, *, lock_ms: int) -> Iterator[None]:
    """Let migrations inside the block wait at most so long for each lock, but work without limit.

    For their transactions alone (SET LOCAL): a connection that a pooler lends carries nothing on.
    Only for a migration without a transaction it is said to the connection, and taken back.
    """
    base: type[BaseDatabaseSchemaEditor] = connection.SchemaEditorClass

    class ImpatientEditor(base):  # type: ignore[misc, valid-type]
        def __enter__(self) -> BaseDatabaseSchemaEditor:
            editor: BaseDatabaseSchemaEditor = super().__enter__()
            scope = "LOCAL" if self.atomic_migration else "SESSION"
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET {scope} lock_timeout = {lock_ms}")
                cursor.execute(f"SET {scope} statement_timeout = 0")
            return editor

        def __exit__(
            self,
            exc_type: type[BaseException] | None,
            exc_value: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            if exc_type is None:
                # Django itself would leave the transaction open if one of these failed.
                try:
                    for statement in self.deferred_sql:
                        self.execute(statement, None)
                except BaseException:
                    super().__exit__(*sys.exc_info())
                    raise
                self.deferred_sql.clear()
            super().__exit__(exc_type, exc_value, traceback)
            if not self.atomic_migration and self.connection.is_usable():
                with self.connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
                    cursor.execute("RESET statement_timeout")

    connection.SchemaEditorClass = ImpatientEditor
    try:
        yield
    finally:
        connection.SchemaEditorClass = base
