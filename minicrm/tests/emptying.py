"""Empty the tables after a test that commits, in a tenth of the time of Django's `flush`.

That one takes away every permission and content type as well, and makes them anew each time.
"""

from django.core.management import call_command
from django.db import connection, transaction

KEPT = ("django_content_type", "auth_permission")
MANY = 500  # rows that PostgreSQL deletes one by one, each with a look at who refers to it

_kept_as_it_was: list[tuple[int, int]] = []


def empty_tables(_test_case=None) -> None:
    """Leave what a `flush` leaves: no rows, and all permissions. Waits for those who write."""
    if not _kept_as_it_was:
        _flush()
    with transaction.atomic(), connection.cursor() as cursor:
        tables = [name for name in _tables() if name not in KEPT]
        names = ", ".join(map(connection.ops.quote_name, tables))
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
        rows = _count_rows(cursor, tables)
        if connection.vendor == "postgresql" and max(rows.values()) > MANY:
            cursor.execute(f"TRUNCATE {names}")
        else:
            for table in filter(rows.get, tables):
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
    if _kept() != _kept_as_it_was:
        _flush()


def _tables() -> list[str]:
    return connection.introspection.django_table_names(only_existing=True, include_views=False)


def _count_rows(cursor, tables: list[str]) -> dict[str, int]:
    """Return how many rows each table has, or that they are more than many."""
    counts = (
        f"(SELECT count(*) FROM (SELECT 1 FROM {connection.ops.quote_name(table)}"
        f" LIMIT {MANY + 1}) AS first_rows)"
        for table in tables
    )
    cursor.execute(f"SELECT {', '.join(counts)}")
    return dict(zip(tables, cursor.fetchone(), strict=True))


def _kept() -> list[tuple[int, int]]:
    """Return what changes when a test adds to the tables that are kept, or deletes from them."""
    with connection.cursor() as cursor:
        found = []
        for table in KEPT:
            cursor.execute(f"SELECT count(*), max(id) FROM {connection.ops.quote_name(table)}")
            found.append(cursor.fetchone())
    return found


def _flush() -> None:
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
    _kept_as_it_was[:] = _kept()
