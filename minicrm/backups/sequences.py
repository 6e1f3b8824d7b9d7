"""The numbers that new rows will get."""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model


def continue_after(model: type[Model], last_id: int, connection: BaseDatabaseWrapper) -> None:
    """Let the table's next row get the number after `last_id`, as part of this transaction.

    Not by setval, which PostgreSQL does not take back when the transaction is rolled back.
    """
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            if sequence := sequence_name(model, connection):
                cursor.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {last_id + 1:d}")
        else:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
            cursor.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last_id]
            )


def last_given_id(model: type[Model], connection: BaseDatabaseWrapper) -> int:
    """Return the highest number that the table gave to a row so far, 0 for none."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sequence = sequence_name(model, connection)
            if sequence is None:
                return 0
            # After a restart it is the number that comes next; one that was given, else.
            cursor.execute(f"SELECT last_value - (NOT is_called)::integer FROM {sequence}")  # noqa: S608
        else:
            cursor.execute(
                "SELECT max(seq) FROM sqlite_sequence WHERE name = %s", [model._meta.db_table]
            )
        return int(cursor.fetchone()[0] or 0)


def sequence_name(model: type[Model], connection: BaseDatabaseWrapper) -> str | None:
    """Return the sequence behind the table's key on PostgreSQL, quoted; None if it has none."""
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, model._meta.pk.column])
        name: str | None = cursor.fetchone()[0]
        return name
