"""A cursor for the few statements that run at every contact (`databases.hot`)."""

from typing import Any

from django.db import connection


def hot_cursor(*, prepares: bool = True) -> Any:
    """Return a cursor that prepares its statements, or not; SQLite's driver does so by itself.

    What finds rows of a table that grows with each contact is not to be prepared. PostgreSQL keeps
    its plan, too, until it has analysed the table anew, and one that was made for a hundred rows
    reads all of a hundred thousand. For polls, which are few, that was found to be cheaper than to
    plan each.
    """
    return connection.hot_cursor(prepares=prepares)  # type: ignore[attr-defined]
