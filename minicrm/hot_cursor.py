"""A cursor for the few statements that run at every contact."""

from typing import Any

from django.db import connection


def hot_cursor() -> Any:
    """Return a cursor that prepares its statements; SQLite's driver does so by itself."""
    prepared = getattr(connection, "prepared_cursor", None)
    return prepared() if prepared else connection.cursor()
