"""Django's own database backends, each with what a request at a time, many a second, asks for."""

from functools import cache

from django.db import connection


@cache
def is_postgresql() -> bool:
    """Whether the database is PostgreSQL, and not SQLite; the same for as long as a process lives.

    To ask the connection each time costs an arrival as much as a statement on SQLite.
    """
    return bool(connection.vendor == "postgresql")
