"""What is different about our connections to PostgreSQL."""

# What Django calls its own, and its type information leaves out, is what a backend is made of.
# mypy: disable-error-code="misc, attr-defined, call-arg"

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection, that sees for itself whether the server has ended it."""

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

    def prepared_cursor(self) -> Any:
        """Return a cursor whose statements the server parses and plans once a connection.

        Django's own writes the values into the text, which makes each statement a new one. This
        one sends them apart, and psycopg prepares a statement that comes often; behind a pooler it
        does not (`prepare_threshold` in the settings).
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(base.ServerBindingCursor(self.connection))
