"""A view of the database at one moment, while others go on writing to it."""

import contextlib
from collections.abc import Iterator

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

# Nobody waits for either: readers and writers do not block each other on PostgreSQL, nor on
# SQLite in WAL mode. DEFERRED, as the IMMEDIATE of our settings would be a writer.
BEGIN = {
    "postgresql": (
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "SET LOCAL statement_timeout = 0",
        "SET LOCAL idle_in_transaction_session_timeout = 0",  # a pipe may be slow
    ),
    "sqlite": ("BEGIN DEFERRED",),
}


@contextlib.contextmanager
def snapshot() -> Iterator[BaseDatabaseWrapper]:
    """Open a connection of its own that sees one committed state until the end of the block."""
    connection = connections["default"].copy()
    try:
        with connection.cursor() as cursor:
            for statement in BEGIN[connection.vendor]:
                cursor.execute(statement)
        applied_migrations(connection)  # the first query decides which state is seen
        yield connection
    finally:
        connection.close()


def applied_migrations(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """Return (app, name) of the migrations in the database, sorted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        return sorted({(app, name) for app, name in cursor.fetchall()})


def count_rows(model: type[Model], connection: BaseDatabaseWrapper) -> int:
    """Return the number of rows in the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM {connection.ops.quote_name(model._meta.db_table)}"  # noqa: S608
        )
        return int(cursor.fetchone()[0])
