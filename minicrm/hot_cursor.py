"""A cursor for the few statements that run at every contact."""

from typing import Any

from django.db import connection


def hot_cursor() -> Any:
    """Return a cursor that prepares its statements; SQLite's driver does so by itself.

    Not for what finds rows of a table that grows with each contact. PostgreSQL keeps its plan, too,
    until it has analysed the table anew, and one that was made for a hundred rows reads all of a
    hundred thousand. For polls, which are few, that was found to be cheaper than to plan each.
    """
    prepared = getattr(connection, "prepared_cursor", None)
    return prepared() if prepared else connection.cursor()
