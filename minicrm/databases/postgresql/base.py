"""What is different about our connections to PostgreSQL."""

# What Django calls its own, and its type information leaves out, is what a backend is made of.
# mypy: disable-error-code="misc, attr-defined, call-arg"

import select
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import Error
from django.db.backends.postgresql import base, operations
from django.db.backends.utils import debug_transaction
from psycopg.pq import TransactionStatus

from minicrm.databases.hot import HasHotCursors
from minicrm.databases.postgresql.calls import HotCursor, Prepared, commit, say

UNNOTED = nullcontext()


class DatabaseOperations(operations.DatabaseOperations):
    """Django's, which also know of our cursor."""

    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """Return a statement for the list of those that were run (`connection.queries`)."""
        if isinstance(cursor, HotCursor):
            return sql
        return str(super().last_executed_query(cursor, sql, params))


class DatabaseWrapper(HasHotCursors, base.DatabaseWrapper):
    """Django's connection, with fewer questions to the server, and cheaper ones, where many come.

    psycopg's own connection stays in autocommit: BEGIN and COMMIT are said here, in a call each.
    """

    ops_class = DatabaseOperations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepared = Prepared()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; what was prepared was the old connection's."""
        self._prepared = Prepared()
        return super().get_new_connection(conn_params)

    def _start_transaction_under_autocommit(self) -> None:
        try:
            with self._noted("BEGIN"), self.wrap_database_errors:
                say(self.connection, b"BEGIN")
        except Error:
            if self.connection.closed:
                self.close()  # the block that would see to it was never entered
            raise

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)

    def _commit(self) -> None:
        if self.connection is not None:
            with self._noted("COMMIT"), self.wrap_database_errors:
                commit(self.connection)

    def _noted(self, command: str) -> AbstractContextManager[None]:
        """Note a command in the list of those that were run, if there is one."""
        return debug_transaction(self, command) if self.queries_logged else UNNOTED

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor; one with a name holds its rows beyond a transaction only outside of one.

        Django goes by psycopg's own autocommit, which is always on here.
        """
        cursor = super().create_cursor(name)
        if name:
            cursor._withhold = self.get_autocommit()
        return cursor

    def is_usable(self) -> bool:
        """Whether the connection can be used; asked before the first query of each request.

        On an idle connection there is nothing to read until the server says goodbye. So an
        answer to `SELECT 1`, which Django waits for each time, is needed only if there is, after
        an error, and within a transaction.
        """
        if self.connection.closed:
            return False
        is_idle = self.connection.info.transaction_status == TransactionStatus.IDLE
        if is_idle and not self.errors_occurred and not self._has_word():
            return True
        return super().is_usable()

    def _has_word(self) -> bool:
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _new_hot_cursor(self, *, prepares: bool) -> HotCursor:
        """Return a cursor whose statements the server parses and plans once a connection, or each.

        Django's own writes the values into the text, which makes each statement a new one.
        """
        prepared = self._prepared if prepares else None
        return HotCursor(self.connection, self.wrap_database_errors, prepared)
