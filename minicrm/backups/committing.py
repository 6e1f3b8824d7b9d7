"""The transaction of a restore, and what is known of it when its end went wrong."""

import contextlib
from collections.abc import Iterator

from django.db import Error as DatabaseFailure
from django.db import connection, transaction

from minicrm.transactions import sqlstate

# Of PostgreSQL: the connection, or the server, ended; and 40003, which says as much.
ENDED = ("08", "57P", "40003")


class OutcomeUnknown(Exception):
    """All was replaced, or nothing; the message says how to find out."""


@contextlib.contextmanager
def all_or_nothing() -> Iterator[None]:
    """Run the block in a transaction; raise OutcomeUnknown if the answer to COMMIT was lost.

    Every other exception means that nothing was changed.
    """
    number = None
    try:
        with transaction.atomic():
            yield
            number = _number()
    except DatabaseFailure as error:
        if number is None or _is_answer(error):
            raise
        raise OutcomeUnknown(
            "The connection was lost while the restore was committed, the last step, so it is not"
            f" known whether all data was replaced, or nothing. SELECT pg_xact_status('{number}')"
            " in that database says it: committed, or aborted. Or restore once more."
        ) from error


def _number() -> int | None:
    """Return PostgreSQL's number of the transaction; SQLite has no connection to lose."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        return int(cursor.fetchone()[0])


def _is_answer(error: DatabaseFailure) -> bool:
    """Whether the server itself says that it did not commit."""
    state = sqlstate(error)
    return state is not None and not state.startswith(ENDED)
